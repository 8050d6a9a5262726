"""How one upload is judged, and how the work on it is ended from outside.

`Progress` measures whether an upload is worth its place: the valid rows it brings, by the time that
it takes. Blank lines, bad lines and blanks inside of a record cost a client nothing, so they are no
progress; nor are bytes that are compressed, or held until an array is complete.
"""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final

from utility_ts_analytics.errors import ClientError

ROW_BYTES_MAX: Final = 512
"""The most that one row counts, bytes: blanks and unknown fields can blow a record up."""

_ARRAY_SHARE: Final = 16
"""An array brings no row until it is complete. Until then only this part of its bytes counts, so
that a client that sends nothing but brackets has to send 16 KiB/s by default, and reaches the bound
on array bodies (`channel_capacity_bytes`) within a minute or so."""

_BLANKS: Final = b" \t\r\n"


class Progress:
    """The progress of one upload; a context manager around waits that are not the client's fault.

    Args:
        body_min_rate_bytes: Useful bytes per second below which an upload lags; 0 counts as 1.
        window_s: Time over which the rate is averaged, seconds.

    Attributes:
        useful_bytes: Brought since the rate was judged last, bytes.
    """

    useful_bytes = 0
    _began_s: float | None = None
    _waiting_since_s: float | None = None
    _over = False
    _queued = False

    def __init__(self, body_min_rate_bytes: int, window_s: float) -> None:
        self._rate_bytes_min = max(1, body_min_rate_bytes)
        self._window_s = window_s

    def begin(self) -> None:
        """Start the clock: the body is asked for from now on."""
        self._began_s = asyncio.get_running_loop().time()

    def add_rows(self, row_count: int, size_bytes: int) -> None:
        """Count valid rows out of `size_bytes` of lines, which may hold bad and blank ones."""
        self.useful_bytes += min(size_bytes, row_count * ROW_BYTES_MAX)

    def add_array_part(self, part: bytes) -> None:
        """Count a part of an array that is not complete yet."""
        self.useful_bytes += len(part.translate(None, _BLANKS)) // _ARRAY_SHARE

    def end(self) -> None:
        """Stop the clock: the body has been read, and the client only waits."""
        self._over = True

    def queued(self) -> "Progress":
        """Return the context manager for a wait for memory; others may need the place meanwhile."""
        self._queued = True
        return self

    def __enter__(self) -> None:
        """Begin a wait for room."""
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


class Deadline:
    """A context manager whose block ends with an error at a time that others set.

    The task is cancelled at its next `await` in the block. One task, one block; others on the same
    event loop may call `set`, also before and after the block. `asyncio.timeout` does the same and
    takes four times as long to enter and leave.
    """

    _at_s: float | None = None
    _error: Callable[[], ClientError] | None = None
    _task: asyncio.Task[Any] | None = None
    _cancelling = 0
    _timer: asyncio.TimerHandle | None = None
    _cancelled = False

    def set(self, at_s: float, error: Callable[[], ClientError]) -> None:
        """End the block at loop time `at_s`, seconds; of several calls the earliest time holds.

        Args:
            at_s: The loop's time, seconds.
            error: Returns the error to raise. A new one each time: an error that was raised and is
                kept holds the frames it went through, and with them the connection. For the same
                reason it must not hold the owner of this deadline: the connection of a request
                that is answered would stay open until the garbage collector runs.
        """
        if self._cancelled or (self._at_s is not None and self._at_s <= at_s):
            return
        self._at_s, self._error = at_s, error
        if self._task is not None:
            self._arm(self._task, at_s)

    def __enter__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise AssertionError("a deadline is for a task")
        self._task, self._cancelling = task, task.cancelling()
        if self._at_s is not None:
            self._arm(task, self._at_s)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        task, self._task = self._task, None
        if self._timer is not None:
            self._timer.cancel()
        if not self._cancelled or task is None or self._error is None:
            return
        # If others cancelled the task as well, their cancellation goes on.
        if task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise self._error() from None

    def _arm(self, task: asyncio.Task[Any], at_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(at_s, self._cancel, task)

    def _cancel(self, task: asyncio.Task[Any]) -> None:
        self._cancelled = True
        task.cancel()
