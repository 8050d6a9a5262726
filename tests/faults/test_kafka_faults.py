"""Nothing acknowledged is lost, doubled or undone on the way through the log: every fault once.

One broker; `python -m loadtest faults --kafka` plays each of them for itself, and with three.
"""

from pathlib import Path

import pytest
from loadtest.faults.kafka_scenarios import KAFKA_SCENARIOS
from loadtest.faults.kafka_stage import KafkaStage
from loadtest.faults.scenario import play
from tests.faults.conftest import SCALE

pytestmark = [pytest.mark.kafka, pytest.mark.process, pytest.mark.questdb]


def test_books_balance_after_every_fault_of_the_log(tmp_path: Path) -> None:
    with KafkaStage(tmp_path, SCALE, brokers=1) as stage:
        report = play(stage, KAFKA_SCENARIOS["log-storm"])
    assert report.failures == []
    assert report.books is not None
    assert report.books.acknowledged > 0
    assert report.books.versions > 0
    assert report.answers["202"] > 0
    assert report.answers["503"] > 0
