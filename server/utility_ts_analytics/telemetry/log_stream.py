"""Standard error that never raises: lines that cannot be written are counted and dropped.

A full disk or a closed pipe must not end the service. In the service standard error is a pipe of
its own (`log_relay`), where a write never waits; in other commands a slow terminal may block.

Waiting lines are bounded in number and bytes. The first lines are kept and later ones dropped,
since the beginning of a fault explains it; the number of dropped lines is logged.
"""

import array
import fcntl
import io
import mmap
import os
import select
import termios
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

STDERR_FD: Final = 2

_WORD_BYTES: Final = 8


class LineDrops:
    """How many lines of the log were not written: by this process and all that it forks.

    Two processes that fail to send a line at the same moment may count one; nothing worse can
    happen.
    """

    def __init__(self) -> None:
        self._words = memoryview(mmap.mmap(-1, 2 * _WORD_BYTES)).cast("Q")

    @property
    def total(self) -> int:
        """Lines so far."""
        return self._words[0] + self._words[1]

    def not_sent(self, lines: int) -> None:
        """Count lines that a process could not hand to its standard error."""
        self._words[0] += lines

    def not_written(self, lines: int) -> None:
        """Count lines that the relay had no room for or could not write; one process only."""
        self._words[1] += lines


DROPS: Final = LineDrops()
"""Those of this service; one for all its processes, so it is made before any is forked."""


def log_stream(
    fd: int, *, is_terminal: bool, capacity_bytes: int = 0, drops: LineDrops = DROPS
) -> io.TextIOWrapper:
    """Return a text stream that writes whole lines to `fd` and never raises OSError.

    Args:
        fd: Not closed with the stream.
        is_terminal: What `isatty` says: a pipe may stand in front of a terminal.
        capacity_bytes: Of the pipe, if `fd` is one that does not block; else 0.
        drops: Where lines that cannot be written are counted.
    """
    file = _LogFile(fd, is_terminal=is_terminal, capacity_bytes=capacity_bytes, drops=drops)
    # Lines are put together in C and written one by one, without a lock that a fork could copy.
    return io.TextIOWrapper(
        file,  # type: ignore[arg-type]  # typeshed wants BufferedIOBase; `python -u` does the same
        encoding="utf-8",
        errors="backslashreplace",
        line_buffering=True,
    )


class _LogFile(io.RawIOBase):
    def __init__(
        self, fd: int, *, is_terminal: bool, capacity_bytes: int, drops: LineDrops
    ) -> None:
        self._fd = fd
        self._is_terminal = is_terminal
        self._capacity_bytes = capacity_bytes
        self._drops = drops
        self._cut = False

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._fd

    def isatty(self) -> bool:
        """Tell whether the lines end up on a terminal."""
        return self._is_terminal

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, content: "ReadableBuffer") -> int:
        """Write all of it, or count it; always returns its length."""
        data = bytes(content)
        # After a line that was cut the next one begins on a line of its own.
        rest = memoryview(b"\n" + data if self._cut else data)
        try:
            if self._would_be_cut(len(data)):
                raise BlockingIOError
            while rest:
                rest = rest[os.write(self._fd, rest) :]
                self._cut = True
            self._cut = False
        except OSError:
            self._drops.not_sent(max(1, bytes(rest).count(b"\n")))
        return len(data)

    def _would_be_cut(self, size_bytes: int) -> bool:
        """Tell whether a pipe may take a part only: up to PIPE_BUF it takes all or nothing.

        It holds whole pages, which are at least half full: so half of it counts as all.
        """
        if not self._capacity_bytes or size_bytes <= select.PIPE_BUF:
            return False
        waiting = array.array("i", [0])
        fcntl.ioctl(self._fd, termios.FIONREAD, waiting)
        return waiting[0] + size_bytes > self._capacity_bytes // 2


LINES_MAX: Final = 10_000
BYTES_MAX: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class QueuedLine:
    """One line to be written.

    Attributes:
        content: With its newline.
        told: How many dropped lines it tells of; 0 for all but a notice.
    """

    content: bytes
    told: int = 0


class LogQueue:
    """Between the thread that reads lines and the one that writes them.

    Once full it takes nothing until it is half empty: one notice for many lines, instead of one for
    each that finds room.

    Args:
        drops: Counts what is dropped here; lines dropped elsewhere are told here too.
        notice: Makes the line that tells how many were dropped.
        lines_max: Lines that may wait, >= 1.
        bytes_max: Their bytes.
    """

    def __init__(
        self,
        drops: LineDrops,
        notice: Callable[[int], bytes],
        *,
        lines_max: int = LINES_MAX,
        bytes_max: int = BYTES_MAX,
    ) -> None:
        self._drops = drops
        self._notice = notice
        self._lines_max = lines_max
        self._bytes_max = bytes_max
        self._changed = threading.Condition()
        self._lines: deque[QueuedLine] = deque()
        self._bytes = 0
        self._told = drops.total
        self._refusing = False
        self._closed = False

    def put(self, content: bytes) -> None:
        """Take a line, or drop and count it; never waits."""
        with self._changed:
            share = 0.5 if self._refusing else 1.0
            self._refusing = (
                len(self._lines) + 1 > share * self._lines_max
                or self._bytes + len(content) > share * self._bytes_max
            )
            if self._refusing:
                self._drops.not_written(1)
                return
            if self._drops.total > self._told:
                self._append(self._take_notice())
            self._append(QueuedLine(content))
            self._changed.notify()

    def close(self) -> None:
        """Say that no more lines come."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def take(self, patience_s: float) -> QueuedLine | None:
        """Return the next line, or None after the last one of a closed queue.

        Args:
            patience_s: How long to wait for a line before it is looked whether a notice is due.
        """
        with self._changed:
            while not self._lines:
                if self._closed and self._drops.total == self._told:
                    return None
                if not self._closed and self._changed.wait(patience_s):
                    continue
                if self._drops.total > self._told:
                    return self._take_notice()
            line = self._lines.popleft()
            self._bytes -= len(line.content)
            return line

    def failed(self, line: QueuedLine) -> None:
        """Count a line that could not be written; it is told of with the next notice."""
        with self._changed:
            if self._closed:
                self._told = self._drops.total  # nobody is left to be told
            elif line.told:
                self._told -= line.told
            else:
                self._drops.not_written(1)

    def _append(self, line: QueuedLine) -> None:
        self._lines.append(line)
        self._bytes += len(line.content)

    def _take_notice(self) -> QueuedLine:
        dropped = self._drops.total - self._told
        self._told += dropped
        return QueuedLine(self._notice(dropped), dropped)
