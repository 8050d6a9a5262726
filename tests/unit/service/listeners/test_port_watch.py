"""Ports are asked; workers that take no connections make the service unready and are noted.

The worker is this process: its listener accepts or does not, as the test has it.
"""

import asyncio
import contextlib
import errno
import os
import resource
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.service.server_rig import NO_APP

from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.service.listeners.port_watch import (
    UNANSWERED_S,
    WAITING_EVERY_S,
    PortWatch,
)
from utility_ts_analytics.service.listeners.worker_sockets import read_sockets
from utility_ts_analytics.service.plans import Listener, ServerPlan
from utility_ts_analytics.service.shared_worker_state import (
    DRAINING,
    SERVING,
    WorkerStateFile,
    take_stuck,
)

WORKER_SILENT_S = 6.0
ME = (os.getsid(0), os.getpid())


class Rig:
    """One port of one worker, which is this process, and a watch on a held clock."""

    def __init__(self, folder: Path, server: socket.socket, *, max_connections: int = 10) -> None:
        self.folder = folder
        self.clock = ManualClock(100.0)
        self.state_file = WorkerStateFile(folder, "meter_usage")
        self.given_up = 0
        self.server = server
        plan = ServerPlan(
            "meter_usage",
            Listener("x", "127.0.0.1", server.getsockname()[1]),
            workers=1,
            make_app=lambda _folder: NO_APP,
            drain_timeout_s=1,
            max_connections=max_connections,
        )
        self.watch = PortWatch(
            [plan],
            folder,
            self.clock,
            worker_silent_s=WORKER_SILENT_S,
            give_up=self._give_up,
        )

    def _give_up(self) -> None:
        self.given_up += 1

    def say(self, state: int) -> None:
        self.state_file.publish(state, self.clock.monotonic_s())

    def look(self, times: int = 1) -> list[str]:
        """Look every two seconds while nobody accepts; return the reasons after the last time."""
        for _ in range(times):
            asyncio.run(self.watch.look())
            self.clock.advance(2.0)
        return self.watch.reasons()

    def look_answered(self) -> list[str]:
        """Look once while somebody answers."""

        with self.accepting(b"HTTP/1.1 200 OK\r\n\r\n"):
            return self.look()

    @contextlib.contextmanager
    def accepting(self, answer: bytes) -> Iterator[None]:
        """Accept in a thread, and send this to everyone."""
        over = threading.Event()
        self.server.settimeout(0.02)

        def accept() -> None:
            with contextlib.ExitStack() as held:
                while not over.is_set():
                    with contextlib.suppress(TimeoutError, ConnectionError):
                        client = held.enter_context(self.server.accept()[0])
                        client.sendall(answer)

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    monkeypatch.setattr("utility_ts_analytics.service.listeners.port_watch.PROBE_TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def test_port_that_answers_is_ready(tmp_path: Path, server: socket.socket) -> None:
    rig = Rig(tmp_path, server)
    rig.say(SERVING)
    assert [rig.look_answered() for _ in range(4)] == [[]] * 4


def test_worker_that_does_not_accept_is_a_reason_and_then_noted(
    tmp_path: Path, server: socket.socket
) -> None:
    rig = Rig(tmp_path, server)
    rig.say(SERVING)
    assert rig.look() == []
    reason = "it has 0 connections and lets others wait"
    assert rig.look() == [f"a worker of meter_usage takes no connections: {reason}"]
    assert take_stuck(tmp_path) == {}
    rig.look(3)
    assert take_stuck(tmp_path) == {ME: reason}


def test_worker_that_accepts_again_is_ready_at_once(tmp_path: Path, server: socket.socket) -> None:
    rig = Rig(tmp_path, server)
    rig.say(SERVING)
    assert rig.look(2) != []
    assert rig.look_answered() == []


def test_full_worker_is_neither_a_reason_nor_noted(tmp_path: Path, server: socket.socket) -> None:
    rig = Rig(tmp_path, server, max_connections=1)
    rig.say(SERVING)
    with socket.create_connection(server.getsockname()), server.accept()[0]:
        assert rig.look(int(UNANSWERED_S)) == []
    assert take_stuck(tmp_path) == {}


def test_few_questions_wait_in_the_queue_of_a_full_worker(
    tmp_path: Path, server: socket.socket
) -> None:
    rig = Rig(tmp_path, server, max_connections=1)
    rig.say(SERVING)
    port = server.getsockname()[1]
    with socket.create_connection(server.getsockname()), server.accept()[0]:
        rig.look(30)
        waiting = read_sockets([os.getpid()], port)[os.getpid()].waiting
    assert waiting <= 30 * 2.0 / WAITING_EVERY_S + 1


@pytest.mark.parametrize("workers", [0, 2])
def test_port_without_workers_or_with_two_generations_is_not_judged(
    tmp_path: Path, server: socket.socket, workers: int
) -> None:
    rig = Rig(tmp_path, server)
    rig.say(SERVING if workers else DRAINING)
    if workers:
        WorkerStateFile(tmp_path, "meter_usage").publish(SERVING, 100.0)
    assert rig.look(8) == []
    assert take_stuck(tmp_path) == {}


def test_port_that_accepts_and_never_answers_is_not_ready(
    tmp_path: Path, server: socket.socket
) -> None:
    rig = Rig(tmp_path, server)
    rig.say(SERVING)
    with rig.accepting(b""):
        assert rig.look(int(UNANSWERED_S / 2)) == []
        assert rig.look(2) == ["meter_usage does not answer on its port"]
    assert take_stuck(tmp_path) == {}


@pytest.mark.parametrize("error", [OSError(errno.ENFILE, "x"), RuntimeError("no thread")])
def test_shortage_of_the_machine_ends_nobody(
    tmp_path: Path, server: socket.socket, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    async def short(_listener: Listener, *, tls: bool, timeout_s: float) -> bool:
        raise error

    monkeypatch.setattr("utility_ts_analytics.service.listeners.port_watch.answers", short)
    rig = Rig(tmp_path, server)
    rig.say(SERVING)
    assert rig.look(20) == []
    assert (rig.given_up, take_stuck(tmp_path)) == (0, {})


def test_process_that_can_open_no_file_gives_up(tmp_path: Path, server: socket.socket) -> None:
    rig = Rig(tmp_path, server)
    rig.say(SERVING)

    async def look() -> None:
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (1, limits[1]))
        try:
            await rig.watch.look()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)

    def look_short() -> None:
        asyncio.run(look())
        rig.clock.advance(2.0)

    look_short()
    rig.look_answered()  # it was over
    for _ in range(4):
        look_short()
    assert rig.given_up == 0
    look_short()
    assert rig.given_up == 1
