"""Only a 204 in time is an answer, and every trouble is a no."""

import asyncio
import base64
import contextlib
import socket

import pytest
from tests.conftest import TestQuestDB

from utility_ts_analytics.database.http_access import HttpAccess, basic_authorization
from utility_ts_analytics.database.ping import answers_ping, ping_trouble

ACCESS = HttpAccess(authorization=basic_authorization("user", "secret"))


async def ask_scripted(answer: bytes | None, *, close: bool = True) -> tuple[str | None, bytes]:
    """Ask a server that sends `answer`, or is silent; return the trouble and what it was sent."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        if answer is not None:
            writer.write(answer)
            await writer.drain()
        if close:
            writer.close()
        else:
            with contextlib.suppress(ConnectionError):
                await reader.read()
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        trouble = await ping_trouble("127.0.0.1", port, timeout_s=0.2, access=ACCESS)
    return trouble, asked[0]


@pytest.mark.questdb
def test_questdb_answers(questdb: TestQuestDB) -> None:
    assert asyncio.run(answers_ping("127.0.0.1", questdb.http_port, timeout_s=5.0))


@pytest.mark.parametrize(
    ("answer", "close", "words"),
    [
        (b"HTTP/1.1 204 OK\r\n\r\n", True, None),
        (b"HTTP/1.1 204 OK\r\n\r\n", False, None),
        (b"HTTP/1.1 500 Error\r\n\r\n", True, "500, not 204"),
        (b"HTTP/1.1 200 OK\r\n\r\n<html>", True, "200, not 204"),
        (b"HTTP/1.1 401 Unauthorized\r\n\r\n", True, "questdb.ilp_token"),
        (b"HTTP/1.1", True, "not HTTP"),
        (b"HTTP/1.1", False, "no answer within 0.2 s"),
        (b"", True, "not HTTP"),
        (None, False, "no answer within 0.2 s"),
    ],
)
def test_only_a_whole_204_in_time_counts(
    answer: bytes | None, close: bool, words: str | None
) -> None:
    said, asked = asyncio.run(asyncio.wait_for(ask_scripted(answer, close=close), 10))
    assert said is None if words is None else words in (said or "")
    assert asked.startswith(b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"Authorization: Basic " + base64.b64encode(b"user:secret") in asked


def test_nobody_listening_is_a_no() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        assert not asyncio.run(answers_ping("127.0.0.1", port, timeout_s=5.0))


def test_name_that_does_not_resolve_is_a_no() -> None:
    assert not asyncio.run(answers_ping("no-such-host.invalid", 9000, timeout_s=5.0))
