"""One lane on a held clock, with a sink whose sends end when the test says so."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from utility_ts_analytics.buffering.block import Block, Settlement
from utility_ts_analytics.buffering.queue import BlockQueue
from utility_ts_analytics.clock import Clock, ManualClock, SystemClock
from utility_ts_analytics.delivery.batch import BatchLimits
from utility_ts_analytics.delivery.counts import LaneCounts
from utility_ts_analytics.delivery.lane import Lane
from utility_ts_analytics.delivery.order import LaneOrder, StreamOrder
from utility_ts_analytics.delivery.sending import RetryPolicy, Sender
from utility_ts_analytics.delivery.settling import Settler
from utility_ts_analytics.delivery.waits import Backoff
from utility_ts_analytics.records.streams import MeterUsage
from utility_ts_analytics.sinks.contract import Delivered, Outcome, Sink
from utility_ts_analytics.telemetry.layout import label_sets, offset_of
from utility_ts_analytics.telemetry.measures import Measures
from utility_ts_analytics.telemetry.metric import Metric

TS = datetime(2026, 1, 1, tzinfo=UTC)
Meters = list[str]


class MeterSink:
    """A sink whose payload is the meters of the rows; `take` says how a send ends."""

    def __init__(self, name: str = "ilp") -> None:
        self.name = name  # a label value

    def new_payload(self) -> "MeterPayload":
        return MeterPayload(self)

    def note_encoded(self, meters: Meters) -> None:
        """Told of the rows of each block that is encoded."""

    async def take(self, meters: Meters, timeout_s: float) -> Outcome:
        raise NotImplementedError

    async def close(self) -> None:
        """Nothing is held."""


class MeterPayload:
    """The meters of the rows, in order."""

    def __init__(self, sink: MeterSink) -> None:
        self.sink = sink
        self.meters: Meters = []

    def encode(self, block: Block) -> None:
        meters = [row.meter_id for row in block.rows if isinstance(row, MeterUsage)]
        self.sink.note_encoded(meters)
        self.meters += meters

    async def send(self, *, timeout_s: float) -> Outcome:
        return await self.sink.take(list(self.meters), timeout_s)


class GatedSink(MeterSink):
    """A sink whose sends end when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.open_gate = False
        self.sent: list[Meters] = []
        self.encoded: Meters = []
        self.sending = 0
        self.outcomes: list[Outcome] = []
        self.gate: asyncio.Future[Outcome] | None = None
        self.broken = ""

    def note_encoded(self, meters: Meters) -> None:
        if self.broken in meters:
            raise AssertionError("our fault")
        self.encoded += meters

    async def take(self, meters: Meters, timeout_s: float) -> Outcome:
        assert not self.sending, "two sends at once"
        self.sending += 1
        self.sent.append(meters)
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


def settler_of(
    sink: Sink,
    policy: RetryPolicy,
    clock: Clock,
    counts: LaneCounts | None = None,
    fallback: Sink | None = None,
    order: LaneOrder | None = None,
) -> Settler:
    """Return what delivers by `sink`, with half of each possible wait between attempts."""
    counts = counts or LaneCounts(Measures(), clock, "meter_usage")
    sender = Sender(
        sink,
        fallback,
        policy=policy,
        order=order or StreamOrder(None, clock).lane(),
        clock=clock,
        random=lambda: 0.5,
        counts=counts,
    )
    return Settler(sender, clock=clock, counts=counts)


def total(measures: Measures, metric: Metric) -> int:
    """Return the sum of a metric over its labels."""
    measures.publish()
    return sum(measures.words[offset_of(metric, *values)] for values in label_sets(metric))


class Rig:
    """One lane with its queue, its sink and its clock."""

    def __init__(
        self,
        *,
        rows_max: int = 10,
        bytes_max: int = 10_000,
        capacity: int = 40,
        quiet_s: float = 1.0,
        clock: ManualClock | None = None,
        stream: StreamOrder | None = None,
        days_max: int = 100,
    ) -> None:
        self.clock = clock or ManualClock()
        self.sink = GatedSink()
        self.queue = BlockQueue(rows_max=capacity, bytes_max=1_000_000)
        policy = RetryPolicy(3, Backoff(0.2, 2.0), 10.0)
        self.order = (stream or StreamOrder(None, self.clock)).lane()
        self.settler = settler_of(self.sink, policy, self.clock, order=self.order)
        self.lane = Lane(
            self.queue,
            self.sink,
            self.settler,
            limits=BatchLimits(rows_max, bytes_max, quiet_s=quiet_s, days_max=days_max),
            delivery_timeout_s=30.0,
            order=self.order,
            clock=self.clock,
            closables=[self.sink],
        )
        self.task = asyncio.ensure_future(self.lane.run())
        self.days: Sequence[int] = (0,)
        """After `TS`: those that the rows of each block lie on in turn."""
        self._number = 0

    async def put(self, rows: int, settlement: Settlement | None = None) -> Settlement:
        settlement = settlement or Settlement()
        meters = [f"m-{self._number + index}" for index in range(rows)]
        self._number += rows
        readings = [
            MeterUsage(ts=TS + timedelta(days=day), meter_id=meter, kwh=1.0)
            for meter, day in zip(meters, itertools.cycle(self.days), strict=False)
        ]
        await self.queue.reserve(rows, rows * 10)
        settlement.take(rows)
        block = Block(readings, range(rows), rows * 10, settlement)
        block.accepted_s = self.clock.monotonic_s()
        self.queue.put(block)
        return settlement

    async def cancel(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def turns() -> None:
    """Let every task that can go on do so."""
    for _ in range(20):
        await asyncio.sleep(0)


def meters(start: int, stop: int) -> Meters:
    return [f"m-{number}" for number in range(start, stop)]


def with_rig(check: Callable[[Rig], Awaitable[None]], **settings: Any) -> None:
    async def main() -> None:
        rig = Rig(**settings)
        try:
            await check(rig)
        finally:
            await rig.cancel()

    asyncio.run(main())


async def settled_by_a_lane(
    sink: Sink, block: Block, policy: RetryPolicy, *, delivery_timeout_s: float
) -> Settlement:
    """Return how the rows of a block ended that went through a whole lane, by the real time."""
    queue = BlockQueue(rows_max=100, bytes_max=100_000)
    lane = Lane(
        queue,
        sink,
        settler_of(sink, policy, SystemClock()),
        limits=BatchLimits(batch_size=1000),
        delivery_timeout_s=delivery_timeout_s,
        order=StreamOrder(None, SystemClock()).lane(),
        clock=SystemClock(),
    )
    running = asyncio.ensure_future(lane.run())
    block.settlement.take(block.row_count)
    await queue.reserve(block.row_count, block.size_bytes)
    queue.put(block)
    await block.settlement.settled()
    await lane.drain(5.0)
    await running
    await sink.close()
    return block.settlement
