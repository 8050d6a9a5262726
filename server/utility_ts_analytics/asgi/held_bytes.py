"""How many bytes of one kind the requests of a worker hold together, array bodies for instance."""

import asyncio
import contextlib
from collections.abc import Container
from typing import Final, Protocol

from utility_ts_analytics.asgi.body import RequestBody
from utility_ts_analytics.errors import Overloaded

_RETRY_AFTER_S: Final = 2
_LEAVING_S: Final = 1.0
"""How long a request that was told to give way may take to let go, seconds."""


class MakeWay(Protocol):
    """Ends a request that brings too little: `Admission.make_way`."""

    def __call__(self, body: RequestBody, among: Container[RequestBody]) -> bool:
        """End one out of `among` for the sake of `body`; return whether there was one."""
        ...


class HeldBytes:
    """The bound on what all requests of a worker hold of one kind. One event loop.

    Args:
        bytes_max: Of all requests. One alone may hold more: it has a bound of its own, and could
            otherwise never come in.
        full: What a request without room is told, with the setting.
        make_way: Asked where there is no room.
        wait_s: How long a request may wait for room, seconds; those of a holder one by one.
    """

    def __init__(
        self, bytes_max: int, full: str, make_way: MakeWay, *, wait_s: float = 0.0
    ) -> None:
        self.held_bytes = 0
        self._bytes_max = bytes_max
        self._full = full
        self._make_way = make_way
        self._wait_s = wait_s
        # One holder gets all but a quarter, as with places: the rest is for others.
        self._holder_bytes_max = bytes_max - bytes_max // 4
        self._holding: dict[RequestBody, int] = {}
        self._holders: dict[RequestBody, str] = {}
        self._turns: dict[str, _Turn] = {}
        self._released = asyncio.Event()

    def share(self, body: RequestBody, holder: str = "") -> "HeldShare":
        """Account for one request of a holder until the end of a `with` block."""
        self._holders[body] = holder
        return HeldShare(self, body)

    def forget(self, body: RequestBody) -> None:
        """Give back all that a request holds; it asks for nothing any more."""
        self.release(body)
        del self._holders[body]

    async def hold(self, body: RequestBody, size_bytes: int) -> None:
        """Hold so much more; see `HeldShare.hold`."""
        if self._holders[body] in self._turns or not self._fits(body, size_bytes):
            # To wait for others is not its fault; but it waits on a place, and gives way with it.
            with body.progress.queued():
                await self._room(body, size_bytes)
        self._holding[body] = self._holding.get(body, 0) + size_bytes
        self.held_bytes += size_bytes

    def held_by(self, body: RequestBody) -> int:
        """Return what one request holds."""
        return self._holding.get(body, 0)

    def release(self, body: RequestBody) -> None:
        """Give back all that a request holds."""
        size_bytes = self._holding.pop(body, 0)
        if size_bytes:
            self.held_bytes -= size_bytes
            self._released.set()

    def _fits(self, body: RequestBody, size_bytes: int) -> bool:
        own = self._holding.get(body, 0)
        if self.held_bytes == own:
            return True
        if self.held_bytes + size_bytes > self._bytes_max:
            return False
        of_holder = sum(self._holding[other] for other in self._of_holder(body))
        return of_holder == own or of_holder + size_bytes <= self._holder_bytes_max

    def _of_holder(self, body: RequestBody) -> list[RequestBody]:
        holder = self._holders[body]
        return [other for other in self._holding if self._holders[other] == holder]

    async def _room(self, body: RequestBody, size_bytes: int) -> None:
        clock = asyncio.get_running_loop().time
        until_s = clock() + self._wait_s
        holder = self._holders[body]
        turn = self._turns.setdefault(holder, _Turn())
        turn.wanted += 1
        try:
            async with asyncio.timeout_at(until_s + _LEAVING_S), turn.lock:
                while not self._fits(body, size_bytes):
                    full = self.held_bytes + size_bytes > self._bytes_max
                    others = set(self._holding if full else self._of_holder(body)) - {body}
                    left_s = _LEAVING_S if self._make_way(body, others) else until_s - clock()
                    await self._some_released(left_s)
        except TimeoutError:
            raise Overloaded(
                f"the worker holds {self.held_bytes} bytes of {self._full}", _RETRY_AFTER_S
            ) from None
        finally:
            turn.wanted -= 1
            if not turn.wanted:
                del self._turns[holder]

    async def _some_released(self, left_s: float) -> None:
        """Wait until others gave something back, or until it is time to look who lags."""
        if left_s <= 0:
            raise TimeoutError
        self._released.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(left_s, _LEAVING_S)):
                await self._released.wait()


class _Turn:
    """Whose turn it is among the requests of one holder."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.wanted = 0


class HeldShare:
    """What one request holds until the end of a `with` block."""

    def __init__(self, held: HeldBytes, body: RequestBody) -> None:
        self._held = held
        self._body = body

    def __enter__(self) -> "HeldShare":
        return self

    def __exit__(self, *_: object) -> None:
        self._held.forget(self._body)

    @property
    def held_bytes(self) -> int:
        """What it holds just now."""
        return self._held.held_by(self._body)

    async def hold(self, size_bytes: int) -> None:
        """Hold so many bytes more, before they are allocated.

        Raises:
            Overloaded: Others left no room in time.
        """
        await self._held.hold(self._body, size_bytes)

    def release(self) -> None:
        """Give back all of it."""
        self._held.release(self._body)
