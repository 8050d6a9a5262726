"""The bounded queue between requests and one lane, and when a refused client should come back.

Room is reserved for a whole block before it is put, and released only when the block is settled:
the bound covers rows that wait and rows in flight. Reservations are served in order, so that small
blocks do not starve a large one.
"""

import asyncio
import contextlib
import math
from collections import deque

from utility_ts_analytics.buffering.block import Block

RETRY_AFTER_S_MAX = 60
_WINDOW_S = 15.0
SAMPLE_EVERY_S = 1.0
"""A rate over less than this is noise; until then the shortest wait is given."""


class BlockQueue:
    """Blocks of many requests, first in first out, bounded in rows and bytes.

    One event loop, any number of producers, one consumer.

    Args:
        rows_max: Rows held at once, waiting or in flight, >= 1.
        bytes_max: Body bytes held at once, >= 1. A single block may be larger: it then waits until
            the queue is empty, so that no size can wait for ever.
    """

    def __init__(self, *, rows_max: int, bytes_max: int) -> None:
        self.rows_max = rows_max
        self.bytes_max = bytes_max
        self.held_rows = 0
        self.held_bytes = 0
        self.waiting_rows = 0
        self.wanted_rows = 0
        """Rows whose reservation waits for room."""
        self.settled_rows = 0
        """Rows released since the start, however they ended; never falls."""
        self.put_rows = 0
        """Rows put since the start; never falls."""
        self.producers = 0
        """Requests that may still add to the next batch."""
        self._blocks: deque[Block] = deque()
        self._reservations: deque[tuple[int, int, asyncio.Future[None], float]] = deque()
        self._changed = asyncio.Event()

    def has_room(self, rows: int, size_bytes: int) -> bool:
        """Tell whether a reservation of this size would be granted at once."""
        return not self._reservations and self._fits(rows, size_bytes)

    @property
    def room_awaited_s(self) -> float:
        """How long the oldest reservation has waited, seconds; 0 if none waits."""
        if not self._reservations:
            return 0.0
        return asyncio.get_running_loop().time() - self._reservations[0][3]

    def try_reserve(self, rows: int, size_bytes: int) -> bool:
        """Hold the room of a block if there is enough now; arguments as `reserve`."""
        if rows > self.rows_max or not self.has_room(rows, size_bytes):
            return False
        self._hold(rows, size_bytes)
        return True

    async def reserve(self, rows: int, size_bytes: int) -> None:
        """Wait until a block of this size fits, then hold that room.

        Args:
            rows: 1..`rows_max`; the caller splits a larger block first.
            size_bytes: Body bytes of the block, >= 0.

        Raises:
            asyncio.CancelledError: Nothing is held then.
        """
        if not 1 <= rows <= self.rows_max:
            raise AssertionError("a block must be split to the queue's size before it is reserved")
        if self.try_reserve(rows, size_bytes):
            return
        loop = asyncio.get_running_loop()
        granted: asyncio.Future[None] = loop.create_future()
        reservation = (rows, size_bytes, granted, loop.time())
        self._reservations.append(reservation)
        self.wanted_rows += rows
        try:
            await granted
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled():
                self.give_back(rows, size_bytes)
            else:
                with contextlib.suppress(ValueError):  # `_grant` may have dropped it already
                    self._reservations.remove(reservation)
                self._grant()
            raise
        finally:
            self.wanted_rows -= rows

    @property
    def oldest_accepted_s(self) -> float | None:
        """When the first waiting block was accepted, monotonic seconds; None if none waits."""
        return self._blocks[0].accepted_s if self._blocks else None

    def put(self, block: Block) -> None:
        """Add a block whose room was reserved. Never waits."""
        self._blocks.append(block)
        self.put_rows += block.row_count
        self.waiting_rows += block.row_count
        self._changed.set()

    def take(self, rows_max: int) -> list[Block]:
        """Remove and return whole blocks from the front.

        Returns:
            Blocks in order, together at most `rows_max` rows, but at least one block if any waits.
            Their room stays held until `release`.
        """
        taken: list[Block] = []
        rows = 0
        while self._blocks and (not taken or rows + self._blocks[0].row_count <= rows_max):
            block = self._blocks.popleft()
            rows += block.row_count
            taken.append(block)
        self.waiting_rows -= rows
        return taken

    def release(self, rows: int, size_bytes: int) -> None:
        """Release the room of settled rows, and grant it to waiting reservations."""
        self.settled_rows += rows
        self.give_back(rows, size_bytes)

    def give_back(self, rows: int, size_bytes: int) -> None:
        """Release room that was reserved and not used, and grant it to waiting reservations."""
        self.held_rows -= rows
        self.held_bytes -= size_bytes
        if self.held_rows < 0 or self.held_bytes < 0:
            raise AssertionError("more room was released than held")
        self._grant()
        self._changed.set()

    async def wait_changed(self) -> None:
        """Return when a block was put, room released or a producer removed since the last call."""
        await self._changed.wait()
        self._changed.clear()

    def add_producer(self) -> None:
        """Count a request that may put blocks soon."""
        self.producers += 1

    def remove_producer(self) -> None:
        """Count out a request that puts no more, so that the lane does not wait for it."""
        self.producers -= 1
        self._changed.set()

    def _fits(self, rows: int, size_bytes: int) -> bool:
        if self.held_rows == 0:
            return True
        return (
            self.held_rows + rows <= self.rows_max
            and self.held_bytes + size_bytes <= self.bytes_max
        )

    def _hold(self, rows: int, size_bytes: int) -> None:
        self.held_rows += rows
        self.held_bytes += size_bytes

    def _grant(self) -> None:
        while self._reservations:
            rows, size_bytes, granted, _ = self._reservations[0]
            if granted.done():
                self._reservations.popleft()
                continue
            if not self._fits(rows, size_bytes):
                return
            self._reservations.popleft()
            self._hold(rows, size_bytes)
            granted.set_result(None)


class LeavingRate:
    """The rate of the last `_WINDOW_S` seconds, from samples of a running total.

    Sampled when requests come, at most every `SAMPLE_EVERY_S`.
    """

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()

    def sample(self, now_s: float, total: int) -> None:
        """Note the total that has left so far; it never falls."""
        samples = self._samples
        samples.append((now_s, total))
        while samples and now_s - samples[0][0] > _WINDOW_S:
            samples.popleft()

    def retry_after_s(self, now_s: float, total: int, backlog: int) -> int:
        """Return `retry_after_s` for this backlog, at the rate since the oldest sample."""
        if not self._samples:
            return 1
        since_s, before = self._samples[0]
        return retry_after_s(backlog, total - before, now_s - since_s)


def retry_after_s(backlog: int, left: int, observed_s: float) -> int:
    """Return whole seconds, 1..`RETRY_AFTER_S_MAX`, after which `backlog` should be gone. Pure.

    While nothing leaves, the wait is twice the observed time, so that clients ask less and less
    often during a long stall.

    Args:
        backlog: How much has to leave first, >= 0.
        left: How much has left in the observed time, >= 0, in the unit of `backlog`.
        observed_s: The observed time, seconds, >= 0.
    """
    if backlog <= 0 or observed_s < SAMPLE_EVERY_S:
        return 1
    wait_s = backlog * observed_s / left if left > 0 else 2 * observed_s
    return min(max(1, math.ceil(wait_s)), RETRY_AFTER_S_MAX)
