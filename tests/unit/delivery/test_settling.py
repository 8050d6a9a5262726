"""A refused row never takes others with it, and every row has its end."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.delivery.lane_rig import Meters, MeterSink, settler_of, total

from utility_ts_analytics.buffering.block import Block, Failure, Settlement
from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.delivery.batch import Batch, Share
from utility_ts_analytics.delivery.counts import LaneCounts
from utility_ts_analytics.delivery.sending import RetryPolicy
from utility_ts_analytics.delivery.settling import BROKEN
from utility_ts_analytics.delivery.waits import Backoff
from utility_ts_analytics.records.streams import MeterUsage
from utility_ts_analytics.sinks.contract import Delivered, InDoubt, Outcome, Rejected, RetryLater
from utility_ts_analytics.telemetry import registry
from utility_ts_analytics.telemetry.measures import Measures

TS = datetime(2026, 1, 1, tzinfo=UTC)


class Table(MeterSink):
    """A table that refuses some meters, and the sink in front of it."""

    def __init__(self, refused: set[str], *, names_the_row: bool) -> None:
        super().__init__()
        self.refused = refused
        self.names_the_row = names_the_row
        self.stored: Meters = []
        self.sends = 0
        self.before_send: Callable[[int], Outcome | None] = lambda _: None
        self.measures = Measures()

    async def take(self, meters: Meters, timeout_s: float) -> Outcome:
        self.sends += 1
        forced = self.before_send(self.sends)
        if forced is not None:
            return forced
        bad = [index for index, meter in enumerate(meters) if meter in self.refused]
        if bad:
            return Rejected(bad[0] if self.names_the_row else None, "refused")
        self.stored += meters
        return Delivered()


def settle(table: Table, block_rows: list[int]) -> tuple[list[Block], Meters]:
    """Settle one batch of blocks; return them and all meters in order."""
    clock = ManualClock()
    counts = LaneCounts(table.measures, clock, "meter_usage")
    settler = settler_of(table, RetryPolicy(0, Backoff(0.0, 0.0), 10.0), clock, counts)
    batch, blocks = Batch(lambda rows, size_bytes: None, table), []
    everything: Meters = []
    for rows in block_rows:
        meters = [f"m-{len(everything) + index}" for index in range(rows)]
        everything += meters
        readings = [MeterUsage(ts=TS, meter_id=meter, kwh=1.0) for meter in meters]
        block = Block(readings, range(rows), 100, Settlement())
        block.settlement.take(rows)
        blocks.append(block)
        batch.add(Share(block, 0, rows))
        batch.encode_last()
    asyncio.run(settler.settle(batch, 30.0))
    assert batch.rows == 0
    return blocks, everything


@given(
    block_rows=st.lists(st.integers(min_value=1, max_value=6), min_size=1, max_size=5),
    refused=st.sets(st.integers(min_value=0, max_value=29), max_size=6),
    names_the_row=st.booleans(),
)
def test_only_refused_rows_are_missing_and_the_order_is_kept(
    block_rows: list[int], refused: set[int], names_the_row: bool
) -> None:
    table = Table({f"m-{number}" for number in refused}, names_the_row=names_the_row)
    blocks, everything = settle(table, block_rows)
    assert table.stored == [meter for meter in everything if meter not in table.refused]
    for block in blocks:
        expected = [
            position
            for position, row in zip(block.positions, block.rows, strict=True)
            if isinstance(row, MeterUsage) and row.meter_id in table.refused
        ]
        settlement = block.settlement
        assert [error.position for error in settlement.rejected] == expected
        assert settlement.open_rows == 0
        assert settlement.failed_rows == 0
    assert total(table.measures, registry.ROWS_STORED) == len(table.stored)
    refused_rows = len(everything) - len(table.stored)
    assert total(table.measures, registry.ROWS_REJECTED) == refused_rows


def test_row_number_outside_the_batch_is_taken_as_unknown() -> None:
    table = Table(set(), names_the_row=True)
    table.before_send = lambda number: Rejected(99, "odd") if number == 1 else None
    blocks, everything = settle(table, [4])
    assert table.stored == everything
    assert blocks[0].settlement.rejected == []


def test_failure_after_a_refused_row_gives_back_only_what_is_left() -> None:
    table = Table({"m-3"}, names_the_row=False)
    stored_first: list[Outcome] = []

    def fail_late(number: int) -> Outcome | None:
        if number < 3:
            return None
        stored_first.append(InDoubt("cut"))
        return stored_first[0]

    table.before_send = fail_late
    blocks, _ = settle(table, [4])
    settlement = blocks[0].settlement
    assert table.stored == ["m-0", "m-1"]
    assert (settlement.stored_rows, settlement.failed_rows) == (2, 2)
    assert settlement.failure == Failure("sink-unavailable", "cut")


def test_failure_keeps_the_code_of_the_outcome() -> None:
    table = Table(set(), names_the_row=True)
    table.before_send = lambda _: RetryLater("no table", "schema-missing")
    blocks, _ = settle(table, [2, 1])
    assert blocks[1].settlement.failure == Failure("schema-missing", "no table")
    assert total(table.measures, registry.ROWS_FAILED) == 3


def test_a_fault_of_our_own_gives_the_rows_back() -> None:
    table = Table(set(), names_the_row=True)

    def broken(_: int) -> Outcome | None:
        raise AssertionError("our fault")

    table.before_send = broken
    blocks, _ = settle(table, [2])
    assert blocks[0].settlement.failure == BROKEN
    assert blocks[0].settlement.failed_rows == 2
