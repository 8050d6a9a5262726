"""Nothing acknowledged is lost, doubled or undone on the way through the log, under a small load.

One broker, and the faults that no test of the sink or of `consume` plays. All of them, also with
three brokers and at random: `python -m loadtest faults --kafka`.
"""

from collections.abc import Iterator

import pytest
from loadtest.faults.kafka_scenarios import KAFKA_SCENARIOS
from loadtest.faults.kafka_stage import KafkaStage
from loadtest.faults.scenario import play
from tests.faults.conftest import SCALE, let_sleep

pytestmark = [pytest.mark.kafka, pytest.mark.process, pytest.mark.questdb]


@pytest.fixture(scope="module")
def log_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaStage]:
    """An edge, a broker, two consumers and QuestDB."""
    folder = tmp_path_factory.mktemp("log")
    let_sleep(folder / "questdb")
    with KafkaStage(folder, SCALE, brokers=1) as stage:
        yield stage


@pytest.mark.parametrize("name", ["edge-killed", "edge-cut-off", "rebalances"])
def test_books_balance_behind_the_log_after(name: str, log_stage: KafkaStage) -> None:
    report = play(log_stage, KAFKA_SCENARIOS[name])
    assert report.failures == []
    assert report.books is not None
    assert report.books.acknowledged > 0
    assert report.books.versions > 0
    assert report.answers["202"] > 0
