"""The log of a service: all its processes write into one pipe, one thread writes it out.

The pipe takes the place of standard error and is handed on by forking, so it carries everything:
lines of our own, tracebacks, warnings, what compiled code prints when it dies. A write into it
never waits, and lines outlive the process that wrote them. Only the supervisor has the threads; a
forked child needs no lock that they may hold. Alternatives: docs/decisions/0027.
"""

import contextlib
import fcntl
import os
import select
import signal
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Final

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.telemetry.log_stream import (
    DROPS,
    STDERR_FD,
    LogQueue,
    QueuedLine,
    log_stream,
)
from utility_ts_analytics.telemetry.logs import drop_notice

FLUSH_S: Final = 1.0
"""How long the end of the service may wait for the last lines to be written."""

_PIPE_BYTES: Final = 1024 * 1024
"""What may wait for the reading thread: it is never late but on a machine without a free core."""
_LINE_BYTES_MAX: Final = 256 * 1024
_READ_BYTES: Final = 64 * 1024
_RETRY_S: Final = 1.0
"""How often it is tried to tell of dropped lines while there is nothing else to write."""


class LogRelay:
    """Stands between all processes of a service and standard error, for a `with` block.

    To be entered by the main thread, before anything is forked. Signals never reach its threads.

    Raises:
        OperatorError: The machine has no room for two threads; standard error is as it was.
    """

    def __init__(self) -> None:
        self._queue = LogQueue(DROPS, drop_notice)
        self._done = threading.Event()
        self._real_fd = -1

    def __enter__(self) -> "LogRelay":
        self._real_fd = os.dup(STDERR_FD)
        read_fd, write_fd = os.pipe()
        os.set_blocking(write_fd, False)
        with contextlib.suppress(OSError, AttributeError):  # Linux only, and limited per user
            fcntl.fcntl(write_fd, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        _start_thread(lambda: read_lines(read_fd, self._queue))
        _start_thread(lambda: write_lines(self._queue, self._real_fd, self._done))
        self._replaced = sys.stderr
        os.dup2(write_fd, STDERR_FD)
        os.close(write_fd)
        sys.stderr = log_stream(
            STDERR_FD,
            is_terminal=self._replaced.isatty(),
            capacity_bytes=_capacity_bytes(read_fd),
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Restore standard error; wait `FLUSH_S` at most for the remaining lines."""
        os.dup2(self._real_fd, STDERR_FD)  # the last writer is gone, so the reader comes to an end
        sys.stderr = self._replaced
        self._done.wait(FLUSH_S)


def read_lines(read_fd: int, queue: LogQueue) -> None:
    """Move lines from a pipe into a queue until the pipe ends; closes both."""
    rest = b""
    while chunk := os.read(read_fd, _READ_BYTES):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            queue.put(line + b"\n")
        if len(rest) > _LINE_BYTES_MAX:
            queue.put(rest + b"\n")
            rest = b""
    if rest:
        queue.put(rest + b"\n")
    queue.close()
    os.close(read_fd)


def write_lines(
    queue: LogQueue, fd: int, done: threading.Event, *, retry_s: float = _RETRY_S
) -> None:
    """Write the lines of a queue until it ends, then set `done`; may wait for ever.

    Args:
        queue: Where the lines come from.
        fd: Where they go. One write for each line; a partial write is continued.
        done: Set after the last line.
        retry_s: How often to try a notice of dropped lines while nothing else is to be written.
    """
    cut = False
    while (line := queue.take(retry_s)) is not None:
        cut = not _written(fd, line, queue, after_cut=cut)
    done.set()


def _written(fd: int, line: QueuedLine, queue: LogQueue, *, after_cut: bool) -> bool:
    """Write one line; tell whether nothing of an unfinished line is left behind."""
    content = b"\n" + line.content if after_cut else line.content
    rest = memoryview(content)
    while rest:
        try:
            rest = rest[os.write(fd, rest) :]
        except BlockingIOError:  # a program that shares our standard error made it so
            poll = select.poll()
            poll.register(fd, select.POLLOUT)
            poll.poll()
        except OSError:  # no room, no reader, no terminal any more
            queue.failed(line)
            return len(rest) == len(content) and not after_cut
    return True


def _capacity_bytes(fd: int) -> int:
    try:
        return fcntl.fcntl(fd, fcntl.F_GETPIPE_SZ)
    except (OSError, AttributeError):
        return 0


def _start_thread(work: Callable[[], None]) -> None:
    """Start a thread that takes no signal, so that each wakes the main thread at once.

    Raises:
        OperatorError: There may not be so many.
    """
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        threading.Thread(target=work, daemon=True).start()
    except RuntimeError as error:
        raise OperatorError(
            f"cannot start a thread for the log: {error}; raise the limit of processes (ulimit -u)"
        ) from error
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)
