"""The documents of the operations port say what the numbers of the workers say."""

import os
from pathlib import Path
from types import MappingProxyType

import pytest
from tests.unit.service.worker_states import worker_state

from utility_ts_analytics.config import parse_config
from utility_ts_analytics.database.health import UNKNOWN, QuestDBHealth, TableHealth
from utility_ts_analytics.service.monitoring.documents import scrape_figures, stream_status
from utility_ts_analytics.service.monitoring.history import History
from utility_ts_analytics.service.shared_worker_state import SERVING, WorkerStateFile
from utility_ts_analytics.service.worker_totals import WorkerTotals, read_worker_totals
from utility_ts_analytics.telemetry import registry
from utility_ts_analytics.telemetry.exposition import Exposition
from utility_ts_analytics.telemetry.registry import METRICS
from utility_ts_analytics.telemetry.token_counts import TokenNumbers

STREAM = "meter_usage"
CONFIG = parse_config({"meter_usage": {"name": "mu"}}, {}).meter_usage


def test_every_number_is_where_the_page_looks_for_it(tmp_path: Path) -> None:
    state_file = WorkerStateFile(tmp_path, STREAM)
    measures = state_file.measures
    measures.held = lambda: (3, 30)
    measures.rows_taken(14)
    measures.rows_stored(8, 0.1, sink="pgwire", wall_ns=1_500_000_000)
    measures.rows_refused(["wrong-type", "wrong-type"])
    measures.rows_spooled(2)
    measures.rows_failed(1, "draining")
    measures.retried("in-doubt", sink="ilp")
    measures.fell_back(active=True)
    measures.request_ended(422, 0.1)
    gauges = [(registry.BUFFER_ROWS_MAX, 50), (registry.WORKER_MEMORY, 4096)]
    state_file.publish(SERVING, 1.0, gauges)
    status = stream_status(read_worker_totals(tmp_path), STREAM, CONFIG, History([STREAM]))
    assert status["table"] == "mu"
    assert status["delivery"] == {"first": "ilp", "fallback": "pgwire", "ack": "committed"}
    books = ("received_rows", "stored_rows", "rejected_rows", "failed_rows", "in_flight_rows")
    assert [status[name] for name in books] == [16, 8, 2, 1, 5]
    assert (status["held_rows"], status["spooled_rows"]) == (3, 2)
    assert status["stored_by_sink"] == {"pgwire": 8}
    assert status["rejected_by_reason"] == {"wrong-type": 2}
    assert status["failed_by_reason"] == {"draining": 1}
    assert status["requests_by_code"] == {"422": 1}
    assert status["buffer"] == {"held_rows": 3, "capacity_rows": 50, "bytes": 30}
    assert (status["retries"], status["fallback_lanes"], status["last_stored_at"]) == (1, 1, 1.5)
    assert status["workers"] == [
        {
            "pid": os.getpid(),
            "state": "serving",
            "stored_rows": 8,
            "held_rows": 3,
            "memory_bytes": 4096,
        }
    ]


def test_stream_without_a_worker_has_zeros(tmp_path: Path) -> None:
    status = stream_status(read_worker_totals(tmp_path), STREAM, CONFIG, History([STREAM]))
    assert (status["received_rows"], status["last_stored_at"], status["workers"]) == (0, None, [])


@pytest.mark.parametrize(("kind", "fallback"), [("pgwire", "pgwire"), ("ilp", "none")])
def test_way_that_is_the_first_or_none_is_no_fallback(
    kind: str, fallback: str, tmp_path: Path
) -> None:
    sink = {"kind": kind, "fallback": fallback}
    config = parse_config({"meter_usage": {"sink": sink}}, {}).meter_usage
    status = stream_status(read_worker_totals(tmp_path), STREAM, config, History([STREAM]))
    assert status["delivery"] == {"first": kind, "fallback": None, "ack": "committed"}


STREAMS = ("meter_usage", "generation_output")


def test_everything_without_a_place_in_the_layout_is_found() -> None:
    tables = MappingProxyType({"mu": TableHealth(None)})
    health = QuestDBHealth(True, "", tables)
    figures = scrape_figures(WorkerTotals(), STREAMS, health, kafka_up=True, ready=True)
    assert set(figures.found) == {metric.name for metric in METRICS if not metric.has_places}
    assert figures.found["ingestion_table_suspended"] == {("mu",): 0}
    assert figures.found["ingestion_questdb_up"] == figures.found["ingestion_ready"] == {(): 1}
    assert set(figures.streams) == set(STREAMS)
    assert Exposition(lambda: figures).render("")


def test_tokens_are_reported_by_name_and_an_open_stream_has_none() -> None:
    tokens = {"meter_usage": {"head-end": TokenNumbers(3, 40), "unused": TokenNumbers()}}
    books = WorkerTotals(dead_tokens=tokens)
    figures = scrape_figures(books, STREAMS, UNKNOWN, kafka_up=None, ready=False)
    requests, rows = (
        {("meter_usage", "head-end"): n, ("meter_usage", "unused"): 0} for n in (3, 40)
    )
    assert figures.found["ingestion_requests_by_token_total"] == requests
    assert figures.found["ingestion_rows_accepted_by_token_total"] == rows
    text = Exposition(lambda: figures).render("")[1].decode()
    name = "ingestion_requests_by_token_total"
    assert f'{name}{{stream="meter_usage",token="head-end"}} 3.0' in text
    assert [
        line for line in text.splitlines() if line.startswith(name) and "generation" in line
    ] == []


def test_tables_are_absent_while_nobody_can_look_at_them() -> None:
    figures = scrape_figures(WorkerTotals(), STREAMS, UNKNOWN, kafka_up=None, ready=False)
    assert figures.found["ingestion_table_suspended"] == {}
    assert figures.found["ingestion_questdb_up"] == {(): 0}


def test_store_that_no_stream_goes_to_has_no_figures() -> None:
    figures = scrape_figures(WorkerTotals(), STREAMS, None, kafka_up=False, ready=False).found
    assert figures["ingestion_questdb_up"] == figures["ingestion_table_suspended"] == {}
    assert figures["ingestion_kafka_up"] == {(): 0}


def test_the_dead_are_no_workers_and_every_state_is_there() -> None:
    books = WorkerTotals([worker_state(pid=2**22 + 5)])
    workers = scrape_figures(books, STREAMS, UNKNOWN, kafka_up=None, ready=False).found[
        "ingestion_workers"
    ]
    assert len(workers) == 2 * 5
    assert set(workers.values()) == {0}
