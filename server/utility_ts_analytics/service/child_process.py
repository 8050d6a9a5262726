"""Child processes: their signals, their end with the parent, and the reason of their end."""

import ctypes
import mmap
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from multiprocessing.context import ForkProcess

SUPERVISOR_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""Handled by the supervisor; its children restore the defaults."""

TEXT_BYTES_MAX = 2048
_LENGTH_BYTES = 4
_PR_SET_PDEATHSIG = 1  # linux/prctl.h

_fork = multiprocessing.get_context("fork")


def start_child(work: Callable[[], int | None]) -> ForkProcess:
    """Fork a child that runs `work` and exits with its return value; None is 0.

    The child leads its own session: Ctrl-C at the terminal reaches only the supervisor, and
    `os.getsid` identifies everything that the child forks. It gets SIGTERM when its parent dies.

    Raises:
        OSError: The machine is out of processes or memory.
    """
    child = _fork.Process(target=_run_child, args=(os.getpid(), work))
    # Blocked, not lost: a signal may arrive before the child has its own handlers.
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, SUPERVISOR_SIGNALS)
    try:
        child.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)
    return child


def _run_child(parent_pid: int, work: Callable[[], int | None]) -> None:
    os.setsid()
    for number in SUPERVISOR_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SUPERVISOR_SIGNALS)
    stop_with_parent(parent_pid)
    raise SystemExit(work())


def stop_with_parent(parent_pid: int) -> None:
    """Have the kernel send SIGTERM to this process when its parent dies, even by SIGKILL.

    Linux only. On other systems this does nothing: children outlive a killed supervisor.

    Args:
        parent_pid: The expected parent; if it is gone already, the signal is sent at once.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent_pid:
        os.kill(os.getpid(), signal.SIGTERM)


class LastError:
    """One text in memory that forked processes share with the process that made this object.

    Not a file: a full disk and a runtime folder without permission are errors to report here.
    Two processes that write at the same moment may mix their texts; nothing worse can happen.
    """

    def __init__(self) -> None:
        self._map = mmap.mmap(-1, _LENGTH_BYTES + TEXT_BYTES_MAX)

    def write(self, text: str) -> None:
        """Replace the text by `text`, cut to `TEXT_BYTES_MAX` bytes of UTF-8."""
        content = text.encode()[:TEXT_BYTES_MAX]
        self._map[_LENGTH_BYTES : _LENGTH_BYTES + len(content)] = content
        self._map[:_LENGTH_BYTES] = len(content).to_bytes(_LENGTH_BYTES, "little")

    def read(self) -> str:
        """Return the last text; empty if there is none."""
        length = int.from_bytes(self._map[:_LENGTH_BYTES], "little")
        return self._map[_LENGTH_BYTES : _LENGTH_BYTES + length].decode(errors="replace")


def describe_exit(exit_code: int) -> str:
    """Describe an exit code of `multiprocessing`; -n means that signal n killed the process."""
    if exit_code >= 0:
        return f"exit code {exit_code}"
    try:
        return f"killed by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"killed by signal {-exit_code}"
