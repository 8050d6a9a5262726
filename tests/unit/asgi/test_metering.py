"""Every request is counted once, by what it was answered, before the answer leaves."""

import asyncio
from typing import Any

import pytest

from utility_ts_analytics.asgi.metering import MeteredApp
from utility_ts_analytics.asgi.types import AsgiApp, Message, Receive, Scope, Send
from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.telemetry import registry
from utility_ts_analytics.telemetry.layout import offset_of
from utility_ts_analytics.telemetry.measures import Measures


def run(app: AsgiApp, measures: Measures, scope_type: str = "http") -> list[Message]:
    sent: list[Message] = []
    seen: list[int] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"12345", "more_body": False}

    async def send(message: Message) -> None:
        seen.append(measures.words[offset_of(registry.REQUESTS, "202")])
        sent.append(message)

    metered = MeteredApp(app, measures, ManualClock(10.0))
    asyncio.run(metered({"type": scope_type}, receive, send))
    if sent and scope_type == "http":
        assert seen[0] == 1, "counted before the answer leaves"
    return sent


async def answering(_scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await receive()
    await send({"type": "http.response.start", "status": 202, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def test_answer_time_and_bytes_are_counted_once() -> None:
    measures = Measures()
    assert len(run(answering, measures)) == 2
    assert measures.words[offset_of(registry.REQUESTS, "202")] == 1
    assert measures.words[offset_of(registry.REQUEST_BYTES)] == 10
    assert measures.words[offset_of(registry.REQUESTS_IN_FLIGHT)] == 0
    assert measures.words[offset_of(registry.REQUEST_SECONDS)] == 1


def test_fault_that_nobody_caught_is_a_500() -> None:
    async def broken(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise RuntimeError

    measures = Measures()
    with pytest.raises(RuntimeError):
        run(broken, measures)
    assert measures.words[offset_of(registry.REQUESTS, "500")] == 1
    assert measures.words[offset_of(registry.REQUESTS_IN_FLIGHT)] == 0


def test_lifespan_is_no_request() -> None:
    async def started(_scope: Scope, _receive: Receive, send: Send) -> Any:
        await send({"type": "lifespan.startup.complete"})

    measures = Measures()
    assert len(run(started, measures, "lifespan")) == 1
    assert measures.words[offset_of(registry.REQUESTS, "500")] == 0
