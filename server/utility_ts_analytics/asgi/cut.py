"""Ends the work on a request from outside: in a drain, for another's place, where a client left."""

import asyncio
from collections.abc import Callable
from types import TracebackType

from utility_ts_analytics.errors import ClientError


class Cut:
    """An async context manager whose block ends with an error at a time that others set.

    The block is cancelled at its next `await`, whatever it waits for. One task, one block; `at` may
    be called by others on the same event loop, also before and after the block.
    """

    def __init__(self) -> None:
        self._at_s: float | None = None
        self._error: Callable[[], ClientError] | None = None
        self._timeout: asyncio.Timeout | None = None

    def at(self, at_s: float, error: Callable[[], ClientError]) -> None:
        """End the block at loop time `at_s`, seconds, with a new `error`; the earliest call holds.

        An error that was raised and is kept holds the frames it went through, and with them the
        connection.
        """
        if self._at_s is not None and self._at_s <= at_s:
            return
        self._at_s, self._error = at_s, error
        if self._timeout is not None:
            self._timeout.reschedule(at_s)

    async def __aenter__(self) -> None:
        timeout = asyncio.timeout_at(self._at_s)
        await timeout.__aenter__()
        self._timeout = timeout

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        timeout, self._timeout = self._timeout, None
        if timeout is None:
            raise AssertionError("a block is left that was not entered")
        try:
            await timeout.__aexit__(kind, error, traceback)
        except TimeoutError:
            if self._error is None:
                raise AssertionError("a block was cut and nobody said why") from None
            raise self._error() from None
