"""Only an answer that comes instead of the 100 closes the connection."""

import asyncio
from typing import Any

import pytest

from utility_ts_analytics.asgi.expectation import closing_unasked

CLOSE = (b"connection", b"close")


def headers_of_answer(*, expect: bool, ask: bool) -> list[tuple[bytes, bytes]]:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    async def exchange() -> None:
        scope = {"headers": [(b"expect", b"100-continue")] if expect else []}
        noted, closing = closing_unasked(scope, receive, send)
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
