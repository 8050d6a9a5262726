"""The one door to Granian: its options, and the notice to workers that a drain has begun."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TypedDict

from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer

from utility_ts_analytics.asgi.protocol import AsgiApp
from utility_ts_analytics.config import TlsFiles
from utility_ts_analytics.service.listeners.connection_limits import (
    files_needed,
    raise_open_files_limit,
)
from utility_ts_analytics.service.plans import ServerPlan

DRAIN_SIGNAL = signal.SIGUSR1
"""Sent to workers before SIGTERM. Granian does not tell the application that a drain began, and a
SIGTERM handler of the application's own would replace Granian's."""

HANDOVER_SIGNAL = signal.SIGUSR2
"""Sent to a server instead of SIGTERM when the next generation serves the port: its workers stop
listening first and refuse only after that, so that no request is refused."""

_KILL_MARGIN_S = 5
_BACKLOG_MIN, _BACKLOG_MAX = 1024, 4096
_READ_BUFFER_BYTES = 65_536
"""Per connection. It bounds the pieces of a body and the size of a head. With 256 KiB a worker with
32 uploads at a time took 125 MB instead of 110, at the same speed (docs/decisions/0015)."""
_HANDOVER_S = 1.0
"""Granian's workers accept connections for up to 0.5 s after they were told to stop."""
_WAKE_EVERY_S = 0.25


class _StopAwareEvent(threading.Event):
    """The event that Granian's main loop waits for; a stop ends that wait too.

    Granian's own signal handler sets the event. That blocks forever if the main thread is inside
    the event's lock at that moment, and is lost if Granian clears the event right then.
    """

    def __init__(self, stopping: Callable[[], bool]) -> None:
        super().__init__()
        self._stopping = stopping

    def wait(self, timeout: float | None = None) -> bool:
        """Return once the event is set or a stop was requested."""
        if timeout is not None:
            return super().wait(timeout)
        while not (super().wait(_WAKE_EVERY_S) or self._stopping()):
            pass
        return True


class StoppableGranian(MPServer):
    """Granian that announces a drain to its workers before it stops them.

    Attributes:
        on_worker_death: Gets the exit code of a worker that makes the server end.
    """

    _handing_over = False
    on_worker_death: Callable[[int], None]

    def wake_on_stop(self) -> None:
        """Replace the event of the main loop, so that no request to stop is lost."""
        self.main_loop_interrupt = _StopAwareEvent(lambda: bool(self.interrupt_signal))

    def signal_handler_interrupt(self, *_args: object, **_kwargs: object) -> None:
        """Request a stop. Runs between any two steps of the main thread, so it takes no lock."""
        self.interrupt_signal = True

    def hand_over(self, _number: int, _frame: FrameType | None) -> None:
        """Stop as for SIGTERM, but let the workers stop listening before they refuse."""
        self._handing_over = True
        self.signal_handler_interrupt()

    def _stop_workers(self) -> None:
        for worker in self.wrks:
            if worker.inner.exitcode:
                self.on_worker_death(worker.inner.exitcode)
        if self._handing_over:
            for worker in self.wrks:
                worker.terminate()  # type: ignore[no-untyped-call]  # Granian has no type here
            threading.Event().wait(_HANDOVER_S)
        for worker in self.wrks:
            if worker.inner.pid is not None and worker.inner.is_alive():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker.inner.pid, DRAIN_SIGNAL)
        super()._stop_workers()  # type: ignore[no-untyped-call]  # as above


def serve(
    plan: ServerPlan, make_app: Callable[[], AsgiApp], on_worker_death: Callable[[int], None]
) -> None:
    """Serve until SIGTERM or SIGINT. Blocks; main thread only.

    Beyond `max_connections` per worker, idle ones included, connections wait in the kernel's queue
    until another one ends. Workers that still run 5 s after `drain_timeout_s` are killed.

    Args:
        plan: What to serve. Its TLS files were checked (`listeners.tls`); each worker that starts
            reads them again.
        make_app: Called once in each worker process, after the fork; used instead of the plan's.
        on_worker_death: Gets the exit code of a worker that makes the server end; -n means that
            signal n killed it.

    Raises:
        SystemExit: With code 1 when workers die faster than Granian replaces them.
    """
    raise_open_files_limit(files_needed(plan.max_connections, tls=plan.tls is not None))
    server = StoppableGranian(
        "utility_ts_analytics",
        address=plan.listener.host,
        port=plan.listener.port,
        interface=Interfaces.ASGI,
        workers=plan.workers,
        http=HTTPModes.http1,
        websockets=False,
        loop=Loops.uvloop,
        backlog=min(max(_BACKLOG_MIN, plan.max_connections), _BACKLOG_MAX),
        backpressure=plan.max_connections,
        http1_settings=HTTP1Settings(
            header_read_timeout=15_000, max_buffer_size=_READ_BUFFER_BYTES
        ),
        respawn_failed_workers=True,
        workers_kill_timeout=plan.drain_timeout_s + _KILL_MARGIN_S,
        metrics_enabled=False,
        log_access=False,
        log_level=LogLevels.warning,
        **_tls_options(plan.tls),
    )
    server.on_worker_death = on_worker_death
    server.wake_on_stop()
    signal.signal(HANDOVER_SIGNAL, server.hand_over)
    server.serve(target_loader=make_app, wrap_loader=False)


class _TlsOptions(TypedDict, total=False):
    ssl_cert: Path
    ssl_key: Path
    ssl_ca: Path
    ssl_client_verify: bool


def _tls_options(tls: TlsFiles | None) -> _TlsOptions:
    """Return Granian's TLS options; it speaks TLS 1.3 only."""
    if tls is None:
        return {}
    options: _TlsOptions = {"ssl_cert": Path(tls.cert), "ssl_key": Path(tls.key)}
    if tls.client_ca is not None:
        options["ssl_ca"], options["ssl_client_verify"] = Path(tls.client_ca), True
    return options
