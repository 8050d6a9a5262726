"""`/healthz` of a stream's port is answered without its application; all else is the app's."""

import asyncio

from utility_ts_analytics.asgi.alive import AnsweringHealth
from utility_ts_analytics.asgi.types import Message, Receive, Scope, Send


async def receive() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


def answered(scope: Scope) -> list[Message]:
    """Return what an application behind it, that answers 418, and the wrapper send."""
    sent: list[Message] = []

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 418, "headers": []})

    async def send(message: Message) -> None:
        sent.append(message)

    async def ask() -> None:
        await AnsweringHealth(app)(scope, receive, send)

    asyncio.run(ask())
    return sent


def test_healthz_is_answered_without_the_application() -> None:
    start, body = answered({"type": "http", "method": "GET", "path": "/healthz", "headers": []})
    assert start["status"] == 200
    assert body["body"] == b'{"status":"ok"}\n'


def test_all_else_is_the_applications() -> None:
    for scope in (
        {"type": "http", "method": "GET", "path": "/healthz/", "headers": []},
        {"type": "lifespan"},
    ):
        [start] = answered(scope)
        assert start["status"] == 418
