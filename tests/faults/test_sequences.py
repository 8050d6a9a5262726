"""Of two versions of a reading the one accepted later is stored, whatever happened in between."""

import pytest
from loadtest.faults.sequence_play import play_sequence
from loadtest.faults.sequences import NAMED, FaultSequence, by_service, draw
from loadtest.faults.stage import Stage

pytestmark = [pytest.mark.process, pytest.mark.questdb]

SEEDS = (68, 92)
"""On a service that sequences with a name start as well."""


@pytest.mark.parametrize("sequence", by_service([*NAMED.values(), *map(draw, SEEDS)]), ids=str)
def test_no_version_is_undone_by(sequence: FaultSequence, stage: Stage) -> None:
    report = play_sequence(stage, sequence)
    assert report.failures == []
    assert report.books is not None
    assert report.books.undone == 0
    assert report.books.versions > 0
