"""The way of pieces into the database: handed to a lane in order, settled in order.

The event loop only hands over and sends. What is read comes from a thread, few pieces ahead; what
goes to the disk goes through another. So memory is bounded by the lane's queue, whatever the input.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from utility_ts_analytics.buffering.block import Block, Failure, Settlement
from utility_ts_analytics.clock import Clock
from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.ingest.file_books import FileBooks
from utility_ts_analytics.ingest.pieces import Piece, PieceSource
from utility_ts_analytics.ingest.reading_ahead import ReadingAhead
from utility_ts_analytics.service.delivery_lane import DeliveryLane

PIECES_AHEAD: Final = 3
_OPEN_PIECES_MAX: Final = 256
"""Handed over and not settled: bounds pieces that have refused lines only."""

_CHECKPOINT_S: Final = 1.0
_CHECKPOINT_SHARE: Final = 0.05
"""Of the time that recording may take: a journal of thousands of files is written less often."""

_READER_END_S: Final = 5.0

_ResultT = TypeVar("_ResultT")


class Stop:
    """Somebody wants the load to end: what is on its way is settled, nothing more is taken.

    Attributes:
        reason: Why, in a few words; None while nobody wants it.
    """

    def __init__(self) -> None:
        self.reason: str | None = None
        self._asked = asyncio.Event()

    def ask(self, reason: str) -> None:
        """End the load; the first reason is kept."""
        self.reason = self.reason or reason
        self._asked.set()

    async def asked(self) -> None:
        """Return once it is wanted."""
        await self._asked.wait()


class LoadPipeline:
    """Loads one input at a time through one lane. One event loop.

    Args:
        lane: Started already; of this pipeline only.
        stop: Asked for from outside, or by this where the database gives rows back.
        clock: For how often progress is recorded.

    Attributes:
        failure: Why the database gave rows back; nothing can be loaded afterwards.
        reader_stuck: Whether the reading thread did not end, as it waits for its input.
    """

    def __init__(self, lane: DeliveryLane, stop: Stop, clock: Clock) -> None:
        self.failure: Failure | None = None
        self.reader_stuck = False
        self._lane = lane
        self._stop = stop
        self._clock = clock
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="load-disk")

    async def run(self, source: PieceSource, books: FileBooks) -> bool:
        """Load an input, from the place on at which `source` begins.

        Returns:
            Whether it was read to its end and every row settled; the books are not finished.

        Raises:
            OperatorError: The input cannot be read, or refused rows cannot be kept. Every row that
                the books have was settled.
        """
        reader = ReadingAhead(source, PIECES_AHEAD)
        open_pieces = _OpenPieces()
        settling = asyncio.create_task(self._settle(open_pieces, source, books))
        stopping = asyncio.create_task(self._stop.asked())
        ended = False
        self._lane.queue.add_producer()
        try:
            ended = await self._feed(reader, open_pieces, settling, stopping)
        finally:
            self._lane.queue.remove_producer()
            open_pieces.end()
            reader.stop()
            stopping.cancel()
            try:
                await settling
            finally:
                self.reader_stuck = not await reader.stopped(_READER_END_S)
        return ended and self.failure is None

    async def off_loop(self, step: Callable[[], _ResultT]) -> _ResultT:
        """Run a step that may wait for the disk."""
        return await asyncio.get_running_loop().run_in_executor(self._disk, step)

    def close(self) -> None:
        """Release the thread."""
        self._disk.shutdown(wait=False)

    async def _feed(
        self,
        reader: ReadingAhead[Piece],
        open_pieces: "_OpenPieces",
        settling: "asyncio.Task[None]",
        stopping: "asyncio.Task[None]",
    ) -> bool:
        """Hand pieces over until the input ends (True) or the load does."""
        while not self._stop.reason:
            piece = reader.take()
            if piece is None:
                arriving = asyncio.ensure_future(reader.arrived())
                await asyncio.wait(
                    {arriving, settling, stopping}, return_when=asyncio.FIRST_COMPLETED
                )
                if not arriving.done():
                    arriving.cancel()
                    return False
                if not arriving.result():
                    return True
                continue
            settlement = Settlement()
            await open_pieces.add(piece, settlement)
            if settling.done():
                return False
            if piece.row_count:
                block = piece.block(settlement)
                settlement.take(block.row_count)
                await self._hand_over(block)
            open_pieces.handed_over()
        return False

    async def _hand_over(self, block: Block) -> None:
        """Put a block, in parts where it is larger than the queue; room comes with time.

        Every batch of the lane has an end, so there is no time-out of its own.
        """
        queue = self._lane.queue
        for part in block.parts(queue.rows_max):
            await queue.reserve(part.row_count, part.size_bytes)
            queue.put(part)

    async def _settle(
        self, open_pieces: "_OpenPieces", source: PieceSource, books: FileBooks
    ) -> None:
        """Enter pieces into the books in their order, and record progress now and then."""
        due_s = self._clock.monotonic_s() + _CHECKPOINT_S
        opened = False
        try:
            while (entry := await open_pieces.next()) is not None:
                piece, settlement = entry
                await settlement.settled()
                if settlement.failure is not None:
                    await self._give_up(settlement.failure)
                    return
                if not opened:
                    await self.off_loop(lambda: books.open_refused(source.head))
                    opened = True
                if piece.refused or settlement.rejected:
                    await self.off_loop(lambda p=piece, s=settlement: books.settle(p, s))  # type: ignore[misc]
                else:
                    books.settle(piece, settlement)
                books.account.notes = source.notes
                open_pieces.settled()
                now_s = self._clock.monotonic_s()
                if now_s >= due_s:
                    await self.off_loop(books.checkpoint)
                    took_s = self._clock.monotonic_s() - now_s
                    due_s = now_s + max(_CHECKPOINT_S, took_s / _CHECKPOINT_SHARE)
        except OperatorError as error:
            self._stop.ask(str(error))
            raise
        finally:
            open_pieces.abandon()

    async def _give_up(self, failure: Failure) -> None:
        """Let go of all that is still on its way: one batch was given back, so order ends there."""
        self.failure = failure
        self._stop.ask(failure.detail)
        await self._lane.drain(0)


class _OpenPieces:
    """Pieces on their way, oldest first; bounded in number."""

    def __init__(self) -> None:
        self._pieces: deque[tuple[Piece, Settlement]] = deque()
        self._handed_over = 0
        self._ended = False
        self._room = asyncio.Semaphore(_OPEN_PIECES_MAX)
        self._changed = asyncio.Event()

    async def add(self, piece: Piece, settlement: Settlement) -> None:
        await self._room.acquire()
        self._pieces.append((piece, settlement))

    def handed_over(self) -> None:
        """Say that all rows of the piece added last are in the queue."""
        self._handed_over += 1
        self._changed.set()

    def end(self) -> None:
        self._ended = True
        self._changed.set()

    async def next(self) -> tuple[Piece, Settlement] | None:
        """Return the oldest piece that was handed over; None once there will be no more."""
        while not self._handed_over:
            if self._ended:
                return None
            self._changed.clear()
            await self._changed.wait()
        return self._pieces[0]

    def settled(self) -> None:
        """Forget the oldest."""
        self._pieces.popleft()
        self._handed_over -= 1
        self._room.release()

    def abandon(self) -> None:
        """Let nobody wait for room any more."""
        for _ in range(_OPEN_PIECES_MAX):
            self._room.release()
