"""The door between the HTTP edge and the lanes: admission, room, and the account of a request.

The edge sees this and nothing behind it. Rows enter through an `IntakeSession`, one per request,
which stays on one lane so that a request's rows keep the order of their lines.
"""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

from utility_ts_analytics.buffering.block import Block, Failure, Settlement
from utility_ts_analytics.buffering.encoded import EncodedLines
from utility_ts_analytics.buffering.queue import BlockQueue
from utility_ts_analytics.buffering.retry_after import LeavingRate
from utility_ts_analytics.clock import Clock, SystemClock
from utility_ts_analytics.records.reading import Reading
from utility_ts_analytics.records.validation import RowError
from utility_ts_analytics.telemetry.measures import Measures

_NO_ROOM = Failure("sink-unavailable", "no room in the buffer in time: it is not being emptied")


class IntakeSession:
    """One request's way into its lane. Use as a context manager: leaving it frees its place.

    Attributes:
        settlement: The account of this request's rows.
        waiting: Is entered for each wait for room.
    """

    def __init__(
        self,
        queue: BlockQueue,
        closed: Callable[[], None],
        request_id: str,
        measures: Measures,
        clock: Clock,
    ) -> None:
        self.settlement = Settlement(request_id)
        self.waiting: AbstractContextManager[None] = nullcontext()
        self._measures = measures
        self._clock = clock
        self._queue = queue
        self._closed = closed
        self._adding = True
        self._placed = True
        self._room = (0, 0)  # rows and bytes that are held for the next block
        queue.add_producer()

    def __enter__(self) -> "IntakeSession":
        return self

    def __exit__(self, *_: object) -> None:
        self.end_of_rows()
        self.leave_place()

    async def make_room(self, rows_max: int, size_bytes: int, wait_s: float) -> Failure | None:
        """Wait for room before a block is decoded, and hold it for the next `submit`.

        So a request that waits holds what it was sent, and not what that is decoded: a block of 130
        kB makes 600 kB of rows, and a hundred may wait. Of a block that is larger than the whole
        queue nothing is held; `submit` will wait for its parts.

        Args:
            rows_max: Most rows that the block can have, >= 1.
            size_bytes: Bytes of the body that it is.
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
        rows: Sequence[Reading],
        positions: Sequence[int],
        size_bytes: int,
        wait_s: float,
        days: frozenset[int] | None = None,
    ) -> Failure | None:
        """Hand valid rows over, waiting for room: this wait is the back-pressure.

        Args:
            rows: In the order of their lines; may be empty. Not to be changed afterwards.
            positions: Line number or index of each row.
            size_bytes: Body bytes that the rows came from.
            wait_s: Longest wait for room per part, seconds.
            days: Those that the rows lie on, where they are known already.

        Returns:
            None when all were taken, or the failure if room did not come in time. Rows of earlier
            parts stay taken; `settlement` accounts for them.
        """
        if not rows:
            self._give_back_room()
            return None
        block = Block(rows, positions, size_bytes, self.settlement, days)
        return await self._submit_block(block, wait_s)

    async def submit_encoded(
        self, lines: EncodedLines, positions: Sequence[int], wait_s: float
    ) -> Failure | None:
        """Hand over valid rows that are encoded already; as `submit`, which see.

        Args:
            lines: May be none. Of the table that the lane writes to. Parts are views: the bytes of
                all are held until the last has its end, so give no more than a batch at once.
            positions: Line or row number of each.
            wait_s: Longest wait for room per part, seconds.

        Returns:
            As `submit`. The byte bound counts the lines as they are: a compressed file may be a
            twentieth of them.
        """
        self._give_back_room()  # it was made for another number of bytes
        if not lines.row_count:
            return None
        block = Block.encoded(lines, positions, lines.size_bytes, self.settlement)
        return await self._submit_block(block, wait_s)

    def refuse(self, errors: Sequence[RowError]) -> None:
        """Count lines that are no record or break a rule."""
        if errors:
            self._measures.rows_refused(error.code for error in errors)

    def end_of_rows(self) -> None:
        """Say that no more rows will come, so that the lane need not wait for them. Idempotent."""
        self._give_back_room()
        if self._adding:
            self._adding = False
            self._queue.remove_producer()

    def leave_place(self) -> None:
        """Make room for another request; the rows taken so far go on their way. Idempotent."""
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
        self.settlement.take(rows)
        block.accepted_s = self._clock.monotonic_s()
        self._queue.put(block)
        self._measures.rows_taken(rows)
        return None

    async def _reserved(self, rows: int, size_bytes: int, wait_s: float) -> bool:
        """Hold room, and tell whether it came in time."""
        if self._queue.has_room(rows, size_bytes):
            await self._queue.reserve(rows, size_bytes)  # does not wait; a time-out is not free
            return True
        try:
            with self.waiting:
                async with asyncio.timeout(wait_s):
                    await self._queue.reserve(rows, size_bytes)
        except TimeoutError:
            return False
        return True

    def _give_back_room(self) -> None:
        """Give back what is held and was not needed: lines that were blank or refused."""
        rows, size_bytes = self._room
        self._room = (0, 0)
        if rows or size_bytes:
            self._queue.give_back(rows, size_bytes)


class Intake:
    """All lanes of one worker, as the HTTP edge sees them. One event loop.

    Args:
        queues: One per lane, at least one.
        sessions_max: Requests admitted at once.
        refusal: Returns why new requests must be refused just now, or None.
        clock: For how fast requests and rows leave.
        measures: Where rows are counted.
    """

    def __init__(
        self,
        queues: Sequence[BlockQueue],
        *,
        sessions_max: int,
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
        self.sessions_max = sessions_max
        self._turn = itertools.cycle(range(len(queues)))

    def try_open(self, request_id: str = "") -> IntakeSession | None:
        """Admit one request, or return None when the worker is at its limit.

        A worker is at its limit with `sessions_max` requests, or when every lane has requests
        waiting for room already.
        """
        now_s = self._clock.monotonic_s()
        self._rows_leaving.sample(now_s, self._settled_rows())
        self._sessions_leaving.sample(now_s, self._closed_sessions)
        if not self.has_place:
            return None
        for _ in self._queues:
            queue = self._queues[next(self._turn)]
            if queue.has_room(1, 0):
                self.sessions += 1
                return IntakeSession(
                    queue, self._close_session, request_id, self.measures, self._clock
                )
        return None

    @property
    def has_place(self) -> bool:
        """Whether there are fewer than `sessions_max` requests."""
        return self.sessions < self.sessions_max

    def retry_after_s(self) -> int:
        """Return when a request that `try_open` refused should come again, whole seconds, 1..60.

        By the slower of two: how long the rows held and waiting for room take to leave at the rate
        of the last seconds and, if all places are taken, how long one place takes.
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
