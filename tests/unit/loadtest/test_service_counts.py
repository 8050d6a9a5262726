"""What the service says of itself, read from either path."""

import json
from collections.abc import Iterator
from typing import ClassVar

import pytest
from loadtest.service_counts import (
    ServiceCounts,
    in_flight_rows,
    metrics_counts,
    service_counts,
    settled,
    since,
    wait_calm,
)
from tests.unit.loadtest.http_server import Handler, closed_port, serving

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
    class Pages(Handler):
        def reply(self) -> None:
            self.answer(200 if self.path in pages else 404, pages.get(self.path, "none").encode())

    with serving(Pages) as port:
        yield port


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


class Status(Handler):
    """Answers with one number after the other; the last one stays."""

    numbers: ClassVar[list[int]]

    def reply(self) -> None:
        number = self.numbers.pop(0) if len(self.numbers) > 1 else self.numbers[0]
        streams = {"meter_usage": {"in_flight_rows": number}, "other": {"in_flight_rows": 0}}
        self.answer(200, json.dumps({"streams": streams}).encode())


@pytest.fixture
def calm_port() -> Iterator[int]:
    with serving(Status) as port:
        yield port


def test_rows_of_all_streams_are_on_their_way(calm_port: int) -> None:
    Status.numbers = [7]
    assert in_flight_rows(calm_port) == 7


def test_nothing_is_known_where_nobody_answers() -> None:
    assert in_flight_rows(closed_port()) is None


def test_rows_that_show_up_again_are_waited_for(calm_port: int) -> None:
    Status.numbers = [3, 0, 0, 2, 0]
    wait_calm(calm_port, timeout_s=10.0)
    assert Status.numbers == [0]


def test_rows_that_never_leave_are_an_error(calm_port: int) -> None:
    Status.numbers = [1]
    with pytest.raises(RuntimeError, match="no row is in flight"):
        wait_calm(calm_port, timeout_s=0.05)
