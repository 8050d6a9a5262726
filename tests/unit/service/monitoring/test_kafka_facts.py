"""What is told of Kafka: topics, lag, and refused records that cannot be kept."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from utility_ts_analytics.config import parse_config
from utility_ts_analytics.consume.lag import Lag
from utility_ts_analytics.service.monitoring.documents import scrape_figures, stream_status
from utility_ts_analytics.service.monitoring.history import History
from utility_ts_analytics.service.monitoring.kafka_facts import (
    LastReason,
    kafka_facts,
    waiting_letters,
)
from utility_ts_analytics.service.shared_worker_state import SERVING, WorkerStateFile
from utility_ts_analytics.service.worker_totals import WorkerTotals, read_worker_totals
from utility_ts_analytics.sinks.kafka.replication import (
    PartitionReplicas,
    Replication,
    replication_of,
)
from utility_ts_analytics.telemetry.log_metrics import LETTER_TROUBLES, PARTITIONS_PAUSED

STREAM = "meter_usage"
TWO_OF_THREE = replication_of(
    [
        PartitionReplicas(0, 1, [1, 2, 3], [1, 2, 3]),
        PartitionReplicas(1, 2, [1, 2, 3], [2, 1]),
        PartitionReplicas(2, -1, [1, 2, 3], []),
    ]
)


class Watch:
    """A watch on one topic that found this."""

    known = True

    def __init__(self, reason: str = "", **found: Replication) -> None:
        self.replication: Mapping[str, Replication] = found
        self._reason = reason

    def reasons(self) -> list[str]:
        return [self._reason] if self._reason else []

    def topic_reasons(self) -> Mapping[str, str]:
        return {STREAM: self._reason}


def test_replicas_are_counted_over_all_partitions() -> None:
    assert (TWO_OF_THREE.partitions, TWO_OF_THREE.replicas, TWO_OF_THREE.in_sync_min) == (3, 3, 0)
    assert (TWO_OF_THREE.under_replicated, TWO_OF_THREE.leaderless) == (2, (2,))
    assert TWO_OF_THREE.brokers == {1, 2, 3}
    assert replication_of([]).partitions == 0


def test_facts_have_brokers_topics_and_the_last_reason() -> None:
    last = LastReason()
    topics = {STREAM: "meters", "generation_output": "plants"}
    facts: dict[str, Any] = kafka_facts(Watch(meter_usage=TWO_OF_THREE), topics, last)
    assert (facts["up"], facts["brokers"], facts["brokers_in_sync"]) == (True, 3, 3)
    assert facts["last_error"] is None
    assert facts["topics"]["meters"] == {
        "stream": STREAM,
        "partitions": 3,
        "replicas": 3,
        "in_sync_min": 0,
        "under_replicated": 2,
        "reason": "",
    }
    assert facts["topics"]["plants"]["partitions"] == 0
    last.note(["away", "gone"], 7.0)
    last.note([], 8.0)
    facts = kafka_facts(Watch("away"), topics, last)
    assert (facts["up"], facts["reason"], facts["brokers"]) == (False, "away", 0)
    assert facts["last_error"] == {"at": 7.0, "reason": "away; gone"}


def totals_with(folder: Path, waiting: dict[str, int]) -> WorkerTotals:
    state_file = WorkerStateFile(folder, STREAM)
    state_file.measures.dead_letters_waiting(waiting)  # type: ignore[arg-type]
    state_file.measures.messages_written(4)
    state_file.publish(SERVING, 1.0, [(PARTITIONS_PAUSED, 2)])
    return read_worker_totals(folder)


@pytest.mark.parametrize("reason", LETTER_TROUBLES)
def test_waiting_letters_are_told_with_the_topic_and_what_is_wrong(
    reason: str, tmp_path: Path
) -> None:
    totals = totals_with(tmp_path, {reason: 3})
    [line] = waiting_letters(totals, {STREAM: "letters"}, {})
    assert line.startswith("3 refused records of meter_usage wait")
    assert "dead-letter topic letters" in line
    [line] = waiting_letters(totals, {STREAM: "letters"}, {STREAM: "no leader"})
    assert line.endswith(": no leader") == (reason in ("no-answer", "other"))


def test_no_letters_wait_where_none_was_refused(tmp_path: Path) -> None:
    assert list(waiting_letters(totals_with(tmp_path, {}), {STREAM: "letters"}, {})) == []


def log_of(totals: WorkerTotals, lags: Mapping[int, Lag]) -> dict[str, Any]:
    config, history = parse_config({}, {}).meter_usage, History([STREAM])
    found = stream_status(totals, STREAM, config, history, lags=lags)["log"]
    assert isinstance(found, dict)
    return found


def test_lag_of_a_stream_is_the_sum_of_its_partitions_and_the_largest_age(tmp_path: Path) -> None:
    totals = totals_with(tmp_path, {"missing": 1})
    log = log_of(totals, {0: Lag(3, 60, 1.25), 1: Lag(2, 10, 7.0), 2: Lag(0, 0, 0.0)})
    assert (log["lag_messages"], log["lag_rows_estimate"], log["lag_s"]) == (5, 70, 7.0)
    assert (log["partitions"], log["paused_partitions"]) == (3, 2)
    assert log["letters_waiting"] == {"missing": 1}
    assert log_of(totals, {0: Lag(3, None, 1.0), 1: Lag(2, 10, 7.0)})["lag_rows_estimate"] is None


def test_loss_of_a_stream_is_the_sum_of_its_partitions_and_the_last_time(tmp_path: Path) -> None:
    totals = totals_with(tmp_path, {})
    log = log_of(totals, {0: Lag(0, 0, 0.0, 3, 1_500), 1: Lag(0, 0, 0.0, 4, 7_500)})
    assert (log["lost_messages"], log["last_lost_at"]) == (7, 7.5)
    assert log_of(totals, {0: Lag(0, 0, 0.0)})["last_lost_at"] is None


def test_partition_without_an_estimate_has_no_series() -> None:
    lags = {STREAM: {0: Lag(3, None, 1.0), 1: Lag(2, 10, 7.0)}}
    figures = scrape_figures(
        WorkerTotals(),
        [STREAM],
        None,
        kafka_up=True,
        ready=True,
        replication={STREAM: TWO_OF_THREE, "generation_output": Replication()},
        lags=lags,
    ).found
    assert figures["ingestion_log_lag_rows_estimate"] == {(STREAM, "1"): 10}
    assert figures["ingestion_log_lag_messages"] == {(STREAM, "0"): 3, (STREAM, "1"): 2}
    assert figures["ingestion_log_partitions_under_replicated"] == {(STREAM,): 2}


def test_written_messages_stand_where_the_stream_goes_to_kafka(tmp_path: Path) -> None:
    totals, history = totals_with(tmp_path, {}), History([STREAM])
    sink = {"kind": "kafka", "fallback": "none"}
    into_kafka = parse_config({STREAM: {"sink": sink}}, {}).meter_usage
    assert stream_status(totals, STREAM, into_kafka, history)["messages_written"] == 4
    into_questdb = parse_config({}, {}).meter_usage
    assert "messages_written" not in stream_status(totals, STREAM, into_questdb, history)
