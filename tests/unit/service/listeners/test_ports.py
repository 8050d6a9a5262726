"""A taken port is found before anything starts and stays claimed; one that says anything answers.

TLS with a certificate of the client: `tests/process/test_locked_ports.py`, with the real server.
"""

import asyncio
import contextlib
import errno
import resource
import socket
from collections.abc import Awaitable, Callable

import pytest
from tests.process.running_service import free_ports

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.service.listeners.ports import answers, claim_or_raise
from utility_ts_analytics.service.plans import Listener

TIMEOUT_S = 0.3
Client = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def test_a_port_that_someone_listens_on_is_refused_with_the_setting() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listener = Listener("metrics.bind_addr", "127.0.0.1", taken.getsockname()[1])
        with pytest.raises(OperatorError, match=r"change metrics\.bind_addr"):
            claim_or_raise(listener)


def test_a_port_shared_by_so_reuseport_is_refused_too() -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OperatorError):
            claim_or_raise(Listener("x", "127.0.0.1", taken.getsockname()[1]))


def test_a_second_instance_cannot_claim_while_workers_can_bind() -> None:
    listener = Listener("x", "127.0.0.1", free_ports(1)[0])
    with claim_or_raise(listener), socket.socket() as worker:
        with pytest.raises(OperatorError):
            claim_or_raise(listener)
        worker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        worker.bind((listener.host, listener.port))
        worker.listen()


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(OperatorError, match=r"192\.0\.2\.1"):
        claim_or_raise(Listener("x", "192.0.2.1", 1))


async def answer_of(port: int, host: str = "127.0.0.1", *, tls: bool = False) -> bool:
    return await answers(Listener("x", host, port), tls=tls, timeout_s=TIMEOUT_S)


def asked(
    client: Client, host: str = "127.0.0.1", asked_host: str = "", *, tls: bool = False
) -> bool:
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
            found = await answer_of(number, asked_host or host, tls=tls)
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
    assert not asyncio.run(answer_of(number))


def test_port_that_nobody_accepts_from_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1]
        assert not asyncio.run(answer_of(number))
        assert not asyncio.run(answer_of(number, tls=True))


def test_own_shortage_of_files_says_nothing_about_the_port() -> None:
    async def ask() -> bool:
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        await asyncio.sleep(0)
        resource.setrlimit(resource.RLIMIT_NOFILE, (1, limits[1]))
        try:
            return await answer_of(9)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)

    with pytest.raises(OSError, match="open files") as raised:
        asyncio.run(ask())
    assert raised.value.errno == errno.EMFILE
