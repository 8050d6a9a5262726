"""One generation of one server: a child process, with the workers that it forks."""

import contextlib
import errno
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Final

import structlog

from utility_ts_analytics.asgi.protocol import AsgiApp, Message, Receive, Scope, Send
from utility_ts_analytics.clock import SystemClock
from utility_ts_analytics.service import http_server, worker_group
from utility_ts_analytics.service.child_process import (
    LastError,
    describe_exit,
    start_child,
    stop_with_parent,
)
from utility_ts_analytics.service.listeners.connection_limits import HandshakeBound
from utility_ts_analytics.service.plans import ConsumerPlan, ProcessPlan, ServerPlan
from utility_ts_analytics.service.shared_worker_state import REFUSING, SERVING, WorkerState
from utility_ts_analytics.service.standard_files import STDOUT_FD
from utility_ts_analytics.telemetry.log_stream import STDERR_FD

_DISK_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_DISK_FULL_RETRY_S: Final = 5.0

_log = structlog.get_logger("server")


class ServerProcess:
    """A running server. The constructor starts it.

    The argument `workers` of the methods is the state of all workers of the service, dead ones
    included.

    Args:
        plan: What to run.
        runtime_dir: Where its workers keep their state files.
        now_s: Monotonic time, seconds.

    Raises:
        OSError: The machine is short of processes or memory.
    """

    def __init__(self, plan: ProcessPlan, runtime_dir: Path, *, now_s: float) -> None:
        self.name = plan.name
        self.drain_timeout_s = plan.drain_timeout_s
        self._worker_count = plan.workers
        self._started_at_s = now_s
        self._served = False
        error = self._error = LastError()
        self._process = start_child(lambda: _serve(plan, runtime_dir, error))
        assert self._process.pid is not None  # noqa: S101  for the type checker
        self.pid: int = self._process.pid

    @property
    def sentinel(self) -> int:
        """For `multiprocessing.connection.wait`: ready once all its processes have ended."""
        return self._process.sentinel

    @property
    def exit_code(self) -> int | None:
        """Exit code of the server; None while it runs. Its workers may outlive it by a moment."""
        return self._process.exitcode

    @property
    def last_error(self) -> str:
        """Why the server or its last worker ended; empty if no error is known."""
        code = self.exit_code
        return self._error.read() or ("" if code is None else describe_exit(code))

    def own_workers(self, workers: Iterable[WorkerState]) -> list[WorkerState]:
        """Return those of its workers that are alive."""
        return [worker for worker in workers if worker.server_pid == self.pid and worker.alive]

    def has_served(self, workers: Iterable[WorkerState]) -> bool:
        """Tell whether any of its workers, dead ones included, has served so far.

        Call it at every tick: the states of dead workers are removed.
        """
        self._served = self._served or any(
            worker.server_pid == self.pid
            and worker.state >= REFUSING
            and worker.beat_s >= self._started_at_s  # an earlier server may have had its process id
            for worker in workers
        )
        return self._served

    def serves(self, workers: Iterable[WorkerState]) -> bool:
        """Tell whether all its workers take connections."""
        own = self.own_workers(workers)
        return sum(worker.state in (REFUSING, SERVING) for worker in own) >= self._worker_count

    def stop(self) -> None:
        """Begin to stop: requests end within `drain_timeout_s`, new ones are refused."""
        self._process.terminate()

    def hand_over(self) -> None:
        """Begin to stop while another generation serves the port: no request is refused."""
        _signal(self.pid, http_server.HANDOVER_SIGNAL)

    def drain_workers_left(self, workers: Iterable[WorkerState]) -> bool:
        """Tell whether the server ended before its workers; if so, tell these to drain.

        The kernel has sent them SIGTERM, which sets no limit to their uploads. This signal does.
        """
        left = self.own_workers(workers)
        for worker in left:
            _signal(worker.pid, http_server.DRAIN_SIGNAL)
        return bool(left)

    def ended(self, workers: Iterable[WorkerState]) -> bool:
        """Tell whether the server and all its workers have ended."""
        return self.exit_code is not None and not self.own_workers(workers)

    def join(self, timeout_s: float) -> bool:
        """Wait for the end of the server; tell whether it has ended."""
        self._process.join(timeout_s)
        return self.exit_code is not None

    def kill(self, workers: Iterable[WorkerState]) -> None:
        """Kill the server and all its workers."""
        if self.exit_code is None:  # not reaped yet, so the process group is its own
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self._process.kill()
            self._process.join()
        for worker in self.own_workers(workers):
            _signal(worker.pid, signal.SIGKILL)


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _serve(plan: ProcessPlan, runtime_dir: Path, last_error: LastError) -> None:
    """Run one server: the body of a child process."""
    # Granian logs to standard output, which bypasses the log relay.
    os.dup2(STDERR_FD, STDOUT_FD)
    sys.stdout = sys.stderr

    def note_death(code: int) -> None:
        last_error.write(last_error.read() or f"a worker: {describe_exit(code)}")

    if isinstance(plan, ConsumerPlan):
        worker_group.run(plan, runtime_dir, last_error, note_death)
    else:
        _serve_http(plan, runtime_dir, last_error, note_death)


def _serve_http(
    plan: ServerPlan, runtime_dir: Path, last_error: LastError, note_death: Callable[[int], None]
) -> None:
    own_pid = os.getpid()

    def make_app() -> AsgiApp:
        # Granian's handlers are inherited by the fork; they would only set a flag of the server.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(http_server.DRAIN_SIGNAL, signal.SIG_IGN)
        stop_with_parent(own_pid)
        try:
            app = _note_startup_error(make_app_on_free_disk(plan, runtime_dir), last_error)
        except Exception as error:
            last_error.write(f"{type(error).__name__}: {error}")
            raise
        if plan.tls is None:
            return app
        return HandshakeBound(app, plan.listener.port, SystemClock())

    http_server.serve(plan, make_app, note_death)


def make_app_on_free_disk(
    plan: ServerPlan, runtime_dir: Path, *, retry_s: float = _DISK_FULL_RETRY_S
) -> AsgiApp:
    """Make an application; while the disk of the runtime folder is full, wait and try again.

    Otherwise a worker that dies repeatedly would end the service, and with it the workers that
    serve.
    """
    while True:
        try:
            return plan.make_app(runtime_dir)
        except OSError as error:
            if error.errno not in _DISK_FULL:
                raise
            reason = error.strerror
        _log.error("a worker cannot start; trying again", server=plan.name, reason=reason)
        threading.Event().wait(retry_s)


def _note_startup_error(app: AsgiApp, last_error: LastError) -> AsgiApp:
    """Wrap `app` so that `last_error` gets the reason of a failed startup."""

    def noting(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "lifespan":
            return app(scope, receive, send)

        async def send_and_note(message: Message) -> None:
            if message["type"] == "lifespan.startup.failed":
                last_error.write(f"startup failed: {message['message']}")
            elif message["type"] == "lifespan.startup.complete":
                last_error.write("")  # the error of an earlier worker is over
            await send(message)

        return app(scope, receive, send_and_note)

    return noting
