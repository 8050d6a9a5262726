"""However a request ends, nothing of it waits for the garbage collector.

The server closes a connection whose body was not read to its end when the request's objects are
gone. A cycle among them would keep it open, for minutes where little is going on.
"""

import asyncio
import gc
import gzip
from collections.abc import Iterator
from typing import Any

import pytest
import uvloop
import zstandard
from tests.unit.asgi.ingest_rig import ARRAY, BAD, GOOD, NDJSON, Service

from utility_ts_analytics.asgi.body import RequestBody
from utility_ts_analytics.asgi.protocol import Message
from utility_ts_analytics.buffering.block import Failure

ZIPPED = gzip.compress(b"".join((GOOD % minute).encode() for minute in range(20)))

ENDS: dict[str, tuple[int, dict[str, Any], str, list[str | bytes], dict[str, Any]]] = {
    "stored": (200, {}, NDJSON, [GOOD % 1], {}),
    "stored, a small post": (200, {}, NDJSON, [GOOD % 1], {"whole": True}),
    "a small post refused": (422, {}, NDJSON, [BAD], {"whole": True}),
    "a small post that stalls": (
        408,
        {"body_idle_timeout_ms": 30, "announced": 99},
        NDJSON,
        [],
        {"silent": True},
    ),
    "silence": (408, {"body_idle_timeout_ms": 30}, NDJSON, [GOOD % 1], {"silent": True}),
    "silence, compressed": (
        408,
        {"body_idle_timeout_ms": 30},
        NDJSON,
        [ZIPPED[:-1]],
        {"silent": True, "encoding": "gzip"},
    ),
    "silence, array": (408, {"body_idle_timeout_ms": 30}, ARRAY, ["["], {"silent": True}),
    "the client left": (400, {}, NDJSON, [GOOD % 1], {"cut": True}),
    "no token": (401, {"tokens": ["right"]}, NDJSON, [GOOD % 1], {}),
    "too long": (413, {"announced": 1_000_000}, ARRAY, ["["], {}),
    "strict": (400, {"strict": True}, NDJSON, [BAD], {}),
    "no place": (429, {"max_concurrent_requests": 0}, NDJSON, [GOOD % 1], {}),
    "not stored": (503, {"fate": "fail"}, NDJSON, [GOOD % 1], {}),
    "not settled": (
        503,
        {"fate": "forget", "delivery_timeout_ms": 30},
        NDJSON,
        [GOOD % 1],
        {"whole": True},
    ),
    "database away": (
        503,
        {"refusal": Failure("sink-unavailable", "away", 7)},
        NDJSON,
        [GOOD % 1],
        {},
    ),
    "too many errors": (400, {"max_request_errors": 3}, NDJSON, [BAD * 9], {}),
    "too many records": (413, {"max_request_records": 3}, NDJSON, [GOOD % 1 * 9], {}),
    "too many records of a small post": (
        413,
        {"max_request_records": 3},
        NDJSON,
        [GOOD % 1 * 9],
        {"whole": True},
    ),
    "too long a line": (422, {}, NDJSON, ["x" * 2_000], {}),
    "not gzip": (400, {}, NDJSON, ["x" * 2_000], {"encoding": "gzip"}),
    "cut gzip": (400, {}, NDJSON, [ZIPPED[:-1]], {"encoding": "gzip"}),
    "no JSON": (400, {}, ARRAY, ["[1,"], {}),
    "no room for its window": (
        429,
        {"windows_held_bytes": 32 * 1024 * 1024, "delivery_timeout_ms": 30},
        NDJSON,
        [zstandard.compress(GOOD.encode() * 200_000)[:50_000]],
        {"encoding": "zstd"},
    ),
    "no such route": (404, {}, "/ingest/other", [GOOD % 1], {}),
}


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("end", ENDS)
def test_request_that_is_answered_is_gone(end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("utility_ts_analytics.asgi.admission._TICK_S", 0.02)
    status, options, path, chunks, posted = ENDS[end]
    service = Service(**options)

    async def run() -> int:
        sent = await service.exchange(path, chunks, **posted)
        await asyncio.sleep(0.1)  # a tick of the admission, at least
        assert [connection() for connection in service.connections] == [None]
        return int(sent[0]["status"])

    assert uvloop.run(run()) == status


def test_message_that_was_asked_for_ahead_is_let_go() -> None:
    """What Granian returns holds its callbacks for ever, out of the collector's sight."""
    callbacks: list[Any] = []

    class Pending(asyncio.Future[Message]):
        def add_done_callback(self, callback: Any, **_: Any) -> None:
            callbacks.append(callback)

    async def run() -> None:
        body = RequestBody(
            Pending, bytes_max=0, limit_name="", body_idle_timeout_s=9.0, body_min_rate_bytes=0
        )
        body._came_s = 0.0
        body.look(asyncio.get_running_loop().time())
        asked = body._asked
        assert asked is not None
        assert len(callbacks) == 1
        body.forget_client()
        assert asked.cancelled()
        assert body._asked is None

    uvloop.run(run())
