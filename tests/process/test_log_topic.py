"""A look at a topic while a broker leaves."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.running_kafka import TestKafka

from utility_ts_analytics.clock import SystemClock
from utility_ts_analytics.sinks.kafka.topic import LogTopic

pytestmark = [pytest.mark.kafka, pytest.mark.process]

CLIENTS = 8
"""Each takes one of the two brokers for the controller, by chance."""

TIMEOUT_S = 3.0


def test_broker_that_leaves_is_not_asked_any_more(kafka: TestKafka, tmp_path: Path) -> None:
    topics = [LogTopic(kafka.config, "meter_usage", SystemClock()) for _ in range(CLIENTS)]
    with ThreadPoolExecutor(CLIENTS) as pool:
        with kafka.second_broker(tmp_path / "broker"):
            assert all(look.answered for look in pool.map(lambda it: it.look(TIMEOUT_S), topics))
        looks = list(pool.map(lambda it: it.look(TIMEOUT_S), topics))
    assert [look.failure for look in looks] == [None] * CLIENTS
