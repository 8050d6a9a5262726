"""A connection against a scripted server: every way an answer can come, or fail to."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import uvloop
from tests.certificates import Authority

from utility_ts_analytics.database.access import client_context
from utility_ts_analytics.sinks.ilp.http_connection import Answer, HttpConnection

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

HEAD = b"POST /write HTTP/1.1\r\nContent-Length: 6\r\n\r\n"
NO_CONTENT = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"
BAD = b'HTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{"co\r\n5\r\nde":1\r\n0\r\n\r\n'


def against(serve: Serve, check: Callable[[HttpConnection], Awaitable[None]]) -> None:
    async def serve_and_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        finally:
            writer.close()

    async def main() -> None:
        listening = await asyncio.start_server(serve_and_close, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        connection = await HttpConnection.open("127.0.0.1", port)
        try:
            async with asyncio.timeout(10):
                await check(connection)
        finally:
            connection.abort()
            listening.close()

    uvloop.run(main())  # as the service runs


def answering(*pieces: bytes) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readexactly(len(HEAD) + 6)
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.002)  # so that the pieces arrive one by one

    return serve


async def ask(connection: HttpConnection) -> Answer:
    return await connection.exchange(HEAD, [b"abc", b"def"])


async def until_unusable(connection: HttpConnection) -> None:
    while connection.usable:
        await asyncio.sleep(0.001)


def test_connection_carries_one_request_after_another() -> None:
    async def check(connection: HttpConnection) -> None:
        for _ in range(3):
            assert await ask(connection) == Answer(204, "")
            assert connection.usable

    against(answering(NO_CONTENT), check)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_answer_may_come_in_any_pieces(size: int) -> None:
    pieces = [BAD[at : at + size] for at in range(0, len(BAD), size)]

    async def check(connection: HttpConnection) -> None:
        assert await ask(connection) == Answer(400, '{"code":1')

    against(answering(*pieces), check)


def test_answer_before_the_end_of_the_request_is_taken() -> None:
    """A server may refuse a body without reading all of it."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(len(HEAD))
        writer.write(b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")
        await writer.drain()
        await asyncio.Event().wait()

    async def check(connection: HttpConnection) -> None:
        body = [bytes(1_000_000)] * 20  # more than the kernel takes
        assert await connection.exchange(HEAD, body) == Answer(413, "no")
        assert not connection.usable

    against(refuse, check)


def test_body_goes_over_tls_whole_and_a_refusal_ends_it_early(tmp_path: Path) -> None:
    """More than the kernel takes at once, so that sending has to wait for room."""
    authority = Authority.make(tmp_path)
    pair = authority.issue("server")
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(pair.cert, pair.key)
    body = [bytes([number]) * 1_000_000 for number in range(8)]
    received = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(len(HEAD))
        while len(received) < 8_000_000:
            received.extend(await reader.read(65_536))
        writer.write(NO_CONTENT)
        await reader.readexactly(len(HEAD))
        writer.write(b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")

    async def main() -> None:
        listening = await asyncio.start_server(serve, "localhost", 0, ssl=serving)
        port = listening.sockets[0].getsockname()[1]
        context = client_context(str(authority.pair.cert))
        connection = await HttpConnection.open("localhost", port, context)
        async with asyncio.timeout(20):
            assert await connection.exchange(HEAD, body) == Answer(204, "")
            assert await connection.exchange(HEAD, body * 4) == Answer(413, "no")
        assert not connection.usable
        listening.close()

    uvloop.run(main())
    assert received == b"".join(body)


def test_connection_that_the_server_means_to_close_is_not_used_again() -> None:
    async def check(connection: HttpConnection) -> None:
        assert await ask(connection) == Answer(204, "")
        assert not connection.usable

    closing = NO_CONTENT.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    against(answering(closing), check)


def test_connection_closed_while_idle_is_seen() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pass

    against(serve, until_unusable)


@pytest.mark.parametrize("cut", [b"", NO_CONTENT[:20], BAD[:-4]])
def test_connection_that_ends_before_the_answer_does_is_an_error(cut: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(len(HEAD) + 6)
        writer.write(cut)

    async def check(connection: HttpConnection) -> None:
        with pytest.raises(OSError, match="the connection ended"):
            await ask(connection)
        assert not connection.usable

    against(serve, check)


def test_answer_that_is_not_http_is_an_error() -> None:
    async def check(connection: HttpConnection) -> None:
        with pytest.raises(OSError, match="not HTTP"):
            await ask(connection)
        assert not connection.usable

    against(answering(b"220 mail.example ESMTP\r\n"), check)


def test_answer_that_nobody_asked_for_ends_the_connection() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(NO_CONTENT)
        await reader.read()

    against(serve, until_unusable)


def test_second_answer_to_one_request_ends_the_connection() -> None:
    async def check(connection: HttpConnection) -> None:
        assert await ask(connection) == Answer(204, "")
        assert not connection.usable

    against(answering(NO_CONTENT * 2), check)


def test_endless_answer_is_cut() -> None:
    long = b"HTTP/1.1 500 Oops\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1_000_000

    async def check(connection: HttpConnection) -> None:
        answer = await ask(connection)
        assert answer == Answer(500, "x" * 65_536)

    against(answering(long), check)


def test_server_that_closes_behind_each_answer_is_told_so() -> None:
    async def check(connection: HttpConnection) -> None:
        assert await ask(connection) == Answer(200, "hello")
        with pytest.raises(ConnectionError, match="closes the connection behind each answer"):
            await ask(connection)

    against(answering(b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello"), check)


def test_two_requests_at_a_time_are_our_fault() -> None:
    async def check(connection: HttpConnection) -> None:
        first = asyncio.ensure_future(ask(connection))
        await asyncio.sleep(0)
        with pytest.raises(AssertionError, match="one request at a time"):
            await ask(connection)
        assert await first == Answer(204, "")

    against(answering(NO_CONTENT), check)


def test_nobody_there_is_an_error_of_connecting() -> None:
    async def main() -> None:
        listening = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        listening.close()
        await listening.wait_closed()
        with pytest.raises(ConnectionRefusedError):
            await HttpConnection.open("127.0.0.1", port)

    uvloop.run(main())  # as the service runs


def test_a_request_that_is_given_up_is_reset_and_its_rest_is_not_sent() -> None:
    """What the kernel still holds would reach QuestDB after the rows went another way."""
    given_up = asyncio.Event()
    received: list[int] = []
    reset = False

    async def serve(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        nonlocal reset
        await given_up.wait()
        try:
            while piece := await reader.read(65_536):
                received.append(len(piece))
        except ConnectionResetError:
            reset = True

    async def check(connection: HttpConnection) -> None:
        body = bytes(16 * 1024 * 1024)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await connection.exchange(HEAD, [body])
        connection.abort()
        connection.abort()
        given_up.set()
        while not reset:
            await asyncio.sleep(0.01)

    against(serve, check)
    assert sum(received) < 8 * 1024 * 1024
