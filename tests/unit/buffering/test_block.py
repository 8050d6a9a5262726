"""A settlement accounts for every row once."""

import asyncio
import sys
from array import array
from datetime import UTC, datetime

import pytest

from utility_ts_analytics.buffering.block import Block, Failure, Settlement
from utility_ts_analytics.records.encoded import EncodedLines
from utility_ts_analytics.records.reading import Reading
from utility_ts_analytics.records.validation import RowError

ODD = RowError(3, "sink-rejected", None, "odd")
AWAY = Failure("sink-unavailable", "away")


def reading(day: int) -> Reading:
    return Reading(ts=datetime(2026, 1, day, tzinfo=UTC))


def test_nothing_taken_is_settled_at_once() -> None:
    asyncio.run(Settlement().settled())


def test_settled_returns_when_the_last_row_has_its_end() -> None:
    async def main() -> None:
        settlement = Settlement()
        settlement.take(4)
        waiting = asyncio.ensure_future(settlement.settled())
        settlement.store(2)
        settlement.reject(ODD)
        await asyncio.sleep(0)
        assert not waiting.done()
        settlement.fail(1, AWAY)
        await waiting
        assert settlement.open_rows == 0
        counts = (settlement.stored_rows, settlement.rejected, settlement.failed_rows)
        assert counts == (2, [ODD], 1)

    asyncio.run(main())


def test_rows_taken_while_waiting_are_waited_for() -> None:
    async def main() -> None:
        settlement = Settlement()
        settlement.take(1)
        waiting = asyncio.ensure_future(settlement.settled())
        await asyncio.sleep(0)
        settlement.store(1)
        settlement.take(1)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not waiting.done()
        settlement.store(1)
        await waiting

    asyncio.run(main())


def test_first_failure_is_kept() -> None:
    settlement = Settlement()
    settlement.take(2)
    settlement.fail(1, AWAY)
    settlement.fail(1, Failure("draining", "later"))
    assert (settlement.failure, settlement.failed_rows) == (AWAY, 2)


def test_settling_a_row_twice_is_a_fault() -> None:
    settlement = Settlement()
    settlement.take(1)
    settlement.store(1)
    with pytest.raises(AssertionError, match="settled twice"):
        settlement.store(1)


def test_giving_up_the_wait_changes_nothing() -> None:
    async def main() -> None:
        settlement = Settlement()
        settlement.take(1)
        waiting = asyncio.ensure_future(settlement.settled())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        settlement.store(1)
        assert settlement.stored_rows == 1
        await settlement.settled()

    asyncio.run(main())


def test_rows_that_were_let_go_are_made_anew_and_not_held() -> None:
    rows = [reading(1), reading(2)]
    block = Block(rows, range(2), 10, Settlement())
    made: list[int] = []

    def restore() -> list[Reading]:
        made.append(1)
        return [reading(1), reading(2)]

    block.let_go(restore)
    references = sys.getrefcount(rows)
    assert block.rows == rows
    assert block.rows == rows
    assert (block.row_count, made) == (2, [1, 1])
    assert references == 2  # this name, and the call that asks


def encoded_block(rows: int) -> Block:
    def restore(data: bytes) -> list[Reading]:
        return [reading(day) for day in data]

    data = bytes(range(1, rows + 1))
    lines = EncodedLines(memoryview(data), memoryview(array("q", list(data))), 0, b"t", restore)
    return Block(lines, range(10, 10 + rows), 1000, Settlement())


def test_block_that_came_encoded_has_lines_and_gives_rows() -> None:
    block = encoded_block(3)
    assert block.lines is not None
    assert bytes(block.lines.data) == b"\1\2\3"
    assert (block.row_count, block.size_bytes) == (3, 1000)
    assert block.rows == [reading(1), reading(2), reading(3)]


@pytest.mark.parametrize("is_encoded", [True, False])
def test_part_of_a_block_keeps_rows_positions_and_account(is_encoded: bool) -> None:
    block = encoded_block(4)
    if not is_encoded:
        block = Block(block.rows, block.positions, 1000, block.settlement)
    part = block.part(1, 3, 500)
    assert part.rows == [reading(2), reading(3)]
    assert list(part.positions) == [11, 12]
    assert (part.row_count, part.size_bytes) == (2, 500)
    assert part.settlement is block.settlement
    assert (part.lines is None) == (block.lines is None)
