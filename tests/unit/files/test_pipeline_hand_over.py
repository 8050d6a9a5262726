"""Encoded rows of a piece enter the queue as they are, in parts where it is smaller."""

import asyncio
from array import array
from collections.abc import Sequence
from datetime import UTC, datetime

from utility_ts_analytics.buffering.block import Block, Settlement
from utility_ts_analytics.buffering.queue import BlockQueue
from utility_ts_analytics.files.pipeline import hand_over
from utility_ts_analytics.records.encoded import EncodedLines
from utility_ts_analytics.records.reading import Reading

TS = datetime(2026, 1, 1, tzinfo=UTC)
LINE_BYTES = 10


def restore(data: bytes) -> Sequence[Reading]:
    return [Reading(ts=TS, event_id=str(int(text))) for text in data.split()]


def block_of(rows: int, positions: Sequence[int]) -> Block:
    """Return a block of lines of ten bytes, each with its number from 0."""
    data = b"".join(b"%09d\n" % number for number in range(rows))
    ends = array("q", range(LINE_BYTES, LINE_BYTES * rows + 1, LINE_BYTES))
    lines = EncodedLines(memoryview(data), memoryview(ends), 0, b"t", restore)
    return Block(lines, positions, lines.size_bytes, Settlement())


def test_lines_reach_the_queue_as_they_are_and_their_own_bytes_count() -> None:
    queue = BlockQueue(rows_max=10, bytes_max=1000)
    block = block_of(3, [2, 5, 9])
    asyncio.run(hand_over(block, queue))
    assert queue.take(10) == [block]
    assert (list(block.positions), block.size_bytes) == ([2, 5, 9], 3 * LINE_BYTES)
    assert (queue.held_rows, queue.held_bytes) == (3, 3 * LINE_BYTES)
    assert block.settlement.taken_rows == 3


def test_more_lines_than_the_queue_holds_are_cut_between_lines_and_none_is_lost() -> None:
    async def main() -> None:
        queue = BlockQueue(rows_max=10, bytes_max=1000)
        seen: list[tuple[int, str | None]] = []
        seen_bytes = 0
        handing_over = asyncio.ensure_future(hand_over(block_of(33, range(33)), queue))
        while len(seen) < 33:
            await asyncio.sleep(0)
            for block in queue.take(10):
                assert block.lines is not None
                assert block.lines.size_bytes == block.size_bytes
                ids = [row.event_id for row in block.rows]
                seen += list(zip(block.positions, ids, strict=True))
                seen_bytes += block.size_bytes
                queue.release(block.row_count, block.size_bytes)
        await handing_over
        assert seen == [(number, str(number)) for number in range(33)]
        assert seen_bytes == 33 * LINE_BYTES

    asyncio.run(main())


def test_lines_wait_for_room_and_nothing_is_put_before() -> None:
    async def main() -> None:
        queue = BlockQueue(rows_max=10, bytes_max=100)
        await hand_over(block_of(9, range(9)), queue)
        waiting = asyncio.ensure_future(hand_over(block_of(2, range(2)), queue))
        await asyncio.sleep(0)
        assert (waiting.done(), queue.waiting_rows, queue.held_rows) == (False, 9, 9)
        queue.take(9)
        queue.release(9, 9 * LINE_BYTES)
        await waiting
        assert (queue.waiting_rows, queue.held_rows) == (2, 2)

    asyncio.run(main())
