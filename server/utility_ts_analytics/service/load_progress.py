"""One line on a terminal's standard error, rewritten while a load runs; nothing elsewhere."""

import shutil
import sys
from collections import deque
from typing import Final, TextIO

from utility_ts_analytics.clock import Clock
from utility_ts_analytics.service.load_tally import Tally

INTERVAL_S: Final = 0.5
_RECENT_S: Final = 5.0


class Progress:
    """Shows a tally.

    Args:
        tally: What to show.
        clock: Time.
        stream: Where to; nothing is written where that is no terminal.
    """

    def __init__(self, tally: Tally, clock: Clock, stream: TextIO | None = None) -> None:
        self._tally = tally
        self._clock = clock
        self._stream = stream or sys.stderr
        self._wanted = self._stream.isatty()
        self._due_s = 0.0
        self._recent: deque[tuple[float, int, int]] = deque()

    async def run(self) -> None:
        """Show until cancelled; then the line is gone."""
        try:
            while self._wanted:
                self.show()
                await self._clock.sleep(INTERVAL_S)
        finally:
            self.clear()

    def show(self) -> None:
        """Rewrite the line, if it is time to."""
        now_s = self._clock.monotonic_s()
        if self._wanted and now_s >= self._due_s:
            self._due_s = now_s + INTERVAL_S
            width = shutil.get_terminal_size().columns
            self._write(f"\r{self.line()[: width - 1]}\x1b[K")

    def clear(self) -> None:
        """Make room for other output."""
        if self._wanted:
            self._write("\r\x1b[K")

    def line(self) -> str:
        """Return what is known just now; to be called about twice a second."""
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
