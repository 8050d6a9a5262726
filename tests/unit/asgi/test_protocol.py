"""Lifespan reports trouble to the server; only an answer instead of the 100 closes a connection."""

import asyncio
from typing import Any

import pytest

from utility_ts_analytics.asgi.protocol import close_unless_body_asked, run_lifespan


class Life:
    """A lifecycle that fails in one phase, or in none."""

    def __init__(self, failing: str) -> None:
        self.failing = failing

    async def startup(self) -> None:
        if self.failing == "startup":
            raise RuntimeError("no lanes")

    async def shutdown(self) -> None:
        if self.failing == "shutdown":
            raise RuntimeError("stuck")


@pytest.mark.parametrize(
    ("failing", "messages"),
    [
        ("", ["lifespan.startup.complete", "lifespan.shutdown.complete"]),
        ("startup", ["lifespan.startup.failed"]),
        ("shutdown", ["lifespan.startup.complete", "lifespan.shutdown.failed"]),
    ],
)
def test_each_phase_is_answered_and_trouble_is_told(failing: str, messages: list[str]) -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "lifespan"}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(run_lifespan(receive, send, Life(failing)))
    assert [message["type"] for message in sent] == messages
    for message in sent:
        assert ("message" in message) == message["type"].endswith("failed")


CLOSE = (b"connection", b"close")


def headers_of_answer(*, expect: bool, ask: bool) -> list[tuple[bytes, bytes]]:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    async def exchange() -> None:
        scope = {"headers": [(b"expect", b"100-continue")] if expect else []}
        noted, closing = close_unless_body_asked(scope, receive, send)
        if ask:
            assert (await noted())["type"] == "http.request"
        head = {"type": "http.response.start", "status": 401, "headers": [(b"a", b"b")]}
        await closing(head)
        await closing({"type": "http.response.body", "body": b"text"})
        assert head["headers"] == [(b"a", b"b")]

    asyncio.run(exchange())
    assert sent[1] == {"type": "http.response.body", "body": b"text"}
    headers: list[tuple[bytes, bytes]] = sent[0]["headers"]
    return headers


@pytest.mark.parametrize("expect", [True, False])
@pytest.mark.parametrize("ask", [True, False])
def test_only_an_answer_instead_of_the_100_closes(expect: bool, ask: bool) -> None:
    assert (CLOSE in headers_of_answer(expect=expect, ask=ask)) == (expect and not ask)
