"""Lines of the log that wait to be written: bounded in lines and bytes, what is dropped is told.

The first lines are kept and the later ones dropped, since a fault is explained by how it began.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from utility_ts_analytics.telemetry.log_stream import LineDrops

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
