"""One stream's port: health is answered at once, everything else is routed and counted once."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.unit.asgi.ingest_rig import NDJSON, NoLifecycle

from utility_ts_analytics.asgi.app import StreamApp
from utility_ts_analytics.asgi.protocol import Message, Receive, Scope, Send
from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.telemetry import registry
from utility_ts_analytics.telemetry.layout import offset_of
from utility_ts_analytics.telemetry.measures import Measures

Handler = Callable[[Scope, Receive, Send], Awaitable[None]]


class Endpoint:
    """Answers posts by a handler."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    async def handle(self, scope: Scope, receive: Receive, send: Send, *, ndjson: bool) -> None:
        await self._handler(scope, receive, send)


async def answering(_scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await receive()
    await send({"type": "http.response.start", "status": 202, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def run(
    path: str,
    measures: Measures,
    *,
    handler: Handler = answering,
    kind: str = "http",
    method: str = "POST",
) -> list[Message]:
    """Return what the application sends; requests are counted before their answer leaves."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"12345", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start" and path != "/healthz":
            assert measures.words[offset_of(registry.REQUESTS, str(message["status"]))] == 1
        sent.append(message)

    endpoint: Any = Endpoint(handler)
    app = StreamApp("meter_usage", endpoint, NoLifecycle(), measures, ManualClock(10.0))
    scope = {"type": kind, "path": path, "method": method, "headers": []}
    asyncio.run(app(scope, receive, send))
    return sent


def test_healthz_is_answered_and_not_counted() -> None:
    measures = Measures()
    start, body = run("/healthz", measures, method="GET")
    assert start["status"] == 200
    assert body["body"] == b'{"status":"ok"}\n'
    assert measures.words[offset_of(registry.REQUESTS, "200")] == 0


@pytest.mark.parametrize(
    ("path", "method", "status", "code"),
    [
        ("/healthz/", "GET", 404, "not-found"),
        (f"{NDJSON}/", "POST", 404, "not-found"),
        (NDJSON, "GET", 405, "method-not-allowed"),
    ],
)
def test_other_paths_and_methods_are_refused_and_counted(
    path: str, method: str, status: int, code: str
) -> None:
    start, body = run(path, Measures(), method=method)
    assert start["status"] == status
    assert json.loads(body["body"])["code"] == code


def test_answer_and_its_time_are_counted_once() -> None:
    measures = Measures()
    assert len(run(NDJSON, measures)) == 2
    assert measures.words[offset_of(registry.REQUESTS, "202")] == 1
    assert measures.words[offset_of(registry.REQUESTS_IN_FLIGHT)] == 0
    assert measures.words[offset_of(registry.REQUEST_SECONDS)] == 1


def test_fault_that_nobody_caught_is_a_500() -> None:
    async def broken(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise RuntimeError

    measures = Measures()
    with pytest.raises(RuntimeError):
        run(NDJSON, measures, handler=broken)
    assert measures.words[offset_of(registry.REQUESTS, "500")] == 1
    assert measures.words[offset_of(registry.REQUESTS_IN_FLIGHT)] == 0


def test_lifespan_is_no_request() -> None:
    measures = Measures()
    sent = run("", measures, kind="lifespan")
    assert [message["type"] for message in sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]
    assert measures.words[offset_of(registry.REQUESTS, "500")] == 0
