"""Of two versions of a reading the one accepted later is stored, whatever happened in between."""

import pytest
from loadtest.faults.named_sequences import NAMED
from loadtest.faults.sequences import play_sequence
from loadtest.faults.stage import Stage

pytestmark = [pytest.mark.process, pytest.mark.questdb]


@pytest.mark.parametrize("name", NAMED)
def test_no_version_is_undone_by(name: str, stage: Stage) -> None:
    outcome = play_sequence(stage, NAMED[name])
    assert (outcome.books.undone, outcome.failures) == (0, [])
    assert outcome.books.versions > outcome.books.keys > 0
