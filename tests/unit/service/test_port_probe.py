"""A port that says anything to a client answers; one that is silent, refuses or hangs up does not.

TLS with a certificate of the client: `tests/process/test_locked_ports.py`, with the real server.
"""

import asyncio
import contextlib
import errno
import resource
import socket
from collections.abc import Awaitable, Callable

import pytest

from utility_ts_analytics.service.port_probe import Port, answers

TIMEOUT_S = 0.3
Client = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def port(number: int, host: str = "127.0.0.1", *, tls: bool = False) -> Port:
    return Port("meter_usage", host, number, tls=tls, connections_max=10, workers=1)


def asked(client: Client, host: str = "127.0.0.1", asked_host: str = "", **kind: bool) -> bool:
    async def ask() -> bool:
        over = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await client(reader, writer)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            over.set()

        server = await asyncio.start_server(serve, host, 0)
        async with server:
            number = server.sockets[0].getsockname()[1]
            found = await answers(port(number, asked_host or host, **kind), timeout_s=TIMEOUT_S)
            await over.wait()
            return found

    return asyncio.run(ask())


async def says_something(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"GET /healthz HTTP/1.1\r\nhost: ")
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")


async def hangs_up(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Say nothing and go."""


async def is_silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        await reader.read()


@pytest.mark.parametrize(
    ("host", "asked_host"),
    [("127.0.0.1", ""), ("127.0.0.1", "0.0.0.0"), ("::1", ""), ("::1", "::")],  # noqa: S104
)
def test_port_that_says_something_answers(host: str, asked_host: str) -> None:
    assert asked(says_something, host, asked_host)


def test_port_that_hangs_up_or_is_silent_does_not_answer() -> None:
    assert not asked(hangs_up)
    assert not asked(is_silent)


def test_handshake_that_is_not_answered_is_no_answer() -> None:
    assert not asked(is_silent, tls=True)


def test_port_where_nobody_listens_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        number = closed.getsockname()[1]
    assert not asyncio.run(answers(port(number), timeout_s=TIMEOUT_S))


def test_port_that_nobody_accepts_from_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1]
        assert not asyncio.run(answers(port(number), timeout_s=TIMEOUT_S))
        assert not asyncio.run(answers(port(number, tls=True), timeout_s=TIMEOUT_S))


def test_own_shortage_of_files_says_nothing_about_the_port() -> None:
    async def ask() -> bool:
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        await asyncio.sleep(0)
        resource.setrlimit(resource.RLIMIT_NOFILE, (1, limits[1]))
        try:
            return await answers(port(9), timeout_s=TIMEOUT_S)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)

    with pytest.raises(OSError, match="open files") as raised:
        asyncio.run(ask())
    assert raised.value.errno == errno.EMFILE
