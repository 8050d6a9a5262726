"""Forks the workers of a server that has no listener, and replaces those that die.

What Granian does for the servers with one. Its signals are Granian's too: SIGTERM and the handover
stop all workers, which then have `drain_timeout_s` to finish.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import wait as wait_for_any
from multiprocessing.context import ForkProcess
from pathlib import Path
from types import FrameType
from typing import Final

import structlog

from utility_ts_analytics.clock import SystemClock
from utility_ts_analytics.service.child_process import LastError, stop_with_parent
from utility_ts_analytics.service.http_server import DRAIN_SIGNAL, HANDOVER_SIGNAL
from utility_ts_analytics.service.plans import ConsumerPlan

STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, HANDOVER_SIGNAL, DRAIN_SIGNAL)
"""Each of them ends a worker in order."""

_KILL_MARGIN_S: Final = 5
_TICK_S: Final = 0.25
_SETTLED_S: Final = 5.0
"""A worker that dies earlier ends the server: the supervisor's waits and its crash-loop rule hold
for it."""

_fork = multiprocessing.get_context("fork")

_log = structlog.get_logger("server")


def run(
    plan: ConsumerPlan,
    runtime_dir: Path,
    last_error: LastError,
    note_death: Callable[[int], None],
) -> None:
    """Run all workers until one of `STOP_SIGNALS`. Blocks; main thread only.

    Args:
        plan: What to run.
        runtime_dir: For the workers' state files.
        last_error: Gets the error of a worker that fails.
        note_death: Gets the exit code of a worker that makes the server end.

    Raises:
        SystemExit: With code 1 when a worker dies right after its start.
    """
    clock = SystemClock()
    stopping = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    for number in STOP_SIGNALS:
        signal.signal(number, stop)
    workers: dict[ForkProcess, float] = {}
    code = 0
    while not stopping.is_set() and code == 0:
        while len(workers) < plan.workers:
            workers[_start(plan, runtime_dir, last_error)] = clock.monotonic_s()
        wait_for_any([worker.sentinel for worker in workers], timeout=_TICK_S)
        for worker in [worker for worker in workers if worker.exitcode is not None]:
            lasted_s = clock.monotonic_s() - workers.pop(worker)
            if lasted_s < _SETTLED_S and not stopping.is_set():
                note_death(worker.exitcode or 0)
                code = 1
    _stop(list(workers), clock.monotonic_s() + plan.drain_timeout_s + _KILL_MARGIN_S, clock)
    raise SystemExit(code)


def _start(plan: ConsumerPlan, runtime_dir: Path, last_error: LastError) -> ForkProcess:
    own_pid = os.getpid()

    def work() -> None:
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        stop_with_parent(own_pid)
        try:
            plan.run(runtime_dir)
        except Exception as error:
            last_error.write(f"{type(error).__name__}: {error}")
            raise

    worker = _fork.Process(target=work)
    # Blocked, not lost: a signal may arrive before the worker has its own handlers.
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        worker.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)
    return worker


def _stop(workers: list[ForkProcess], deadline_s: float, clock: SystemClock) -> None:
    for worker in workers:
        worker.terminate()
    for worker in workers:
        worker.join(max(0.0, deadline_s - clock.monotonic_s()))
        if worker.exitcode is None:
            _log.error("a worker did not stop in time and is killed", pid=worker.pid)
            worker.kill()
            worker.join()
