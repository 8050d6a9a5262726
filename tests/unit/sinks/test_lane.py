"""When a lane sends, in which order, and that no row is left without an end."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from utility_ts_analytics.buffering.block import Block, Settlement
from utility_ts_analytics.buffering.queue import BlockQueue
from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.records.meter_usage import MeterUsage
from utility_ts_analytics.sinks.backoff import Backoff
from utility_ts_analytics.sinks.contract import Delivered, InDoubt, Outcome, RetryLater
from utility_ts_analytics.sinks.delivery import RetryPolicy
from utility_ts_analytics.sinks.lane import BatchLimits, Lane

TS = datetime(2026, 1, 1, tzinfo=UTC)
Payload = list[str]


class GatedSink:
    """A sink whose sends end when the test says so."""

    name = "gated"

    def __init__(self) -> None:
        self.open_gate = False
        self.sent: list[Payload] = []
        self.encoded: list[str] = []
        self.sending = 0
        self.outcomes: list[Outcome] = []
        self.gate: asyncio.Future[Outcome] | None = None
        self.broken = ""

    def new_payload(self) -> Payload:
        return []

    def encode(self, block: Block, payload: Payload) -> None:
        meters = [row.meter_id for row in block.rows if isinstance(row, MeterUsage)]
        if self.broken in meters:
            raise AssertionError("our fault")
        self.encoded += meters
        payload += meters

    def clear(self, payload: Payload) -> None:
        payload.clear()

    async def send(self, payload: Payload, *, timeout_s: float) -> Outcome:
        assert not self.sending, "two sends at once"
        self.sending += 1
        self.sent.append(list(payload))
        try:
            if self.outcomes:
                return self.outcomes.pop(0)
            if self.open_gate:
                await asyncio.sleep(0)
                return Delivered()
            self.gate = asyncio.get_running_loop().create_future()
            return await self.gate
        finally:
            self.sending -= 1

    def end_send(self, outcome: Outcome) -> None:
        assert self.gate is not None
        self.gate.set_result(outcome)

    async def close(self) -> None:
        """Nothing is held."""


class Rig:
    """One lane with its queue, its sink and its clock."""

    def __init__(self, *, rows_max: int = 10, bytes_max: int = 10_000, capacity: int = 40) -> None:
        self.clock = ManualClock()
        self.sink = GatedSink()
        self.queue = BlockQueue(rows_max=capacity, bytes_max=1_000_000)
        self.lane = Lane(
            self.queue,
            self.sink,
            limits=BatchLimits(rows_max, bytes_max, linger_s=0.2),
            policy=RetryPolicy(3, Backoff(0.2, 2.0), 10.0, 30.0),
            clock=self.clock,
            random=lambda: 0.5,
        )
        self.task = asyncio.ensure_future(self.lane.run())
        self._number = 0

    async def put(self, rows: int, settlement: Settlement | None = None) -> Settlement:
        settlement = settlement or Settlement()
        meters = [f"m-{self._number + index}" for index in range(rows)]
        self._number += rows
        readings = [MeterUsage(ts=TS, meter_id=meter, kwh=1.0) for meter in meters]
        await self.queue.reserve(rows, rows * 10)
        settlement.take(rows)
        self.queue.put(Block(readings, range(rows), rows * 10, settlement))
        return settlement

    async def cancel(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def turns() -> None:
    """Let every task that can go on do so."""
    for _ in range(20):
        await asyncio.sleep(0)


def meters(start: int, stop: int) -> Payload:
    return [f"m-{number}" for number in range(start, stop)]


def with_rig(check: Callable[[Rig], Awaitable[None]], **settings: int) -> None:
    async def main() -> None:
        rig = Rig(**settings)
        try:
            await check(rig)
        finally:
            await rig.cancel()

    asyncio.run(main())


def test_idle_lane_sends_at_once_when_nobody_adds() -> None:
    async def check(rig: Rig) -> None:
        settlement = await rig.put(3)
        await turns()
        assert rig.sink.sent == [meters(0, 3)]
        assert settlement.stored_rows == 0
        rig.sink.end_send(Delivered())
        await settlement.settled()
        assert settlement.stored_rows == 3
        assert (rig.queue.held_rows, rig.queue.held_bytes) == (0, 0)
        assert rig.clock.slept_s == []

    with_rig(check)


def test_lane_waits_for_a_producer_until_it_is_done() -> None:
    async def check(rig: Rig) -> None:
        rig.queue.add_producer()
        await rig.put(3)
        await turns()
        assert rig.sink.sent == []
        await rig.put(2)
        rig.queue.remove_producer()
        await turns()
        assert rig.sink.sent == [meters(0, 5)]

    with_rig(check)


def test_no_batch_waits_longer_than_the_linger_after_its_first_row() -> None:
    async def check(rig: Rig) -> None:
        rig.queue.add_producer()
        await rig.put(1)
        await turns()
        rig.clock.advance(0.15)
        await rig.put(1)
        await turns()
        assert rig.sink.sent == []
        rig.clock.advance(0.05)
        await turns()
        assert rig.sink.sent == [meters(0, 2)]

    with_rig(check)


def test_full_batch_does_not_wait_for_a_producer() -> None:
    async def check(rig: Rig) -> None:
        rig.queue.add_producer()
        await rig.put(12)
        await turns()
        assert rig.sink.sent == [meters(0, 10)]

    with_rig(check)


def test_a_producer_without_room_is_not_lingered_for() -> None:
    async def check(rig: Rig) -> None:
        rig.queue.add_producer()
        await rig.put(5)
        more = asyncio.ensure_future(rig.put(4))
        await turns()
        assert rig.sink.sent == [meters(0, 5)]
        rig.sink.end_send(Delivered())
        await more

    with_rig(check, rows_max=10, capacity=6)


def test_next_batch_is_encoded_while_one_is_on_its_way_and_order_is_kept() -> None:
    async def check(rig: Rig) -> None:
        await rig.put(3)
        await turns()
        await rig.put(4)
        await rig.put(2)
        await turns()
        assert rig.sink.sent == [meters(0, 3)]
        assert rig.sink.encoded == meters(0, 9)
        rig.sink.end_send(Delivered())
        await turns()
        assert rig.sink.sent == [meters(0, 3), meters(3, 9)]

    with_rig(check)


def test_a_retry_is_over_before_the_next_batch_goes() -> None:
    async def check(rig: Rig) -> None:
        rig.sink.outcomes = [InDoubt("cut")]
        first, second = await rig.put(1), await rig.put(10)
        await turns()
        assert rig.sink.sent == [meters(0, 10)]
        rig.clock.advance(0.1)
        await turns()
        rig.sink.end_send(Delivered())
        await first.settled()
        await turns()
        rig.sink.end_send(Delivered())
        await second.settled()
        assert rig.sink.sent == [meters(0, 10), meters(0, 10), meters(10, 11)]

    with_rig(check)


def test_byte_limit_ends_a_batch_too() -> None:
    async def check(rig: Rig) -> None:
        rig.queue.add_producer()
        await rig.put(3)
        await rig.put(3)
        await turns()
        assert rig.sink.sent == [meters(0, 3)]
        rig.sink.end_send(Delivered())
        rig.queue.remove_producer()
        await turns()
        assert rig.sink.sent == [meters(0, 3), meters(3, 6)]

    with_rig(check, bytes_max=50)


@settings(deadline=None)
@given(
    sizes=st.lists(st.integers(min_value=1, max_value=30), min_size=1, max_size=12),
    rows_max=st.integers(min_value=1, max_value=12),
    bytes_max=st.integers(min_value=1, max_value=200),
)
def test_batches_joined_are_the_input_in_order_and_none_is_over_a_limit(
    sizes: list[int], rows_max: int, bytes_max: int
) -> None:
    """Law 5. A part of a block may be over the byte limit by itself, never together with others."""

    async def check(rig: Rig) -> None:
        rig.sink.open_gate = True
        settlement = Settlement()
        for size in sizes:
            await rig.put(size, settlement)
        await settlement.settled()
        assert settlement.stored_rows == sum(sizes)
        joined = [meter for batch in rig.sink.sent for meter in batch]
        assert joined == meters(0, sum(sizes))
        edges = {0}
        for size in sizes:
            edges.add(max(edges) + size)
        start = 0
        for batch in rig.sink.sent:
            inner_edges = any(start < edge < start + len(batch) for edge in edges)
            assert len(batch) <= rows_max
            assert len(batch) * 10 <= bytes_max or not inner_edges
            start += len(batch)

    with_rig(check, rows_max=rows_max, bytes_max=bytes_max)


def test_final_failure_gives_the_rows_back_and_the_lane_goes_on() -> None:
    async def check(rig: Rig) -> None:
        rig.sink.outcomes = [RetryLater("no table", "schema-missing")] * 4
        failed = await rig.put(2)
        for _ in range(4):
            await turns()
            rig.clock.advance(2.0)
        await failed.settled()
        assert failed.failed_rows == 2
        assert failed.failure is not None
        assert failed.failure.code == "schema-missing"
        rig.sink.open_gate = True
        later = await rig.put(1)
        await later.settled()
        assert later.stored_rows == 1

    with_rig(check)


def test_a_fault_while_encoding_gives_that_batch_back_and_the_lane_goes_on() -> None:
    async def check(rig: Rig) -> None:
        rig.sink.open_gate = True
        rig.sink.broken = "m-2"
        bad = await rig.put(4)
        await bad.settled()
        good = await rig.put(4)
        await good.settled()
        assert (bad.failed_rows, good.stored_rows) == (4, 4)
        assert rig.queue.held_rows == 0

    with_rig(check)


def test_cancelled_lane_leaves_no_row_unsettled_and_stores_none() -> None:
    async def check(rig: Rig) -> None:
        in_flight, filling, waiting = await rig.put(3), await rig.put(10), await rig.put(9)
        await turns()
        await rig.cancel()
        for settlement in (in_flight, filling, waiting):
            assert (settlement.open_rows, settlement.stored_rows) == (0, 0)
            assert settlement.failure is not None
            assert settlement.failure.code == "draining"
        assert (rig.queue.held_rows, rig.queue.held_bytes) == (0, 0)
        assert rig.task.cancelled()

    with_rig(check)


def test_lane_cancelled_before_its_send_began_settles_too() -> None:
    async def check(rig: Rig) -> None:
        settlement = await rig.put(3)
        for _ in range(20):
            if rig.sink.encoded:
                break
            await asyncio.sleep(0)
        assert rig.sink.sent == []
        await rig.cancel()
        assert settlement.failed_rows == 3

    with_rig(check)


def test_drain_sends_what_is_held_without_lingering_and_ends_the_lane() -> None:
    async def check(rig: Rig) -> None:
        rig.queue.add_producer()
        settlement = await rig.put(3)
        await turns()
        assert rig.sink.sent == []
        draining = asyncio.ensure_future(rig.lane.drain(5.0))
        await turns()
        assert rig.sink.sent == [meters(0, 3)]
        rig.queue.remove_producer()
        rig.sink.end_send(Delivered())
        await draining
        await rig.task
        assert settlement.stored_rows == 3

    with_rig(check)


def test_drain_past_its_deadline_fails_the_rest_and_whatever_comes_later() -> None:
    async def check(rig: Rig) -> None:
        rig.queue.add_producer()
        in_flight, waiting = await rig.put(10), await rig.put(5)
        draining = asyncio.ensure_future(rig.lane.drain(5.0))
        await turns()
        assert not draining.done()
        rig.clock.advance(5.0)
        await draining
        assert (in_flight.failed_rows, waiting.failed_rows) == (10, 5)
        late = await rig.put(2)
        await late.settled()
        assert late.failure is not None
        assert late.failure.code == "draining"
        rig.queue.remove_producer()
        await rig.task

    with_rig(check)


def test_drain_of_an_idle_lane_returns_at_once() -> None:
    async def check(rig: Rig) -> None:
        await turns()
        await rig.lane.drain(5.0)
        await rig.task

    with_rig(check)
