"""The bound on what a worker's requests hold together of one kind, such as array bodies."""

import asyncio
import contextlib
from collections.abc import Callable, Container
from typing import Final

from utility_ts_analytics.asgi.body import RequestBody
from utility_ts_analytics.errors import Overloaded

MakeWay = Callable[[RequestBody, Container[RequestBody]], bool]
"""Ends one upload of the second argument for the sake of the first, and tells whether there was
one: `Admission.make_way`."""

_RETRY_AFTER_S: Final = 2
_LEAVING_S: Final = 1.0
"""How long a request that has to give way may take to release its bytes, seconds."""


class HeldBytes:
    """The bytes of one kind that the requests of a worker hold. One event loop.

    Args:
        bytes_max: Bound for all requests together. One request alone may hold more: it has a bound
            of its own, and could never be served otherwise.
        full: What is held and the name of the setting, for the error.
        make_way: Called where there is no room.
        wait_s: How long a request may wait for room, seconds. Requests of one holder wait in turn.
    """

    def __init__(
        self, bytes_max: int, full: str, make_way: MakeWay, *, wait_s: float = 0.0
    ) -> None:
        self.held_bytes = 0
        self._bytes_max = bytes_max
        self._full = full
        self._make_way = make_way
        self._wait_s = wait_s
        # One holder gets at most three quarters; the rest is for others, as with places.
        self._holder_bytes_max = bytes_max - bytes_max // 4
        self._shares: dict[HeldShare, None] = {}  # since their first `hold`, in order
        self._turns: dict[str, _Turn] = {}
        self._released = asyncio.Event()

    def share(self, body: RequestBody, holder: str = "") -> "HeldShare":
        """Return the share of one request of a holder; it is empty."""
        return HeldShare(self, body, holder)

    async def hold(self, share: "HeldShare", size_bytes: int) -> None:
        """Implement `HeldShare.hold`."""
        if share.holder in self._turns or not self._fits(share, size_bytes):
            # The client is not to blame for this wait, but its place may go to others meanwhile.
            with share.body.progress.queued():
                await self._wait_for_room(share, size_bytes)
        self._shares[share] = None
        share.held_bytes += size_bytes
        self.held_bytes += size_bytes

    def release(self, share: "HeldShare") -> None:
        """Implement `HeldShare.release`."""
        self._shares.pop(share, None)  # also of a share of 0 bytes: an empty piece was held
        if share.held_bytes:
            self.held_bytes -= share.held_bytes
            share.held_bytes = 0
            self._released.set()

    def _fits(self, share: "HeldShare", size_bytes: int) -> bool:
        if self.held_bytes == share.held_bytes:
            return True
        if self.held_bytes + size_bytes > self._bytes_max:
            return False
        of_holder = sum(other.held_bytes for other in self._of_holder(share.holder))
        return of_holder == share.held_bytes or of_holder + size_bytes <= self._holder_bytes_max

    def _of_holder(self, holder: str) -> "list[HeldShare]":
        return [share for share in self._shares if share.holder == holder]

    async def _wait_for_room(self, share: "HeldShare", size_bytes: int) -> None:
        clock = asyncio.get_running_loop().time
        until_s = clock() + self._wait_s
        turn = self._turns.setdefault(share.holder, _Turn())
        turn.wanted += 1
        try:
            async with asyncio.timeout_at(until_s + _LEAVING_S), turn.lock:
                while not self._fits(share, size_bytes):
                    full = self.held_bytes + size_bytes > self._bytes_max
                    shares = self._shares if full else self._of_holder(share.holder)
                    others = {other.body for other in shares} - {share.body}
                    made_way = self._make_way(share.body, others)
                    await self._wait_released(_LEAVING_S if made_way else until_s - clock())
        except TimeoutError:
            raise Overloaded(
                f"the worker holds {self.held_bytes} bytes of {self._full}", _RETRY_AFTER_S
            ) from None
        finally:
            turn.wanted -= 1
            if not turn.wanted:
                del self._turns[share.holder]

    async def _wait_released(self, left_s: float) -> None:
        """Wait until others released something, or until it is time to look again who lags."""
        if left_s <= 0:
            raise TimeoutError
        self._released.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(left_s, _LEAVING_S)):
                await self._released.wait()


class _Turn:
    """The order of the requests of one holder that wait."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.wanted = 0


class HeldShare:
    """What one request holds. A context manager that releases it at the end of the block.

    Attributes:
        held_bytes: What the request holds now.
    """

    def __init__(self, held: HeldBytes, body: RequestBody, holder: str) -> None:
        self.held_bytes = 0
        self.body = body
        self.holder = holder
        self._held = held

    def __enter__(self) -> "HeldShare":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    async def hold(self, size_bytes: int) -> None:
        """Hold so many bytes more; call it before they are allocated.

        Raises:
            Overloaded: Others left no room in time.
        """
        await self._held.hold(self, size_bytes)

    def release(self) -> None:
        """Release all of it."""
        self._held.release(self)
