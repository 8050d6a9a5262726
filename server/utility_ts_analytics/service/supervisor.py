"""The one process that owns the others: starts them, replaces them, stops them, reports.

One child per server (a stream, or operations); each child is a Granian that forks its own workers.
The supervisor does no I/O of its own and stays single-threaded, so that forking is safe.
"""

import multiprocessing
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait as wait_for_any
from multiprocessing.context import ForkProcess
from pathlib import Path
from types import FrameType

import structlog

from utility_ts_analytics.asgi.types import AsgiApp
from utility_ts_analytics.clock import Clock
from utility_ts_analytics.service import http_server
from utility_ts_analytics.service.beacon import REFUSING, read_signs
from utility_ts_analytics.service.orphans import stop_with_parent
from utility_ts_analytics.service.ports import Listener, claim_or_raise
from utility_ts_analytics.service.restarts import CrashLoop, RestartPolicy

EXIT_OK, EXIT_FAILED, EXIT_CRASH_LOOP = 0, 1, 3

_TICK_S = 0.5
_STOP_MARGIN_S = 10.0
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

_log = structlog.get_logger("supervisor")
_fork = multiprocessing.get_context("fork")


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """One server to run.

    Attributes:
        name: The stream's name, or `operations`.
        listener: Where it listens.
        workers: Processes, >= 1.
        make_app: Builds the application in each worker; gets the runtime folder.
    """

    name: str
    listener: Listener
    workers: int
    make_app: Callable[[Path], AsgiApp]


class _Server:
    """A plan, its process, and what to do when that dies."""

    def __init__(self, plan: ServerPlan) -> None:
        self.plan = plan
        self.policy = RestartPolicy()
        self.process: ForkProcess | None = None
        self.start_at_s = 0.0
        self.started_at_s = 0.0


class Supervisor:
    """Runs a set of servers until told to stop.

    Args:
        plans: What to run; not empty.
        drain_timeout_s: How long requests may take to end, seconds.
        clock: For waits and beats.
    """

    def __init__(self, plans: Sequence[ServerPlan], *, drain_timeout_s: int, clock: Clock) -> None:
        self._servers = [_Server(plan) for plan in plans]
        self._drain_timeout_s = drain_timeout_s
        self._clock = clock
        self._stop_requested = False
        self._exit_code = EXIT_OK
        self._guards: list[socket.socket] = []
        self._runtime_dir = Path()
        self._companion: ForkProcess | None = None

    def run(self, companion: Callable[[], int] | None = None, *, once: bool = False) -> int:
        """Serve until SIGTERM, SIGINT, a crash loop, or, with `once`, the companion's end.

        Args:
            companion: Work to do in a process of its own while the servers run; its return value
                is its exit code.
            once: Stop when the companion ends, with its exit code.

        Returns:
            The exit code of CONTRACT section 2.

        Raises:
            OperatorError: An address is taken; nothing was started then.
        """
        self._guards = [claim_or_raise(server.plan.listener) for server in self._servers]
        self._runtime_dir = Path(tempfile.mkdtemp(prefix="ingestion-service-"))
        previous = {name: signal.signal(name, self._on_signal) for name in _SIGNALS}
        try:
            if companion is not None:
                self._companion = self._fork_child(_run_companion, companion)
            while not self._stop_requested:
                self._start_due_servers()
                self._wait()
                self._look_after_servers()
                self._look_after_companion(once=once)
        finally:
            self._shutdown()
            for name, handler in previous.items():
                signal.signal(name, handler)
        return self._exit_code

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if number != signal.SIGHUP:
            self._stop_requested = True
            return
        for server in self._servers:
            if server.process is not None and server.process.pid is not None:
                os.kill(server.process.pid, signal.SIGHUP)

    def _fork_child(self, target: Callable[..., None], *arguments: object) -> ForkProcess:
        child = _fork.Process(target=target, args=(os.getpid(), *arguments))
        child.start()
        return child

    def _start_due_servers(self) -> None:
        now_s = self._clock.monotonic_s()
        for server in self._servers:
            if server.process is None and now_s >= server.start_at_s:
                server.started_at_s = now_s
                server.process = self._fork_child(
                    _run_server, server.plan, self._runtime_dir, self._drain_timeout_s
                )

    def _wait(self) -> None:
        children = [server.process for server in self._servers] + [self._companion]
        wait_for_any([child.sentinel for child in children if child is not None], timeout=_TICK_S)

    def _look_after_servers(self) -> None:
        for server in self._servers:
            if self._stop_requested or server.process is None or server.process.is_alive():
                continue
            code = server.process.exitcode
            server.process = None
            decision = server.policy.died(served=self._has_served(server))
            if isinstance(decision, CrashLoop):
                _log.error(
                    "a server dies before it serves; giving up",
                    server=server.plan.name,
                    deaths=decision.deaths,
                    exit_code=code,
                )
                self._exit_code = EXIT_CRASH_LOOP
                self._stop_requested = True
                return
            _log.error("a server died; starting it again", server=server.plan.name, exit_code=code)
            server.start_at_s = self._clock.monotonic_s() + decision.wait_s

    def _has_served(self, server: _Server) -> bool:
        return any(
            sign.stream == server.plan.name
            and sign.state >= REFUSING
            and sign.beat_s >= server.started_at_s
            for sign in read_signs(self._runtime_dir)
        )

    def _look_after_companion(self, *, once: bool) -> None:
        if self._companion is None or self._companion.is_alive():
            return
        code = self._companion.exitcode
        self._companion = None
        if code and not self._stop_requested:
            self._exit_code = EXIT_FAILED
        if once or code:
            self._stop_requested = True

    def _shutdown(self) -> None:
        """Stop everything in order: streams drain first, each with a deadline, then kill."""
        deadline_s = self._clock.monotonic_s() + self._drain_timeout_s + _STOP_MARGIN_S
        children = [self._companion, *(server.process for server in self._servers)]
        running = [child for child in children if child is not None]
        for child in running:
            child.terminate()
        for child in running:
            child.join(max(0.0, deadline_s - self._clock.monotonic_s()))
            if child.is_alive():
                _log.error("a process did not stop in time and is killed", pid=child.pid)
                child.kill()
                child.join()
        self._report_undelivered()
        shutil.rmtree(self._runtime_dir, ignore_errors=True)
        for guard in self._guards:
            guard.close()

    def _report_undelivered(self) -> None:
        for sign in read_signs(self._runtime_dir):
            if sign.held_rows:
                _log.error(
                    "rows were not delivered before the stop; none of them was acknowledged",
                    stream=sign.stream,
                    rows=sign.held_rows,
                )


def _run_server(parent_pid: int, plan: ServerPlan, runtime_dir: Path, drain_timeout_s: int) -> None:
    """Be one server: the body of a child process."""
    _leave_terminal()
    stop_with_parent(parent_pid)
    own_pid = os.getpid()

    def make_app() -> AsgiApp:
        stop_with_parent(own_pid)
        return plan.make_app(runtime_dir)

    http_server.serve(
        make_app,
        host=plan.listener.host,
        port=plan.listener.port,
        workers=plan.workers,
        drain_timeout_s=drain_timeout_s,
    )


def _run_companion(parent_pid: int, companion: Callable[[], int]) -> None:
    """Be the companion: the body of a child process."""
    _leave_terminal()
    stop_with_parent(parent_pid)
    raise SystemExit(companion())


def _leave_terminal() -> None:
    """Leave Ctrl-C to the supervisor, and forget its handlers: they are its own."""
    os.setsid()
    for name in _SIGNALS:
        signal.signal(name, signal.SIG_DFL)
