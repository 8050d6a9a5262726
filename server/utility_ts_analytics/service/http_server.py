"""The one door to Granian: which options we use, and the notice that a drain has begun."""

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

from utility_ts_analytics.asgi.types import AsgiApp
from utility_ts_analytics.config import TlsFiles
from utility_ts_analytics.service.open_files import files_needed, raise_soft_limit

DRAIN_SIGNAL = signal.SIGUSR1
"""Sent to workers before SIGTERM. Granian does not tell the application that a drain began, and a
SIGTERM handler of the application's own would replace Granian's."""

HANDOVER_SIGNAL = signal.SIGUSR2
"""Sent to a server instead of SIGTERM when another one serves the port from now on: its workers
stop listening first and refuse only after that, so that no request meets a refusal."""

_KILL_MARGIN_S = 5
_BACKLOG_MIN, _BACKLOG_MAX = 1024, 4096
_READ_BUFFER_BYTES = 65_536
"""Of each connection, and with it the size of the pieces of a body and the bound of a
head. With 256 KiB a worker with 32 uploads at a time took 125 MB instead of 110, as fast
(docs/decisions/0015)."""
_HANDOVER_S = 1.0
"""Granian's workers take the last connections up to 0.5 s after they were told to stop."""


_LOOK_AGAIN_S = 0.25


class _Wake(threading.Event):
    """What Granian's main loop waits for; ends the wait for a stop too.

    Granian's signal handler sets its event. That blocks for ever where the signal came while the
    main thread was in the event's own lock, and is lost where Granian clears the event right then.
    """

    def __init__(self, stopping: Callable[[], bool]) -> None:
        super().__init__()
        self._stopping = stopping

    def wait(self, timeout: float | None = None) -> bool:
        """Return once it is set, or a stop was asked for."""
        if timeout is not None:
            return super().wait(timeout)
        while not (super().wait(_LOOK_AGAIN_S) or self._stopping()):
            pass
        return True


class StoppableGranian(MPServer):
    """Granian that tells its workers of a drain before it stops them, and how one died."""

    _handing_over = False
    on_worker_death: Callable[[int], None]

    def wake_safely(self) -> None:
        """Have the main loop notice a stop whenever it is asked for."""
        self.main_loop_interrupt = _Wake(lambda: bool(self.interrupt_signal))

    def signal_handler_interrupt(self, *_args: object, **_kwargs: object) -> None:
        """Ask for a stop; runs between any two steps of the main thread, so it takes no lock."""
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
                worker.terminate()  # type: ignore[no-untyped-call]  # as above
            threading.Event().wait(_HANDOVER_S)
        for worker in self.wrks:
            if worker.inner.pid is not None and worker.inner.is_alive():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker.inner.pid, DRAIN_SIGNAL)
        super()._stop_workers()  # type: ignore[no-untyped-call]  # as above


def serve(
    make_app: Callable[[], AsgiApp],
    *,
    host: str,
    port: int,
    workers: int,
    connections_max: int,
    tls: TlsFiles | None,
    drain_timeout_s: int,
    on_worker_death: Callable[[int], None],
) -> None:
    """Serve until SIGTERM or SIGINT; blocks, main thread only.

    Args:
        make_app: Called once in each worker process, after the fork.
        host: IP literal to listen on.
        port: TCP port, 1..65535.
        workers: Processes, >= 1.
        connections_max: Per worker, idle ones too. Beyond it connections wait in the kernel's
            queue, unanswered, until one ends.
        tls: Checked before (`service.tls`). Read now and again by each worker that starts.
        drain_timeout_s: How long requests may take to end after SIGTERM, seconds. Workers that are
            still there 5 s later are killed.
        on_worker_death: Gets the exit code of a worker for whose sake the whole server ends;
            minus the signal's number if one killed it.

    Raises:
        SystemExit: With code 1 when the workers die faster than Granian replaces them.
    """
    raise_soft_limit(files_needed(connections_max, tls=tls is not None))
    server = StoppableGranian(
        "utility_ts_analytics",
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        workers=workers,
        http=HTTPModes.http1,
        websockets=False,
        loop=Loops.uvloop,
        backlog=min(max(_BACKLOG_MIN, connections_max), _BACKLOG_MAX),
        backpressure=connections_max,
        http1_settings=HTTP1Settings(
            header_read_timeout=15_000, max_buffer_size=_READ_BUFFER_BYTES
        ),
        respawn_failed_workers=True,
        workers_kill_timeout=drain_timeout_s + _KILL_MARGIN_S,
        metrics_enabled=False,
        log_access=False,
        log_level=LogLevels.warning,
        **_tls_options(tls),
    )
    server.on_worker_death = on_worker_death
    server.wake_safely()
    signal.signal(HANDOVER_SIGNAL, server.hand_over)
    server.serve(target_loader=make_app, wrap_loader=False)


class _TlsOptions(TypedDict, total=False):
    ssl_cert: Path
    ssl_key: Path
    ssl_ca: Path
    ssl_client_verify: bool


def _tls_options(tls: TlsFiles | None) -> _TlsOptions:
    """Return Granian's options; it speaks TLS 1.3 and nothing older."""
    if tls is None:
        return {}
    options: _TlsOptions = {"ssl_cert": Path(tls.cert), "ssl_key": Path(tls.key)}
    if tls.client_ca is not None:
        options["ssl_ca"], options["ssl_client_verify"] = Path(tls.client_ca), True
    return options
