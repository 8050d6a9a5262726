"""How far a load has come: one line on a terminal's standard error, rewritten while it runs."""

import shutil
import sys
from collections import deque
from dataclasses import dataclass, field
from typing import Final, TextIO

from utility_ts_analytics.clock import Clock
from utility_ts_analytics.files.pieces import PieceSource
from utility_ts_analytics.files.result import Account

_INTERVAL_S: Final = 0.5
_RECENT_S: Final = 5.0


@dataclass(slots=True)
class Tally:
    """How far a load has come: written by the load, read by its progress line.

    Attributes:
        file_count: Number of inputs.
        bytes_total: Bytes of all inputs on disk; None where one has no size.
        file_number: Number of the input being loaded, from 1; 0 before the first.
        account: Account of the input being loaded.
        source: Source of the input being loaded, while it is open.
        resumed_rows: Rows stored and refused by interrupted runs, of all inputs so far.
    """

    file_count: int
    bytes_total: int | None
    file_number: int = 0
    account: Account = field(default_factory=Account)
    source: PieceSource | None = None
    resumed_rows: int = 0
    _bytes_before: int = 0
    _stored_before: int = 0
    _refused_before: int = 0

    @property
    def bytes_read(self) -> int:
        """Bytes read of all inputs."""
        return self._bytes_before + (self.source.bytes_read if self.source else 0)

    @property
    def stored_rows(self) -> int:
        """Rows stored of all inputs."""
        return self._stored_before + self.account.stored_rows

    @property
    def refused_rows(self) -> int:
        """Records refused of all inputs."""
        return self._refused_before + self.account.refused_rows

    def begin(self) -> None:
        """Begin the next input."""
        self.file_number += 1

    def resume(self, account: Account) -> None:
        """Take this account, which has the rows of interrupted runs, for that of the input."""
        self.account = account
        self.resumed_rows += account.lines

    def end(self, size_bytes: int | None) -> None:
        """Count the input as done, `size_bytes` long on disk."""
        self._bytes_before += size_bytes or 0
        self._stored_before += self.account.stored_rows
        self._refused_before += self.account.refused_rows
        self.account, self.source = Account(), None


class Progress:
    """Shows a tally on a terminal, in one line that is rewritten twice a second.

    Args:
        tally: The tally.
        clock: Time.
        stream: Output; standard error by default. Nothing is written where it is no terminal.
    """

    def __init__(self, tally: Tally, clock: Clock, stream: TextIO | None = None) -> None:
        self._tally = tally
        self._clock = clock
        self._stream = stream or sys.stderr
        self._wanted = self._stream.isatty()
        self._recent: deque[tuple[float, int, int]] = deque()

    async def run(self) -> None:
        """Show the line until cancelled, then remove it."""
        try:
            while self._wanted:
                width = shutil.get_terminal_size().columns
                self._write(f"\r{self.line()[: width - 1]}\x1b[K")
                await self._clock.sleep(_INTERVAL_S)
        finally:
            if self._wanted:
                self._write("\r\x1b[K")

    def line(self) -> str:
        """Return the line; the rate is that of the calls of the last 5 s."""
        tally = self._tally
        now_s = self._clock.monotonic_s()
        rows = tally.stored_rows + tally.refused_rows - tally.resumed_rows
        bytes_read = tally.bytes_read
        self._recent.append((now_s, rows, bytes_read))
        while len(self._recent) > 2 and self._recent[1][0] <= now_s - _RECENT_S:
            self._recent.popleft()
        then_s, rows_then, bytes_then = self._recent[0]
        passed_s = now_s - then_s
        parts = [f"file {tally.file_number} of {tally.file_count}"]
        if tally.bytes_total:
            parts.append(f"{100 * min(1.0, bytes_read / tally.bytes_total):.0f} %")
        parts += [f"{tally.stored_rows:,} rows stored", f"{tally.refused_rows:,} refused"]
        if passed_s > 0:
            parts.append(f"{(rows - rows_then) / passed_s:,.0f} rows/s")
            bytes_per_s = (bytes_read - bytes_then) / passed_s
            if tally.bytes_total and bytes_per_s > 0:
                left_s = max(0, tally.bytes_total - bytes_read) / bytes_per_s
                parts.append(f"{_duration(left_s)} left")
        return ", ".join(parts)

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
