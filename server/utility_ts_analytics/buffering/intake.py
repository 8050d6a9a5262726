"""Where requests hand their rows over to the lanes: places for requests, room for rows.

The HTTP edge knows this and nothing behind it. Rows enter through an `IntakeSession`, one per
request. A session stays on one lane, so that a request's rows keep the order of their lines.
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Final

from utility_ts_analytics.buffering.block import Block, Failure, Settlement
from utility_ts_analytics.buffering.queue import SAMPLE_EVERY_S, BlockQueue, LeavingRate
from utility_ts_analytics.clock import Clock, SystemClock
from utility_ts_analytics.records.encoded import Rows
from utility_ts_analytics.records.validation import RowError
from utility_ts_analytics.telemetry.measures import Measures

_ROOM_AWAITED_S_MAX: Final = 0.5
"""While a request has waited for room for longer, no other is admitted: the lane is stuck or too
slow. A lane that keeps up has room several times a second; a refused client stays away for one."""

_NO_ROOM = Failure("sink-unavailable", "no room in the buffer in time: it is not being emptied")


class IntakeSession:
    """Hands one request's rows to its lane. A context manager: leaving it frees the place.

    Attributes:
        settlement: How this request's rows ended.
        waiting: A context manager that is entered for each wait for room.
    """

    waiting: AbstractContextManager[None] = nullcontext()
    _adding = True
    _placed = True
    _room = (0, 0)  # rows and bytes reserved for the next block

    def __init__(
        self,
        queue: BlockQueue,
        closed: Callable[[], None],
        request_id: str,
        measures: Measures,
        clock: Clock,
        *,
        settlement: Settlement | None = None,
    ) -> None:
        self.settlement = settlement or Settlement(request_id)
        self._measures = measures
        self._clock = clock
        self._queue = queue
        self._closed = closed
        queue.add_producer()

    def __enter__(self) -> "IntakeSession":
        return self

    def __exit__(self, *_: object) -> None:
        self.end_of_rows()
        self.leave_place()

    async def make_room(self, rows_max: int, size_bytes: int, wait_s: float) -> Failure | None:
        """Wait for room before a block is decoded, and reserve it for the next `submit`.

        A request that waits here holds the bytes of its block, not its rows. No room is reserved
        for a block that is larger than the whole queue; `submit` waits for room for its parts.

        Args:
            rows_max: Most rows that the block can have, >= 1.
            size_bytes: Bytes of the block.
            wait_s: Longest wait, seconds.

        Returns:
            The failure if room did not come in time; nothing of the block is taken then.
        """
        if rows_max > self._queue.rows_max:
            return None
        if not await self._reserved(rows_max, size_bytes, wait_s):
            return _NO_ROOM
        self._room = (rows_max, size_bytes)
        return None

    async def submit(
        self,
        rows: Rows,
        positions: Sequence[int],
        size_bytes: int,
        wait_s: float,
        days: frozenset[int] | None = None,
    ) -> Failure | None:
        """Hand valid rows over. Waits for room; this wait is the back-pressure.

        Args:
            rows: In the order of their lines; may be empty. Not to be changed afterwards.
            positions: Line number or index of each row.
            size_bytes: Body bytes that the rows came from.
            wait_s: Longest wait for room per part, seconds.
            days: Days of the rows, if known.

        Returns:
            None when all were taken, or the failure if room did not come in time. Rows of earlier
            parts stay taken, and `settlement` counts them.
        """
        if not rows:
            self._give_back_room()
            return None
        block = Block(rows, positions, size_bytes, self.settlement, days)
        return await self._submit_block(block, wait_s)

    def try_submit(
        self,
        rows: Rows,
        positions: Sequence[int],
        size_bytes: int,
        days: frozenset[int],
    ) -> bool:
        """Hand rows over, at least one, if there is room for all at once; arguments as `submit`."""
        if not self._queue.try_reserve(len(rows), size_bytes):
            return False
        self._put(Block(rows, positions, size_bytes, self.settlement, days))
        return True

    def refuse(self, errors: Sequence[RowError]) -> None:
        """Count lines that are no record or break a rule."""
        if errors:
            self._measures.rows_refused(error.code for error in errors)

    def end_of_rows(self) -> None:
        """Tell the lane that no more rows come, so that it does not wait for them. Idempotent."""
        self._give_back_room()
        if self._adding:
            self._adding = False
            self._queue.remove_producer()

    def leave_place(self) -> None:
        """Free the place for another request; rows taken so far are still stored. Idempotent."""
        if self._placed:
            self._placed = False
            self._closed()

    async def _submit_block(self, block: Block, wait_s: float) -> Failure | None:
        """Hand a block over, in parts if it is larger than the queue."""
        for part in block.parts(self._queue.rows_max):
            failure = await self._submit_part(part, wait_s)
            if failure is not None:
                return failure
        return None

    async def _submit_part(self, block: Block, wait_s: float) -> Failure | None:
        rows = block.row_count
        room_rows, room_bytes = self._room
        if room_rows:
            if rows > room_rows:
                raise AssertionError("a block has more rows than room was made for")
            self._room = (room_rows - rows, room_bytes - block.size_bytes)
        elif not await self._reserved(rows, block.size_bytes, wait_s):
            self._measures.rows_turned_away(rows, "sink-unavailable")
            return _NO_ROOM
        self._give_back_room()
        self._put(block)
        return None

    def _put(self, block: Block) -> None:
        """Hand over a block whose room is reserved."""
        self.settlement.take(block.row_count)
        block.accepted_s = self._clock.monotonic_s()
        self._queue.put(block)
        self._measures.rows_taken(block.row_count)

    async def _reserved(self, rows: int, size_bytes: int, wait_s: float) -> bool:
        """Reserve room, and tell whether it came in time."""
        if self._queue.try_reserve(rows, size_bytes):  # a time-out is not free
            return True
        try:
            with self.waiting:
                async with asyncio.timeout(wait_s):
                    await self._queue.reserve(rows, size_bytes)
        except TimeoutError:
            return False
        return True

    def _give_back_room(self) -> None:
        """Release room that was reserved for lines that were blank or refused."""
        rows, size_bytes = self._room
        self._room = (0, 0)
        if rows or size_bytes:
            self._queue.give_back(rows, size_bytes)


class Intake:
    """The places and lanes of one worker, for the HTTP edge. One event loop.

    Args:
        queues: One per lane, at least one.
        max_concurrent_requests: Requests admitted at once.
        refusal: Returns why new requests must be refused now, or None.
        clock: Times how fast requests and rows leave.
        measures: Counts rows.
    """

    def __init__(
        self,
        queues: Sequence[BlockQueue],
        *,
        max_concurrent_requests: int,
        refusal: Callable[[], Failure | None],
        clock: Clock | None = None,
        measures: Measures | None = None,
    ) -> None:
        self.sessions = 0
        self.measures = measures or Measures()
        self.refusal = refusal
        self._clock = clock or SystemClock()
        self._closed_sessions = 0
        self._rows_leaving = LeavingRate()
        self._sessions_leaving = LeavingRate()
        self._queues = queues
        self.max_concurrent_requests = max_concurrent_requests
        self._lanes = deque(queues)
        self._next_sample_s = -math.inf

    def try_open(self, request_id: str = "") -> IntakeSession | None:
        """Admit one request, or return None when the worker is at its limit.

        It is at its limit when all places are taken, and when in every lane a request has waited
        too long for room.
        """
        now_s = self._clock.monotonic_s()
        if now_s >= self._next_sample_s:
            self._next_sample_s = now_s + SAMPLE_EVERY_S
            self._rows_leaving.sample(now_s, self._settled_rows())
            self._sessions_leaving.sample(now_s, self._closed_sessions)
        queue = self._lane() if self.has_place else None
        if queue is None:
            return None
        self.sessions += 1
        return IntakeSession(queue, self._close_session, request_id, self.measures, self._clock)

    def _lane(self) -> BlockQueue | None:
        """Return the next lane that has room, or else one that will have some soon."""
        self._lanes.rotate()
        for queue in self._lanes:
            if queue.has_room(1, 0):
                return queue
        for queue in self._lanes:
            if queue.room_awaited_s <= _ROOM_AWAITED_S_MAX:
                return queue
        return None

    @property
    def has_place(self) -> bool:
        """Whether fewer than `max_concurrent_requests` requests are admitted."""
        return self.sessions < self.max_concurrent_requests

    def retry_after_s(self) -> int:
        """Return when a request that `try_open` refused should come again, whole seconds, 1..60.

        This is the longer of two times, at the rates of the last seconds: until the rows held and
        waiting for room have left and, if all places are taken, until one place is free.
        """
        now_s = self._clock.monotonic_s()
        rows = sum(queue.held_rows + queue.wanted_rows for queue in self._queues)
        wait_s = self._rows_leaving.retry_after_s(now_s, self._settled_rows(), rows)
        if self.has_place:
            return wait_s
        return max(wait_s, self._sessions_leaving.retry_after_s(now_s, self._closed_sessions, 1))

    def _settled_rows(self) -> int:
        return sum(queue.settled_rows for queue in self._queues)

    def _close_session(self) -> None:
        self.sessions -= 1
        self._closed_sessions += 1
