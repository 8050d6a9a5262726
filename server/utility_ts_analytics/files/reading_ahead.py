"""Runs an iterator in a thread of its own, a bounded number of items ahead of its consumer."""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, Generic, TypeVar

READER_END_S: Final = 5.0
"""Longest wait for the end of the thread, which may wait for its input."""

_ItemT = TypeVar("_ItemT")
_T = TypeVar("_T")


class ReadingAhead(Generic[_ItemT]):
    """Hands out `items`, which a thread makes. One event loop, one consumer.

    The thread is a daemon: if it waits for standard input it does not delay the process's end.

    Args:
        items: Iterated, and closed, in the thread only.
        ahead: Most items that are held, >= 1, beside the one being made.
    """

    def __init__(self, items: Iterable[_ItemT], ahead: int) -> None:
        self._items = items
        self._loop = asyncio.get_running_loop()
        self._room = threading.Semaphore(ahead)
        self._stopped = threading.Event()
        self._ready: deque[_ItemT] = deque()
        self._changed = asyncio.Event()
        self._ended = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="reading-ahead", daemon=True)
        self._thread.start()

    @property
    def exhausted(self) -> bool:
        """Whether the iterator came to its end, and every item was handed out."""
        return self._ended and self._error is None and not self._ready

    async def next(self, *ends: asyncio.Future[None]) -> _ItemT | None:
        """Return the next item; None if there will be none, or one of `ends` is done first.

        Raises:
            Exception: The iterator raised it, behind all items before.
        """
        while not self._ready:
            if self._error is not None:
                raise self._error
            if self._ended:
                return None
            self._changed.clear()
            changed = asyncio.ensure_future(self._changed.wait())
            waits: set[asyncio.Future[Any]] = {changed, *ends}
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                if not changed.done():
                    return None
            finally:
                changed.cancel()
        self._room.release()
        return self._ready.popleft()

    def stop(self) -> None:
        """End the thread after the item that it is making; items held are dropped."""
        self._stopped.set()
        self._room.release()

    async def stopped(self, timeout_s: float) -> bool:
        """Wait for the end of the thread after `stop`; return whether it came in time."""
        try:
            async with asyncio.timeout(timeout_s):
                while not self._ended:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    def _run(self) -> None:
        error: BaseException | None = None
        items: Iterator[_ItemT] = iter(self._items)
        try:
            for item in items:
                self._room.acquire()
                if self._stopped.is_set():
                    break
                self._tell(self._arrive, item)
        except BaseException as raised:  # noqa: BLE001 - raised again by `next`
            error = raised
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()
            self._tell(self._end, error)

    def _tell(self, step: Callable[[_T], None], what: _T) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(step, what)

    def _arrive(self, item: _ItemT) -> None:
        self._ready.append(item)
        self._changed.set()

    def _end(self, error: BaseException | None) -> None:
        self._error = error
        self._ended = True
        self._changed.set()
