"""Rates, latencies and errors of the last minutes, in bounded memory."""

import json
from pathlib import Path

from utility_ts_analytics.service.monitoring.history import ERRORS_MAX, SAMPLES_MAX, History
from utility_ts_analytics.service.shared_worker_state import WorkerStateFile
from utility_ts_analytics.service.worker_totals import read_worker_totals
from utility_ts_analytics.telemetry.error_notes import ErrorNote
from utility_ts_analytics.telemetry.measures import Measures

STREAM = "meter_usage"


class Watcher:
    """A worker, and a history that samples it once a second."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state_file = WorkerStateFile(folder, STREAM)  # the file lives as long as this
        self.measures: Measures = self.state_file.measures
        self.history = History([STREAM])
        self.now_s = 100.0
        self.sample()

    def sample(self) -> None:
        self.history.sample(read_worker_totals(self.folder), self.now_s)
        self.now_s += 1.0


def test_rates_are_of_the_last_seconds_and_curves_of_all(tmp_path: Path) -> None:
    watcher = Watcher(tmp_path)
    for _ in range(4):
        watcher.measures.rows_taken(100)
        watcher.measures.rows_stored(90, 0.02, sink="ilp", wall_ns=1)
        watcher.sample()
    for _ in range(5):
        watcher.sample()
    lately = watcher.history.lately(STREAM)
    assert lately["now"] == {
        "received_rows_per_s": 0,
        "stored_rows_per_s": 0,
        "refused_rows_per_s": 0,
        "requests_per_s": 0,
    }
    history = lately["history"]
    assert isinstance(history, dict)
    assert history["received_rows_per_s"] == [100] * 4 + [0] * 5
    assert history["stored_rows_per_s"] == [90] * 4 + [0] * 5


def test_last_minute_has_latencies_and_the_share_that_was_refused(tmp_path: Path) -> None:
    watcher = Watcher(tmp_path)
    for _ in range(99):
        watcher.measures.request_ended(200, 0.02)
    watcher.measures.request_ended(200, 4.0)
    watcher.measures.rows_taken(75)
    watcher.measures.rows_refused(["invalid-json"] * 25)
    watcher.measures.rows_stored(75, 0.03, sink="ilp", wall_ns=1)
    watcher.sample()
    minute = watcher.history.lately(STREAM)["last_minute"]
    assert isinstance(minute, dict)
    assert minute["requests"] == 100
    assert minute["requests_by_code"] == {"200": 100}
    assert (minute["received_rows"], minute["refused_share"]) == (100, 0.25)
    assert minute["refused_by_reason"] == {"invalid-json": 25}
    assert minute["flush_rows_mean"] == 75
    p50_ms, flush_ms = minute["request_p50_ms"], minute["flush_p50_ms"]
    assert isinstance(p50_ms, float)
    assert isinstance(flush_ms, float)
    assert 10 < p50_ms <= 25
    assert 25 < flush_ms <= 50
    assert minute["request_p99_ms"] == 25.0
    for _ in range(61):
        watcher.sample()
    minute = watcher.history.lately(STREAM)["last_minute"]
    assert isinstance(minute, dict)
    assert (minute["requests"], minute["request_p99_ms"], minute["refused_share"]) == (
        0,
        None,
        None,
    )
    assert (minute["requests_by_code"], minute["refused_by_reason"]) == ({}, {})


def test_errors_are_reported_once_newest_first_also_after_their_worker_is_gone(
    tmp_path: Path,
) -> None:
    watcher = Watcher(tmp_path)
    watcher.measures.errors.add(ErrorNote(2_000_000_000, "invalid-number", 17, "kwh"))
    watcher.measures.errors.add(ErrorNote(3_000_000_000, "overloaded"))
    watcher.measures.publish()
    watcher.sample()
    watcher.sample()
    for file in tmp_path.iterdir():
        file.unlink()
    watcher.sample()
    assert watcher.history.errors() == [
        {"at": 3.0, "stream": STREAM, "code": "overloaded", "line": None, "field": None},
        {"at": 2.0, "stream": STREAM, "code": "invalid-number", "line": 17, "field": "kwh"},
    ]


def test_memory_is_bounded(tmp_path: Path) -> None:
    watcher = Watcher(tmp_path)
    for number in range(SAMPLES_MAX + 20):
        watcher.measures.errors.add(ErrorNote(number + 1, "invalid-json", number))
        watcher.measures.rows_taken(1)
        watcher.sample()
    assert len(watcher.history.errors()) == ERRORS_MAX
    document = json.dumps(watcher.history.lately(STREAM))
    assert len(json.loads(document)["history"]["stored_rows_per_s"]) == SAMPLES_MAX - 1


def test_nothing_is_known_before_the_first_sample() -> None:
    lately = History([STREAM]).lately(STREAM)
    assert (lately["now"], lately["last_minute"]) == ({}, {})


def test_failed_rows_are_among_the_refused_by_their_reason(tmp_path: Path) -> None:
    watcher = Watcher(tmp_path)
    watcher.measures.rows_taken(10)
    watcher.measures.rows_refused(["sink-rejected"])
    watcher.measures.rows_failed(4, "draining")
    watcher.measures.request_ended(503, 0.1)
    watcher.sample()
    minute = watcher.history.lately(STREAM)["last_minute"]
    assert isinstance(minute, dict)
    assert minute["refused_by_reason"] == {"sink-rejected": 1, "draining": 4}
    assert minute["requests_by_code"] == {"503": 1}
