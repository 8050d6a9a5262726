"""Whether an upload is worth its place: the valid rows it brings, by the time that it takes.

Blank lines, bad lines and blanks inside of a record cost a client nothing, so they are no progress;
neither are bytes that are compressed, or held until an array is complete.
"""

import asyncio
from types import TracebackType
from typing import Final

ROW_BYTES_MAX: Final = 512
"""What one row counts at most, bytes: a record may be blown up with blanks and unknown fields."""

_ARRAY_SHARE: Final = 16
"""An array has brought no row until it is complete. Until then only so small a part of it counts
as progress that whoever sends nothing but brackets has to send 16 KiB/s by default, and meets the
bound on array bodies (`channel_capacity_bytes`) within a minute or so."""

_BLANKS: Final = b" \t\r\n"


class Progress:
    """The account of one upload; a context manager around the waits that are not the client's.

    Args:
        rate_bytes_min: Useful bytes per second below which an upload lags; 0 counts as 1.
        window_s: Over how long the rate is an average, seconds.
    """

    def __init__(self, rate_bytes_min: int, window_s: float) -> None:
        self.useful_bytes = 0
        self._rate_bytes_min = max(1, rate_bytes_min)
        self._window_s = window_s
        self._began_s: float | None = None
        self._waiting_since_s: float | None = None
        self._over = False
        self._queued = False

    def begin(self) -> None:
        """Say that the body is asked for from now on."""
        self._began_s = asyncio.get_running_loop().time()

    def add_rows(self, row_count: int, size_bytes: int) -> None:
        """Count valid rows out of `size_bytes` of lines, bad and blank ones among them."""
        self.useful_bytes += min(size_bytes, row_count * ROW_BYTES_MAX)

    def add_array_part(self, part: bytes) -> None:
        """Count a part of an array that is not complete yet."""
        self.useful_bytes += len(part.translate(None, _BLANKS)) // _ARRAY_SHARE

    def end(self) -> None:
        """Say that the body has been read: from now on the client has nothing to do but wait."""
        self._over = True

    def queued(self) -> "Progress":
        """Return what is entered for a wait for memory, on a place that others may need."""
        self._queued = True
        return self

    def __enter__(self) -> None:
        """Begin a wait for room, which is not the client's fault."""
        self._waiting_since_s = asyncio.get_running_loop().time()

    def __exit__(
        self, _kind: type[BaseException] | None, _error: object, _traceback: TracebackType | None
    ) -> None:
        """End the wait."""
        if self._waiting_since_s is not None and self._began_s is not None:
            self._began_s += asyncio.get_running_loop().time() - self._waiting_since_s
        self._waiting_since_s = None
        self._queued = False

    def lags_s(self, now_s: float) -> float:
        """Return for how long the upload has brought too little, seconds; 0 if it has not.

        Args:
            now_s: The loop's time, seconds.
        """
        if self._began_s is None or self._over:
            return 0.0
        if self._waiting_since_s is not None:
            in_vain = self._queued and not self.useful_bytes
            return now_s - self._waiting_since_s if in_vain else 0.0
        taken_s = now_s - self._began_s
        if self.useful_bytes < taken_s * self._rate_bytes_min:
            return taken_s
        if taken_s >= self._window_s:
            self._began_s, self.useful_bytes = now_s, 0
        return 0.0
