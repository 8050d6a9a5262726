"""Child processes of the supervisor: in a session of their own, with signals of their own."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from multiprocessing.context import ForkProcess

from utility_ts_analytics.service.orphans import stop_with_parent

SUPERVISOR_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""What the supervisor handles; its children forget those handlers."""

_fork = multiprocessing.get_context("fork")


def start_child(work: Callable[[], int | None]) -> ForkProcess:
    """Fork a child that does `work` and exits with what it returns.

    The child leads a session, so that Ctrl-C at the terminal reaches only the supervisor, and all
    that it forks can be told from strangers by `os.getsid`. It gets SIGTERM when its parent dies.
    """
    child = _fork.Process(target=_be_child, args=(os.getpid(), work))
    # A signal that comes before the child has its own handlers waits instead of getting lost.
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, SUPERVISOR_SIGNALS)
    try:
        child.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)
    return child


def _be_child(parent_pid: int, work: Callable[[], int | None]) -> None:
    os.setsid()
    for name in SUPERVISOR_SIGNALS:
        signal.signal(name, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SUPERVISOR_SIGNALS)
    stop_with_parent(parent_pid)
    raise SystemExit(work())
