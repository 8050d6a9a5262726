"""One lane on a held clock, with a sink whose sends end when the test says so."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from utility_ts_analytics.buffering.block import Block, Settlement
from utility_ts_analytics.buffering.queue import BlockQueue
from utility_ts_analytics.clock import Clock, ManualClock
from utility_ts_analytics.records.meter_usage import MeterUsage
from utility_ts_analytics.sinks.backoff import Backoff
from utility_ts_analytics.sinks.batch import BatchLimits
from utility_ts_analytics.sinks.contract import Delivered, Outcome, PayloadT, Sink
from utility_ts_analytics.sinks.delivery import RetryPolicy
from utility_ts_analytics.sinks.dispatch import Dispatch
from utility_ts_analytics.sinks.lane import Lane
from utility_ts_analytics.sinks.observer import LaneObserver, SilentObserver
from utility_ts_analytics.sinks.order import LaneOrder, StreamOrder
from utility_ts_analytics.sinks.route import Route

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


def dispatch_of(
    sink: Sink[PayloadT],
    policy: RetryPolicy,
    clock: Clock,
    observer: LaneObserver | None = None,
    fallback: Sink[Any] | None = None,
    order: LaneOrder | None = None,
) -> Dispatch[PayloadT]:
    """Return what delivers by `sink`, with half of each possible wait between attempts."""
    observer = observer or SilentObserver()
    route = Route(
        sink,
        fallback=fallback,
        policy=policy,
        order=order or StreamOrder(None, clock).lane(),
        clock=clock,
        random=lambda: 0.5,
        observer=observer,
    )
    return Dispatch(sink, route, clock=clock, observer=observer)


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
        policy = RetryPolicy(3, Backoff(0.2, 2.0), 10.0, 30.0)
        self.order = (stream or StreamOrder(None, self.clock)).lane()
        self.dispatch = dispatch_of(self.sink, policy, self.clock, order=self.order)
        self.lane = Lane(
            self.queue,
            self.sink,
            self.dispatch,
            limits=BatchLimits(
                rows_max, bytes_max, linger_s=0.2, quiet_s=quiet_s, days_max=days_max
            ),
            delivery_timeout_s=30.0,
            order=self.order,
            clock=self.clock,
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


def meters(start: int, stop: int) -> Payload:
    return [f"m-{number}" for number in range(start, stop)]


def with_rig(check: Callable[[Rig], Awaitable[None]], **settings: Any) -> None:
    async def main() -> None:
        rig = Rig(**settings)
        try:
            await check(rig)
        finally:
            await rig.cancel()

    asyncio.run(main())
