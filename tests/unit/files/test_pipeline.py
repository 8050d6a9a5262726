"""Pieces through a lane: settled in order, bounded, ended by a stop, a failure or a full disk."""

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import cast

import pytest
from tests.unit.files.piece_rig import RULES, MadePiece, line, opened, written

from utility_ts_analytics.buffering.block import Block, Failure
from utility_ts_analytics.buffering.queue import BlockQueue
from utility_ts_analytics.clock import SystemClock
from utility_ts_analytics.delivery.lane import Lane
from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.books.file_books import FileBooks
from utility_ts_analytics.files.pieces import START, Piece, PieceSource, Place
from utility_ts_analytics.files.pipeline import LoadPipeline, Stop
from utility_ts_analytics.files.sources.ndjson_files import NdjsonFile
from utility_ts_analytics.files.sources.ndjson_pieces import NdjsonPiece
from utility_ts_analytics.files.tables.file_bytes import FileBytes

ROWS = 20_000
QUEUE_ROWS = 3_000
Settle = Callable[["StandInLane", Block], Awaitable[None]]


class StandInLane:
    """Takes blocks as a lane does and ends their rows as a test says."""

    def __init__(self, settle: Settle, queue_rows: int) -> None:
        self.queue = BlockQueue(rows_max=queue_rows, bytes_max=10**9)
        self.held_rows_max = 0
        self.drained = False
        self._settle = settle

    async def run(self) -> None:
        while True:
            self.held_rows_max = max(self.held_rows_max, self.queue.held_rows)
            for block in self.queue.take(self.queue.rows_max):
                if self.drained:
                    block.settlement.fail(block.row_count, Failure("draining", "drained"))
                else:
                    await self._settle(self, block)
                self.queue.release(block.row_count, block.size_bytes)
            await self.queue.wait_changed()

    async def drain(self, timeout_s: float) -> None:
        assert timeout_s == 0
        self.drained = True


async def store(_: StandInLane, block: Block) -> None:
    await asyncio.sleep(0)
    block.settlement.store(block.row_count)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return written(tmp_path, "a.ndjson", b"".join(map(line, range(ROWS))))


def run(
    source: PieceSource,
    settle: Settle,
    books: FileBooks,
    *,
    stop: Stop | None = None,
    queue_rows: int = QUEUE_ROWS,
) -> tuple[bool, LoadPipeline, StandInLane]:
    async def load() -> tuple[bool, LoadPipeline, StandInLane]:
        lane = StandInLane(settle, queue_rows)
        pipeline = LoadPipeline(cast(Lane, lane), stop or Stop(), SystemClock())
        working = asyncio.create_task(lane.run())
        try:
            async with asyncio.timeout(20):
                ended = await pipeline.run(source, books)
        finally:
            working.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await working
            pipeline.close()
        return ended, pipeline, lane

    return asyncio.run(load())


def test_all_pieces_are_settled_in_order_within_the_bound(path: Path) -> None:
    books = FileBooks(None, None, None)
    with opened(path) as source:
        ended, pipeline, lane = run(source, store, books)
    assert (ended, pipeline.failure, pipeline.reader_stuck) == (True, None, False)
    assert books.account.stored_rows == books.place.lines == ROWS
    assert 0 < lane.held_rows_max <= QUEUE_ROWS
    assert lane.queue.producers == 0


def test_failure_ends_the_load_at_the_last_piece_before_it(path: Path) -> None:
    seen = 0

    async def fail_fifth(_: StandInLane, block: Block) -> None:
        nonlocal seen
        seen += 1
        if seen == 5:
            block.settlement.fail(block.row_count, Failure("sink-unavailable", "gone"))
        else:
            block.settlement.store(block.row_count)

    books = FileBooks(None, None, None)
    stop = Stop()
    with opened(path) as source:
        ended, pipeline, lane = run(source, fail_fifth, books, stop=stop)
    assert not ended
    assert pipeline.failure == Failure("sink-unavailable", "gone")
    assert (stop.reason, lane.drained) == ("gone", True)
    with opened(path) as source:
        first_four = [piece for piece, _ in zip(source, range(4), strict=False)]
    assert books.place == first_four[-1].place


def test_stop_settles_what_is_on_its_way_and_takes_no_more(path: Path) -> None:
    stop = Stop()

    async def stop_at_third(_: StandInLane, block: Block) -> None:
        if block.positions[0] > 2_000:
            stop.ask("interrupted")
            stop.ask("interrupted again")
        await asyncio.sleep(0)
        block.settlement.store(block.row_count)

    books = FileBooks(None, None, None)
    with opened(path) as source:
        ended, _, lane = run(source, stop_at_third, books, stop=stop)
    assert not ended
    assert stop.reason == "interrupted"
    assert 2_000 < books.account.stored_rows < ROWS
    assert books.account.stored_rows == books.place.lines == lane.queue.settled_rows


def test_input_that_breaks_off_is_settled_up_to_there(path: Path) -> None:
    class Torn(NdjsonFile):
        def __iter__(self) -> Iterator[NdjsonPiece]:
            for number, piece in enumerate(super().__iter__()):
                if number == 3:
                    raise OperatorError("cannot read a.ndjson: torn")
                assert isinstance(piece, NdjsonPiece)
                yield piece

    books = FileBooks(None, None, None)
    with Torn(FileBytes(path), RULES) as source, pytest.raises(OperatorError, match="torn"):
        run(source, store, books)
    assert 0 < books.account.stored_rows == books.place.lines < ROWS


def test_refused_rows_that_cannot_be_kept_end_the_load(tmp_path: Path) -> None:
    bad = b"".join(line(number, -1 if number == 5_000 else 1) for number in range(ROWS))
    path = written(tmp_path, "b.ndjson", bad)
    (tmp_path / "file").write_text("")
    books = FileBooks(tmp_path / "file" / "b.ndjson", None, None)
    stop = Stop()
    with (
        opened(path) as source,
        pytest.raises(OperatorError, match="cannot write refused rows"),
    ):
        run(source, store, books, stop=stop)
    assert "cannot write refused rows" in (stop.reason or "")
    assert books.place.lines < 5_000


def test_block_larger_than_the_queue_goes_in_parts(tmp_path: Path) -> None:
    path = written(tmp_path, "c.ndjson", b"".join(map(line, range(2_000))))
    books = FileBooks(None, None, None)
    with opened(path) as source:
        ended, _, lane = run(source, store, books, queue_rows=100)
    assert ended
    assert books.account.stored_rows == 2_000
    assert lane.held_rows_max <= 100


class MadeSource(PieceSource):
    """Yields pieces as a test says, then waits as a mapping does that finds no more rows.

    Args:
        parts: The pieces.
        endless: Whether it then waits, until it is interrupted.
    """

    bytes_read = 0

    def __init__(self, parts: list[MadePiece], *, endless: bool) -> None:
        super().__init__()
        self._notes: dict[str, int] = {}
        self.interrupted = threading.Event()
        self.waiting = threading.Event()
        self._parts = parts
        self._endless = endless

    @property
    def notes(self) -> dict[str, int]:
        return self._notes

    def interrupt(self) -> None:
        self.interrupted.set()

    def __iter__(self) -> Iterator[Piece]:
        yield from self._parts
        self.waiting.set()
        if self._endless and self.interrupted.wait(20):
            raise OperatorError("a.csv: interrupted")
        self._notes["records-left-out"] = 7


def test_stop_interrupts_a_source_that_does_not_yield_and_leaves_no_thread() -> None:
    stop = Stop()
    books = FileBooks(None, None, None)
    refused = MadePiece(0, [], Place(0, 4))
    source = MadeSource([refused], endless=True)

    async def load() -> tuple[bool, LoadPipeline]:
        asyncio.get_running_loop().call_later(0.05, stop.ask, "interrupted")
        lane = StandInLane(store, QUEUE_ROWS)
        pipeline = LoadPipeline(cast(Lane, lane), stop, SystemClock())
        async with asyncio.timeout(20):
            ended = await pipeline.run(source, books)
        pipeline.close()
        return ended, pipeline

    ended, pipeline = asyncio.run(load())
    assert (ended, pipeline.reader_stuck, source.interrupted.is_set()) == (False, False, True)
    assert books.place == refused.place
    assert [thread for thread in threading.enumerate() if thread.name == "reading-ahead"] == []


def test_what_a_source_knows_at_its_end_only_is_in_the_books() -> None:
    books = FileBooks(None, None, None)
    ended, _, _ = run(MadeSource([MadePiece(0, [], None)], endless=False), store, books)
    assert (ended, books.account.notes, books.place) == (True, {"records-left-out": 7}, START)
    books = FileBooks(None, None, None)
    run(MadeSource([], endless=False), store, books)
    assert books.account.notes == {"records-left-out": 7}
