"""Standard error that never raises: what cannot be written is counted, not an exception.

A log that is on a full disk, or whose reader is gone, must not end what it tells about. Nor must it
stop the service: there standard error is a pipe of the service's own (`log_relay`), where a write
never waits. In other commands a slow terminal may make them wait, as with any program.
"""

import array
import fcntl
import io
import mmap
import os
import select
import termios
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
