"""What ends a request before its body does: too many errors, a client that left, a drain."""

import asyncio
import json
from typing import Any

import pytest
import zstandard
from tests.unit.asgi.ingest_rig import ARRAY, BAD, GOOD, NDJSON, Service

from utility_ts_analytics.buffering.queue import BlockQueue


def test_more_bad_lines_than_allowed_and_than_good_ones_end_the_request() -> None:
    service = Service(max_request_errors=3)
    status, answer = service.post(NDJSON, GOOD % 1, GOOD % 2, BAD * 3, GOOD % 3, BAD, GOOD % 4)
    assert (status, answer["code"], answer["retryable"]) == (400, "too-many-errors", False)
    assert "more than 3 records" in answer["detail"]
    assert "max_request_errors" in answer["detail"]
    assert (answer["accepted"], answer["parse_errors"]) == (3, 4)
    assert [error["line"] for error in answer["errors"]] == [3, 4, 5, 7]
    assert len(service.stored) == 3


@pytest.mark.parametrize(
    ("body", "limit"), [(BAD * 3, 3), (BAD * 4 + GOOD % 1, 0), (GOOD % 1 * 4 + BAD * 4, 3)]
)
def test_bad_lines_within_the_limit_or_beside_as_many_good_ones_are_only_reported(
    body: str, limit: int
) -> None:
    # One chunk for each line, so that they are counted one by one.
    status, answer = Service(max_request_errors=limit).post(NDJSON, *body.splitlines(keepends=True))
    assert status in (200, 422)
    assert answer["parse_errors"] == body.count(BAD)


def test_bad_elements_of_an_array_have_the_same_limit() -> None:
    status, answer = Service(max_request_errors=3).post(ARRAY, "[" + ",".join(["1"] * 4) + "]")
    assert (status, answer["code"], answer["accepted"]) == (400, "too-many-errors", 0)


def test_limit_on_errors_holds_where_nothing_is_stored() -> None:
    service = Service(max_request_errors=3)
    status, answer = service.post(NDJSON, GOOD % 1, BAD * 4, query="validate_only=true")
    assert (status, answer["code"], answer["accepted"]) == (400, "too-many-errors", 0)


def test_strict_request_ends_at_its_first_bad_line_as_before() -> None:
    status, answer = Service(max_request_errors=3, strict=True).post(NDJSON, BAD * 2)
    assert (status, answer["code"]) == (400, "strict-rejected")


@pytest.mark.parametrize(
    ("path", "body"),
    [(NDJSON, GOOD % 1 * 10), (ARRAY, "[" + ",".join([GOOD % 1] * 10) + "]")],
    ids=["ndjson", "array"],
)
@pytest.mark.parametrize("trouble", ["gone", "drain"])
def test_wait_for_room_ends_with_the_client_and_with_a_drain(
    path: str, body: str, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The queue is full and stays so; the wait for room has 5 s."""
    monkeypatch.setattr("utility_ts_analytics.asgi.admission._TICK_S", 0.02)
    monkeypatch.setattr("utility_ts_analytics.asgi.body._LONG_WORK_S", 0.01)
    service = Service()
    messages = [{"type": "http.request", "body": body.encode(), "more_body": False}]
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        if trouble == "drain":
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    async def run() -> None:
        queue = BlockQueue(rows_max=100, bytes_max=10_000)
        app = service.app(queue)
        scope = {"type": "http", "path": path, "method": "POST", "headers": [], "query_string": b""}
        async with asyncio.timeout(2.5):
            await queue.reserve(95, 0)  # what others hold: a request is let in, and has to wait
            request = asyncio.ensure_future(app(scope, receive, send))
            if trouble == "drain":
                await asyncio.sleep(0.05)
                app._endpoint.stop_bodies(asyncio.get_running_loop().time())
            await request
        assert (queue.wanted_rows, queue.producers) == (0, 0)

    asyncio.run(run())
    answer = json.loads(sent[1]["body"])
    expected = {"gone": (400, "truncated-body"), "drain": (503, "draining")}
    assert (sent[0]["status"], answer["code"]) == expected[trouble]
    assert answer["accepted"] == 0


SMALL, LARGE = 10, 23
"""Logarithms of windows: 1 KiB, and 8 MiB."""


def frame(lines: str, window_log: int) -> bytes:
    parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=window_log)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return packer.compress(lines.encode()) + packer.flush()


@pytest.mark.parametrize(
    ("windows", "status", "code", "accepted"),
    [
        ([SMALL, SMALL], 200, None, 2),
        ([LARGE, SMALL], 429, "overloaded", 0),
        ([SMALL, LARGE], 408, "body-timeout", 1),  # a 429 would say that nothing was taken
    ],
)
def test_body_that_finds_no_room_for_its_window_in_time_says_what_is_stored(
    windows: list[int],
    status: int,
    code: str | None,
    accepted: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("utility_ts_analytics.asgi.held_bytes._LEAVING_S", 0.02)
    service = Service(windows_held_bytes=32 * 1024 * 1024, delivery_timeout_ms=50)
    body = b"".join(frame(GOOD % minute, window) for minute, window in enumerate(windows))
    seen, answer = service.post(NDJSON, body, encoding="zstd")
    assert (seen, answer.get("code"), answer["accepted"]) == (status, code, accepted)
    assert ("max_window_bytes" in answer.get("detail", "")) == (status != 200)
    assert len(service.stored) == accepted
