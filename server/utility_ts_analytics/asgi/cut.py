"""Ends the work on a request from outside: in a drain, for another's place, where a client left."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any

from utility_ts_analytics.errors import ClientError


class Cut:
    """A context manager whose block ends with an error at a time that others set.

    The task is cancelled at its next `await` in the block, whatever it waits for. One task, one
    block; `at` may be called by others on the same event loop, also before and after the block.
    As `asyncio.timeout`, which takes four times as long to enter and leave.
    """

    def __init__(self) -> None:
        self._at_s: float | None = None
        self._error: Callable[[], ClientError] | None = None
        self._task: asyncio.Task[Any] | None = None
        self._cancelling = 0
        self._timer: asyncio.TimerHandle | None = None
        self._cancelled = False

    def at(self, at_s: float, error: Callable[[], ClientError]) -> None:
        """End the block at loop time `at_s`, seconds, with a new `error`; the earliest call holds.

        An error that was raised and is kept holds the frames it went through, and with them the
        connection.
        """
        if self._cancelled or (self._at_s is not None and self._at_s <= at_s):
            return
        self._at_s, self._error = at_s, error
        if self._task is not None:
            self._arm(self._task, at_s)

    def __enter__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise AssertionError("a cut is for a task")
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
        # Somebody else may want the task to end, too: that goes on.
        if task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise self._error() from None

    def _arm(self, task: asyncio.Task[Any], at_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(at_s, self._cancel, task)

    def _cancel(self, task: asyncio.Task[Any]) -> None:
        self._cancelled = True
        task.cancel()
