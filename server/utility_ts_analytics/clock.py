"""Time that a test can control: every duration, deadline and wait goes through a `Clock`."""

import asyncio
import heapq
import time
from itertools import count
from typing import Protocol


class Clock(Protocol):
    """The time, as the package uses it."""

    def monotonic_s(self) -> float:
        """Return seconds on a clock that never goes back. Only differences have a meaning."""
        ...

    def boot_s(self) -> float:
        """Return seconds as `monotonic_s`, but counting on while the machine is suspended."""
        ...

    def wall_ns(self) -> int:
        """Return nanoseconds since 1970-01-01 UTC. May jump; never use it for durations."""
        ...

    async def sleep(self, duration_s: float) -> None:
        """Return after `duration_s` seconds (>= 0) of this clock."""
        ...


class SystemClock:
    """The machine's clock."""

    def monotonic_s(self) -> float:
        """Return `time.monotonic()`."""
        return time.monotonic()

    def boot_s(self) -> float:
        """Return the seconds since the machine has booted."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def wall_ns(self) -> int:
        """Return `time.time_ns()`."""
        return time.time_ns()

    async def sleep(self, duration_s: float) -> None:
        """Sleep on the running event loop."""
        await asyncio.sleep(duration_s)


class ManualClock:
    """A clock for tests that moves only by `advance`.

    Attributes:
        slept_s: Every requested wait, in order, ended or not.
    """

    def __init__(self, start_s: float = 0.0, wall_ns: int = 1_700_000_000_000_000_000) -> None:
        self.slept_s: list[float] = []
        self._now_s = start_s
        self._wall_ns = wall_ns
        self._order = count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def monotonic_s(self) -> float:
        """Return the seconds on this clock."""
        return self._now_s

    def boot_s(self) -> float:
        """Return the same seconds: this clock is never suspended."""
        return self._now_s

    def wall_ns(self) -> int:
        """Return the wall time of this clock."""
        return self._wall_ns

    async def sleep(self, duration_s: float) -> None:
        """Wait until `advance` passes the end of this wait; 0 yields once."""
        self.slept_s.append(duration_s)
        if duration_s <= 0:
            await asyncio.sleep(0)
            return
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now_s + duration_s, next(self._order), ended))
        await ended

    def advance(self, duration_s: float) -> None:
        """Advance by `duration_s` seconds and wake every sleeper whose wait is over."""
        self._now_s += duration_s
        self._wall_ns += int(duration_s * 1e9)
        while self._sleepers and self._sleepers[0][0] <= self._now_s:
            _, _, ended = heapq.heappop(self._sleepers)
            if not ended.done():
                ended.set_result(None)
