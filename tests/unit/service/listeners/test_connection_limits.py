"""A worker may open enough files, and connections that bring no request are closed, oldest first.

The server is this process: it accepts, as Granian does, and never answers.
"""

import asyncio
import contextlib
import multiprocessing
import os
import resource
import socket
from collections.abc import Iterator

import pytest

from utility_ts_analytics.asgi.protocol import Message, Receive, Scope, Send
from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.service.listeners.connection_limits import (
    LOOK_EVERY_S,
    NEWCOMERS_MAX,
    PATIENCE_S,
    HandshakeBound,
    files_needed,
    raise_open_files_limit,
)

CROWD, MOST = 3, 6


async def nothing(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """Be an application."""


async def receive() -> Message:
    return {}


async def send(_message: Message) -> None:
    """Be told."""


class Rig:
    """A listener with its clients, and the bound on them."""

    def __init__(self, server: socket.socket, held: contextlib.ExitStack) -> None:
        self.server = server
        self.held = held
        self.clock = ManualClock(100.0)
        self.bound = HandshakeBound(nothing, server.getsockname()[1], self.clock)

    def come(self, count: int) -> list[socket.socket]:
        """Connect so many clients, and accept them."""
        clients = []
        for _ in range(count):
            clients.append(
                self.held.enter_context(socket.create_connection(self.server.getsockname()))
            )
            self.held.enter_context(self.server.accept()[0])
        return clients

    def come_from(self, address: tuple[str, int]) -> socket.socket:
        """Connect one client from this address, and accept it."""
        client = self.held.enter_context(socket.socket())
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        client.bind(address)
        client.connect(self.server.getsockname())
        self.held.enter_context(self.server.accept()[0])
        return client

    def request(self, client: socket.socket) -> None:
        host, number = client.getsockname()
        scope = {"type": "http", "client": (host, str(number))}

        async def ask() -> None:
            await self.bound(scope, receive, send)

        asyncio.run(ask())

    def look(self, after_s: float = 0.0) -> int:
        self.clock.advance(after_s)
        return self.bound.look()


def is_ended(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    monkeypatch.setattr("utility_ts_analytics.service.listeners.connection_limits.CROWD", CROWD)
    monkeypatch.setattr(
        "utility_ts_analytics.service.listeners.connection_limits.NEWCOMERS_MAX", MOST
    )
    with contextlib.ExitStack() as held:
        server = held.enter_context(socket.create_server(("127.0.0.1", 0)))
        yield Rig(server, held)


def test_few_may_stay_for_as_long_as_they_like(rig: Rig) -> None:
    clients = rig.come(CROWD)
    assert [rig.look(PATIENCE_S) for _ in range(5)] == [0] * 5
    assert not any(map(is_ended, clients))


def test_in_a_crowd_those_whose_time_is_over_go_the_oldest_first(rig: Rig) -> None:
    old = rig.come(CROWD - 1)
    assert rig.look() == 0
    young = rig.come(CROWD)
    assert rig.look(PATIENCE_S - 0.1) == 0
    assert rig.look(0.1) == CROWD - 1
    assert [is_ended(client) for client in [*old, *young]] == [True] * len(old) + [False] * CROWD
    assert rig.look() == 0  # nobody is ended twice


def test_beyond_the_most_also_the_young_go(rig: Rig) -> None:
    old = rig.come(MOST)
    assert rig.look() == 0
    young = rig.come(2)
    assert rig.look(0.1) == 2
    assert sum(map(is_ended, old)) == 2
    assert not any(map(is_ended, young))


def test_who_brought_a_request_stays(rig: Rig) -> None:
    clients = rig.come(MOST)
    for client in clients[:4]:
        rig.request(client)
    assert rig.look() == 0
    late = rig.come(CROWD)
    assert rig.look(PATIENCE_S) == 2
    assert [is_ended(client) for client in clients] == [False] * 4 + [True] * 2
    assert not any(map(is_ended, late))
    assert rig.look(PATIENCE_S) == 0


def test_request_of_an_earlier_connection_protects_no_later_one(rig: Rig) -> None:
    client = rig.come_from(("127.0.0.1", 0))
    rig.request(client)
    address = client.getsockname()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    for _ in range(2):
        rig.look()
    again = rig.come_from(address)
    rig.look()
    rig.come(CROWD)
    assert rig.look(PATIENCE_S) == 1
    assert is_ended(again)


def test_other_sockets_of_the_process_are_let_be(rig: Rig) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        pairs = [(socket.create_connection(other.getsockname()), other.accept()) for _ in range(9)]
        rig.look()
        assert rig.look(PATIENCE_S) == 0
        for client, (accepted, _) in pairs:
            assert not is_ended(client)
            client.close()
            accepted.close()


def test_looks_come_with_a_crowd_and_end_with_the_application(rig: Rig) -> None:
    clients = rig.come(CROWD * 2)

    async def live() -> None:
        over = asyncio.Event()

        async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
            await over.wait()

        bound = HandshakeBound(app, rig.server.getsockname()[1], rig.clock)
        life = asyncio.ensure_future(bound({"type": "lifespan"}, receive, send))
        while not any(map(is_ended, clients)):
            await asyncio.sleep(0.001)
            rig.clock.advance(LOOK_EVERY_S)
        over.set()
        await life

    asyncio.run(asyncio.wait_for(live(), 20))
    assert sum(map(is_ended, clients)) == CROWD


def test_requests_are_not_forgotten_where_a_look_finds_no_file_to_spare(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = rig.come(1)[0]
    rig.request(busy)

    def no_file(_descriptor: int) -> int:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as short:
        short.setattr(os, "dup", no_file)
        with pytest.raises(OSError, match="Too many"):
            rig.look()
    rig.come(CROWD)
    rig.look()
    assert rig.look(after_s=PATIENCE_S) <= 1
    assert rig.look() == 0
    assert not is_ended(busy)


def limit_after(soft: int, hard: int, files: int) -> int:
    """Return the soft limit after `raise_open_files_limit`, in a process of its own."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()

    def child() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        raise_open_files_limit(files)
        theirs.send(resource.getrlimit(resource.RLIMIT_NOFILE)[0])

    process = context.Process(target=child)
    process.start()
    process.join(20)
    found: int = ours.recv()
    return found


def test_every_connection_is_a_file_and_there_is_room_for_others() -> None:
    assert files_needed(1000, tls=False) > 1100
    assert files_needed(1000, tls=True) > 1000 + NEWCOMERS_MAX


def test_limit_is_raised_to_what_is_needed() -> None:
    assert limit_after(256, 1000, 800) == 800


def test_limit_is_raised_no_further_than_the_hard_limit() -> None:
    assert limit_after(256, 500, 800) == 500


def test_limit_is_never_lowered() -> None:
    assert limit_after(900, 1000, 800) == 900
