"""Every row of a batch leaves once, in order, with its room."""

import asyncio
from array import array
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utility_ts_analytics.buffering.block import Block, Failure, Settlement
from utility_ts_analytics.delivery.batch import Batch, BatchLimits, Share
from utility_ts_analytics.records.encoded import EncodedLines
from utility_ts_analytics.records.streams import MeterUsage
from utility_ts_analytics.records.validation import RowError

TS = datetime(2026, 1, 1, tzinfo=UTC)
AWAY = Failure("sink-unavailable", "away")


def block_of(rows: int, size_bytes: int = 1000, first_position: int = 1) -> Block:
    readings = [MeterUsage(ts=TS, meter_id=f"m-{n}", kwh=float(n)) for n in range(rows)]
    settlement = Settlement()
    settlement.take(rows)
    return Block(readings, range(first_position, first_position + rows), size_bytes, settlement)


class Room:
    def __init__(self) -> None:
        self.rows = 0
        self.size_bytes = 0

    def release(self, rows: int, size_bytes: int) -> None:
        self.rows += rows
        self.size_bytes += size_bytes


def whole(block: Block) -> Share:
    return Share(block, 0, block.row_count)


def ids(batch: Batch) -> list[str]:
    rows = [row for share in batch.shares for row in share.as_block().rows]
    return [row.meter_id for row in rows if isinstance(row, MeterUsage)]


@given(
    rows=st.integers(min_value=1, max_value=50),
    size_bytes=st.integers(min_value=0, max_value=10_000),
    data=st.data(),
)
def test_shares_of_a_block_add_up_to_its_rows_and_bytes(
    rows: int, size_bytes: int, data: st.DataObject
) -> None:
    share = whole(block_of(rows, size_bytes))
    shares: list[Share] = []
    while share.rows > 1:
        first, share = share.split(data.draw(st.integers(1, share.rows - 1)))
        shares.append(first)
    shares.append(share)
    assert sum(part.rows for part in shares) == rows
    assert sum(part.size_bytes for part in shares) == size_bytes


def test_whole_share_is_the_block_itself() -> None:
    block = block_of(3)
    assert whole(block).as_block() is block


def test_part_share_keeps_rows_and_positions_together() -> None:
    part = Share(block_of(5), 1, 3).as_block()
    assert list(part.positions) == [2, 3]
    assert [row.kwh for row in part.rows if isinstance(row, MeterUsage)] == [1.0, 2.0]


def test_store_settles_each_request_and_gives_its_room_back() -> None:
    room, one, two = Room(), block_of(2, 100), block_of(3, 200)
    batch = Batch(room.release)
    batch.add(whole(one))
    batch.add(whole(two))
    batch.store()
    assert (one.settlement.stored_rows, two.settlement.stored_rows) == (2, 3)
    assert (room.rows, room.size_bytes) == (5, 300)
    assert (batch.rows, batch.size_bytes) == (0, 0)


def test_fail_gives_the_rows_back_with_the_reason() -> None:
    room, block = Room(), block_of(2)
    batch = Batch(room.release)
    batch.add(whole(block))
    batch.fail(AWAY)
    assert (block.settlement.failed_rows, block.settlement.failure) == (2, AWAY)
    assert room.rows == 2


@pytest.mark.parametrize("row_index", [0, 1, 2, 3, 4])
def test_reject_takes_exactly_one_row_out(row_index: int) -> None:
    room, one, two = Room(), block_of(2, 100, 10), block_of(3, 200, 20)
    batch = Batch(room.release)
    batch.add(whole(one))
    batch.add(whole(two))
    expected = ids(batch)
    del expected[row_index]
    batch.reject(row_index, "too odd")
    assert ids(batch) == expected
    assert (batch.rows, room.rows) == (4, 1)
    position = [10, 11, 20, 21, 22][row_index]
    rejected = one.settlement.rejected + two.settlement.rejected
    assert rejected == [RowError(position, "sink-rejected", None, "too odd")]
    batch.store()
    assert (room.rows, room.size_bytes) == (5, 300)


def test_rows_that_came_encoded_are_cut_and_named_like_any_others() -> None:
    data = bytes(range(1, 6))

    def restore(part: bytes) -> list[MeterUsage]:
        return [MeterUsage(ts=TS, meter_id=f"m-{number}", kwh=1.0) for number in part]

    settlement = Settlement("request")
    settlement.take(5)
    lines = EncodedLines(memoryview(data), memoryview(array("q", list(data))), 0, b"t", restore)
    room = Room()
    batch = Batch(room.release)
    batch.add(whole(Block(lines, range(10, 15), 500, settlement)))
    assert asyncio.run(batch.all_rows()) == restore(data)
    letter = batch.letter(2, "too odd")
    assert (letter.row, letter.position) == (restore(b"\3")[0], 12)
    batch.reject(2, "too odd")
    assert ids(batch) == ["m-1", "m-2", "m-4", "m-5"]
    blocks = [share.as_block() for share in batch.shares]
    assert [bytes(block.lines.data) for block in blocks if block.lines] == [b"\1\2", b"\4\5"]
    assert settlement.rejected == [RowError(12, "sink-rejected", None, "too odd")]
    batch.store()
    assert (room.rows, room.size_bytes) == (5, 500)


@given(sizes=st.lists(st.integers(min_value=1, max_value=7), min_size=1, max_size=6))
def test_halves_keep_the_order_and_every_row(sizes: list[int]) -> None:
    batch = Batch(Room().release)
    for size in [*sizes, 2]:
        batch.add(whole(block_of(size)))
    expected, rows = ids(batch), batch.rows
    first, second = batch.halves()
    assert ids(first) + ids(second) == expected
    assert (first.rows, second.rows) == (rows // 2, rows - rows // 2)
    assert batch.rows == 0


def dated(days: list[int]) -> Block:
    readings = [
        MeterUsage(ts=TS + timedelta(days=day), meter_id=f"m-{n}", kwh=1.0)
        for n, day in enumerate(days)
    ]
    return Block(readings, range(len(days)), 1000, Settlement())


@given(
    blocks=st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=12), min_size=1, max_size=6),
    days_max=st.integers(1, 10),
)
def test_no_batch_is_on_more_days_than_allowed_and_joined_they_are_the_input(
    blocks: list[list[int]], days_max: int
) -> None:
    batches = [Batch(Room().release)]
    for days in blocks:
        rest: Share | None = whole(dated(days))
        while rest is not None:
            rest = batches[-1].add_within(rest, BatchLimits(100, days_max=days_max))
            if rest is not None:
                batches.append(Batch(Room().release))
    rows = [asyncio.run(batch.all_rows()) for batch in batches]
    assert all(0 < len({row.ts for row in part}) <= days_max for part in rows)
    put = [TS + timedelta(days=day) for days in blocks for day in days]
    assert [row.ts for part in rows for row in part] == put


def test_days_of_a_whole_block_do_not_cut_its_parts_short() -> None:
    """What is known of the whole may be more than what a part lies on."""
    block = dated([0, 1, 2, 3] * 2)
    assert len(block.days) == 4
    batch, two_days = Batch(Room().release), BatchLimits(100, days_max=2)
    assert batch.add_within(Share(block, 0, 2), two_days) is None
    assert batch.add_within(Share(block, 4, 6), two_days) is None
    rest = Share(block, 6, 8)
    assert batch.add_within(rest, two_days) is rest
    assert ids(batch) == ["m-0", "m-1", "m-4", "m-5"]
