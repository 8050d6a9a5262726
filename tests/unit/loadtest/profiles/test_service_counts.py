"""What the service says of itself, read from either path."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from loadtest.profiles.service_counts import (
    ServiceCounts,
    metrics_counts,
    service_counts,
    settled,
    since,
)

METRICS = """\
# HELP ingestion_rows_stored_total Rows stored.
# TYPE ingestion_rows_stored_total counter
ingestion_rows_received_total{stream="meter_usage"} 1.1e+06
ingestion_rows_received_total{stream="generation_output"} 5.0
ingestion_rows_stored_total{sink="ilp",stream="meter_usage"} 1000000
ingestion_rows_stored_total{sink="pgwire",stream="meter_usage"} 50000.0
ingestion_rows_rejected_total{stream="meter_usage",reason="invalid-json"} 40000
ingestion_rows_rejected_total{stream="meter_usage",reason="negative-value"} 9000
ingestion_rows_rejected_total{stream="generation_output",reason="invalid-json"} 3
ingestion_rows_failed_total{stream="meter_usage",reason="sink-unavailable"} 1000
ingestion_rows_in_flight{stream="meter_usage"} 7
ingestion_request_seconds_bucket{stream="meter_usage",le="+Inf"} 9
"""
STATUS = {
    "streams": {
        "meter_usage": {
            "stored_rows": 12,
            "failed_rows": 3,
            "held_rows": 1,
            "workers": [
                {"pid": 9, "state": "serving"},
                {"pid": 4, "state": "gone"},
                {"pid": 7, "state": "draining"},
            ],
        }
    }
}


@pytest.fixture
def pages() -> dict[str, str]:
    return {"/status.json": json.dumps(STATUS)}


@pytest.fixture
def port(pages: dict[str, str]) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = pages.get(self.path, "none").encode()
            self.send_response(200 if self.path in pages else 404)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_metrics_of_the_stream_are_summed_over_sinks_and_reasons() -> None:
    assert metrics_counts(METRICS, (1,)) == ServiceCounts(
        source="/metrics",
        stored=1_050_000,
        failed=1000,
        in_flight=7,
        received=1_100_000,
        rejected={"invalid-json": 40000, "negative-value": 9000},
        workers=(1,),
    )


def test_service_without_metrics_is_asked_for_its_status(port: int) -> None:
    assert service_counts("127.0.0.1", port) == ServiceCounts(
        source="/status.json", stored=12, failed=3, in_flight=1, workers=(7, 9)
    )


def test_metrics_are_preferred(port: int, pages: dict[str, str]) -> None:
    pages["/metrics"] = METRICS
    counts = service_counts("127.0.0.1", port)
    assert (counts.source, counts.stored, counts.workers) == ("/metrics", 1_050_000, (7, 9))


@pytest.mark.parametrize("text", ["no json", "{}", '{"streams": {}}'])
def test_another_kind_of_service_is_an_error(port: int, pages: dict[str, str], text: str) -> None:
    pages["/status.json"] = text
    with pytest.raises(RuntimeError, match=r"cannot read /status\.json"):
        service_counts("127.0.0.1", port)


def test_only_what_was_counted_in_between_is_left() -> None:
    before = ServiceCounts("/metrics", 10, 1, 5, 20, {"a": 1, "b": 4}, (1, 2))
    after = ServiceCounts("/metrics", 110, 3, 0, 140, {"a": 1, "b": 9, "c": 2}, (1, 3))
    assert since(before, after) == ServiceCounts(
        "/metrics", 100, 2, 0, 120, {"b": 5, "c": 2}, (1, 3)
    )


def test_what_is_not_told_stays_unknown() -> None:
    counted = since(ServiceCounts("/status.json", 1, 0, 0), ServiceCounts("/status.json", 4, 0, 0))
    assert (counted.stored, counted.received, counted.rejected) == (3, None, None)


def test_counts_are_settled_once_two_agree_and_nothing_is_in_flight() -> None:
    said = [ServiceCounts("", 1, 0, 2), ServiceCounts("", 1, 0, 2), ServiceCounts("", 3, 0, 0)]
    said.append(said[-1])
    answers = iter(said)
    assert settled(lambda: next(answers), agree_s=0) == said[-1]
    assert next(answers, None) is None


def test_counts_that_never_settle_are_returned_as_they_are() -> None:
    stuck = ServiceCounts("", 1, 0, 2)
    assert settled(lambda: stuck, timeout_s=0, agree_s=0) == stuck
