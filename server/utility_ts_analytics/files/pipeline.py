"""Hands pieces over to a lane in order, and enters them into the books in order.

The event loop only hands over and sends. One thread reads, few pieces ahead; another one writes to
the disk. So the lane's queue bounds the memory, whatever the input.
"""

import asyncio
import contextlib
import signal
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from utility_ts_analytics.buffering.block import Block, Failure, Settlement
from utility_ts_analytics.buffering.queue import BlockQueue
from utility_ts_analytics.clock import Clock
from utility_ts_analytics.delivery.lane import Lane
from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.books.file_books import FileBooks
from utility_ts_analytics.files.pieces import Piece, PieceSource
from utility_ts_analytics.files.reading_ahead import READER_END_S, ReadingAhead

_PIECES_AHEAD: Final = 3
_OPEN_PIECES_MAX: Final = 256
"""Pieces that are read and not settled; matters where they have refused records only."""

_CHECKPOINT_S: Final = 1.0
_CHECKPOINT_SHARE: Final = 0.05
"""Share of the time for checkpoints: a journal of thousands of files is written less often."""

_ResultT = TypeVar("_ResultT")


class Stop:
    """Asks a load to end early: rows in flight are settled, no more are read.

    Attributes:
        reason: Why, in a few words; None while the load is to go on.
    """

    def __init__(self) -> None:
        self.reason: str | None = None
        self._asked = asyncio.Event()

    def ask(self, reason: str) -> None:
        """End the load; the first reason is kept."""
        self.reason = self.reason or reason
        self._asked.set()

    async def asked(self) -> None:
        """Return once the load is asked to end."""
        await self._asked.wait()


@contextlib.contextmanager
def stopped_by_signals(stop: Stop) -> Iterator[None]:
    """End the load at the first SIGINT or SIGTERM, and the process at the second."""
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)

    def ask(number: signal.Signals) -> None:
        stop.ask(f"interrupted by {number.name}")
        for each in numbers:
            loop.remove_signal_handler(each)
            signal.signal(each, signal.SIG_DFL)

    for number in numbers:
        loop.add_signal_handler(number, ask, number)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


async def hand_over(block: Block, queue: BlockQueue) -> None:
    """Count the rows of a block as taken, and put it into a queue; waits for room.

    The edge does the same with the rows of a request (`buffering.intake`), within a place and a
    time limit. A load needs neither: nobody waits for its answer, and the lane ends every batch in
    time. Its unit of settlement is the piece, since a place in a file follows each.

    Args:
        block: At least one row. It goes in parts where it is larger than the queue.
        queue: Queue of the lane.
    """
    block.settlement.take(block.row_count)
    for part in block.parts(queue.rows_max):
        await queue.reserve(part.row_count, part.size_bytes)
        queue.put(part)


class LoadPipeline:
    """Loads one input at a time through one lane. One event loop.

    Args:
        lane: A started lane that nobody else uses.
        stop: Ends the load; also asked by this where the database gives rows back.
        clock: Time between checkpoints.

    Attributes:
        failure: Why the database gave rows back; nothing can be loaded afterwards.
        reader_stuck: Whether the reading thread still waits for its input and cannot end.
    """

    def __init__(self, lane: Lane, stop: Stop, clock: Clock) -> None:
        self.failure: Failure | None = None
        self.reader_stuck = False
        self._lane = lane
        self._stop = stop
        self._clock = clock
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="load-disk")

    async def run(self, source: PieceSource, books: FileBooks) -> bool:
        """Load an input, from the place at which `source` begins.

        Returns:
            Whether it was read to its end and every row settled; the books are not finished.

        Raises:
            OperatorError: The input cannot be read, or refused records cannot be kept. Every row
                in the books was settled.
        """
        reader = ReadingAhead(source, _PIECES_AHEAD)
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
            if not ended:
                source.interrupt()
            stopping.cancel()
            try:
                await settling
            finally:
                self.reader_stuck = not await reader.stopped(READER_END_S)
        # Some notes are known at the end only, behind the last piece.
        books.account.notes = dict(source.notes)
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
            piece = await reader.next(settling, stopping)
            if piece is None:
                return reader.exhausted
            settlement = Settlement()
            await open_pieces.add(piece, settlement)
            if settling.done():
                return False
            if piece.row_count:
                await hand_over(piece.block(settlement), self._lane.queue)
            open_pieces.handed_over()
        return False

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
        """Give all rows in flight back: one batch was given back, so their order ends there."""
        self.failure = failure
        self._stop.ask(failure.detail)
        await self._lane.drain(0)


class _OpenPieces:
    """Pieces that are not settled, oldest first; bounded in number."""

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
        """Mark the piece added last: all its rows are in the queue."""
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
        """End every wait for room."""
        for _ in range(_OPEN_PIECES_MAX):
            self._room.release()
