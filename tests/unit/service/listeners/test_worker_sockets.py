"""The kernel tells who listens, who waits, and which connections are whose."""

import asyncio
import os
import resource
import socket
from collections.abc import Iterator

import pytest

from utility_ts_analytics.clock import SystemClock
from utility_ts_analytics.service.listeners.worker_sockets import (
    WorkerSockets,
    read_sockets,
    until_listening,
)


@pytest.fixture(params=["127.0.0.1", "::1"])
def listening(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    host = request.param
    with socket.create_server((host, 0), family=_family(host)) as server:
        yield server


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def looked(port: int) -> WorkerSockets:
    return read_sockets([os.getpid()], port)[os.getpid()]


def test_connections_wait_until_they_are_accepted(listening: socket.socket) -> None:
    port = listening.getsockname()[1]
    before = looked(port)
    assert (before.listens, before.waiting, before.connections) == (True, 0, frozenset())
    with socket.create_connection(listening.getsockname()[:2]):
        assert looked(port).waiting == 1
        assert looked(port).connections == frozenset()
        accepted, _ = listening.accept()
        with accepted:
            assert looked(port).waiting == 0
            assert looked(port).connections == {os.fstat(accepted.fileno()).st_ino}


def test_connection_whose_client_gave_up_still_waits(listening: socket.socket) -> None:
    socket.create_connection(listening.getsockname()[:2]).close()
    assert looked(listening.getsockname()[1]).waiting == 1


def test_descriptors_are_counted_and_limited() -> None:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    before = looked(1)
    assert not before.listens
    assert before.open_files_max == soft
    with socket.socket():
        assert looked(1).open_files == before.open_files + 1


def test_bound_port_takes_connections_only_once_it_listens() -> None:
    async def check() -> None:
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            waiting = asyncio.create_task(until_listening(server.getsockname()[1], SystemClock()))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.shield(waiting), 0.2)
            server.listen()
            await asyncio.wait_for(waiting, 5)

    asyncio.run(check())


def test_processes_that_ended_are_left_out() -> None:
    child = os.posix_spawnp("true", ["true"], os.environ)
    os.waitpid(child, 0)
    assert read_sockets([child], 1) == {}
