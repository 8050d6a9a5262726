"""The status of a stream says what its numbers say."""

import os
from pathlib import Path

import pytest

from utility_ts_analytics.config import parse_config
from utility_ts_analytics.service.beacon import SERVING, Beacon
from utility_ts_analytics.service.departed import read_books
from utility_ts_analytics.service.history import History
from utility_ts_analytics.service.status import stream_status
from utility_ts_analytics.telemetry import registry

STREAM = "meter_usage"
CONFIG = parse_config({"meter_usage": {"name": "mu"}}, {}).meter_usage


def test_every_number_is_where_the_page_looks_for_it(tmp_path: Path) -> None:
    beacon = Beacon(tmp_path, STREAM)
    measures = beacon.measures
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
    beacon.say(SERVING, 1.0, gauges)
    status = stream_status(read_books(tmp_path), STREAM, CONFIG, History([STREAM]))
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
    status = stream_status(read_books(tmp_path), STREAM, CONFIG, History([STREAM]))
    assert (status["received_rows"], status["last_stored_at"], status["workers"]) == (0, None, [])


@pytest.mark.parametrize(("kind", "fallback"), [("pgwire", "pgwire"), ("ilp", "none")])
def test_way_that_is_the_first_or_none_is_no_fallback(
    kind: str, fallback: str, tmp_path: Path
) -> None:
    sink = {"kind": kind, "fallback": fallback}
    config = parse_config({"meter_usage": {"sink": sink}}, {}).meter_usage
    status = stream_status(read_books(tmp_path), STREAM, config, History([STREAM]))
    assert status["delivery"] == {"first": kind, "fallback": None, "ack": "committed"}
