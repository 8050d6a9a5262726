"""The one door to Granian: which options we use, and the notice that a drain has begun."""

import contextlib
import os
import signal
from collections.abc import Callable

from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer

from utility_ts_analytics.asgi.types import AsgiApp

DRAIN_SIGNAL = signal.SIGUSR1
"""Sent to workers before SIGTERM. Granian does not tell the application that a drain began, and a
SIGTERM handler of the application's own would replace Granian's."""

_KILL_MARGIN_S = 5


class _NoticeGivingGranian(MPServer):
    """Granian that tells its workers of a drain before it stops them."""

    def _stop_workers(self) -> None:
        for worker in self.wrks:
            pid = worker.inner.pid
            if pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, DRAIN_SIGNAL)
        super()._stop_workers()  # type: ignore[no-untyped-call]  # granian is untyped here


def serve(
    make_app: Callable[[], AsgiApp], *, host: str, port: int, workers: int, drain_timeout_s: int
) -> None:
    """Serve until SIGTERM or SIGINT; blocks, main thread only.

    Args:
        make_app: Called once in each worker process, after the fork.
        host: IP literal to listen on.
        port: TCP port, 1..65535.
        workers: Processes, >= 1.
        drain_timeout_s: How long requests may take to end after SIGTERM, seconds. Workers that are
            still there 5 s later are killed.

    Raises:
        SystemExit: With code 1 when the workers die faster than Granian replaces them.
    """
    _NoticeGivingGranian(
        "utility_ts_analytics",
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        workers=workers,
        http=HTTPModes.http1,
        websockets=False,
        loop=Loops.uvloop,
        backlog=1024,
        backpressure=256,
        http1_settings=HTTP1Settings(header_read_timeout=15_000, max_buffer_size=262_144),
        respawn_failed_workers=True,
        workers_kill_timeout=drain_timeout_s + _KILL_MARGIN_S,
        metrics_enabled=False,
        log_access=False,
        log_level=LogLevels.warning,
    ).serve(target_loader=make_app, wrap_loader=False)
