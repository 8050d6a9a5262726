"""Rows that cannot be delivered are kept, and delivered later in the order they were taken."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.unit.sinks.lane_rig import Payload, Rig, dispatch_of, meters, turns

from utility_ts_analytics.buffering.block import Failure, Settlement
from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.sinks.backoff import Backoff
from utility_ts_analytics.sinks.batch import BatchLimits
from utility_ts_analytics.sinks.contract import Delivered, RetryLater
from utility_ts_analytics.sinks.delivery import RetryPolicy
from utility_ts_analytics.sinks.lane import Lane
from utility_ts_analytics.sinks.observer import LaneObserver, ReplayObserver, SilentObserver
from utility_ts_analytics.sinks.order import StreamOrder
from utility_ts_analytics.sinks.spool import Spool
from utility_ts_analytics.sinks.store_forward import StoreForward

DOWN = RetryLater("refused")
SPOOL_BYTES = 2**20


class ForwardRig(Rig, SilentObserver):
    """A lane with a spool; the sink ends each send as `answers` says, at once."""

    def __init__(
        self,
        folder: Path,
        *,
        bytes_max: int = SPOOL_BYTES,
        told: LaneObserver | None = None,
        clock: ManualClock | None = None,
        stream: StreamOrder | None = None,
    ) -> None:
        super().__init__(clock=clock, stream=stream)
        self.task.cancel()
        self.trouble: Failure | None = None
        self.spooled_rows = 0
        self.sink.open_gate = True
        spec = STREAMS["meter_usage"]
        self.spool = Spool(folder, spec, bytes_max=bytes_max, order=self.order)
        policy = RetryPolicy(0, Backoff(0.0, 0.0), 10.0, 30.0)
        observer = ReplayObserver(told or self)
        self.dispatch = dispatch_of(self.sink, policy, self.clock, observer, order=self.order)
        self.forward = StoreForward(
            self.dispatch,
            self.sink,
            self.spool,
            self.order,
            delivery_timeout_s=30.0,
            clock=self.clock,
            observer=observer,
            trouble=lambda: self.trouble,
        )
        self.lane = Lane(
            self.queue,
            self.sink,
            self.forward,
            limits=BatchLimits(10, 10_000, linger_s=0.2),
            delivery_timeout_s=30.0,
            order=self.order,
            clock=self.clock,
        )
        self.running: list[asyncio.Task[None]] = []

    def spooled(self, rows: int) -> None:
        self.spooled_rows += rows

    async def start(self, *, forward: bool = True) -> None:
        assert await self.spool.open() is None
        self.running = [asyncio.ensure_future(self.lane.run())]
        if forward:
            self.running.append(asyncio.ensure_future(self.forward.run()))

    async def put_settled(self, rows: int) -> Settlement:
        settlement = await self.put(rows)
        await asyncio.wait_for(settlement.settled(), 10)
        return settlement

    async def advance_until(self, condition: Callable[[], bool]) -> None:
        """Let time pass until something is the case; the disk is waited for in real time."""
        async with asyncio.timeout(10):
            while not condition():
                self.clock.advance(0.5)
                await asyncio.sleep(0.002)

    async def stop(self) -> None:
        for task in self.running:
            task.cancel()
        await asyncio.gather(*self.running, return_exceptions=True)
        await self.spool.close()

    def stored(self) -> Payload:
        return [meter for payload in self.delivered_payloads() for meter in payload]

    def delivered_payloads(self) -> list[Payload]:
        return self.sink.sent


def with_forward(folder: Path, check: Callable[[ForwardRig], Awaitable[None]]) -> None:
    async def main() -> None:
        rig = ForwardRig(folder)
        try:
            await check(rig)
        finally:
            await rig.stop()

    asyncio.run(main())


def test_rows_are_delivered_and_not_spooled_while_all_is_well(tmp_path: Path) -> None:
    async def check(rig: ForwardRig) -> None:
        await rig.start()
        settlement = await rig.put_settled(3)
        assert (settlement.stored_rows, settlement.spooled_rows) == (3, 0)
        assert rig.spool.pending_rows == 0

    with_forward(tmp_path, check)


def test_rows_that_cannot_be_delivered_are_spooled_and_delivered_in_order_later(
    tmp_path: Path,
) -> None:
    async def check(rig: ForwardRig) -> None:
        await rig.start()
        rig.sink.outcomes = [DOWN] * 3
        first = await rig.put_settled(3)
        second = await rig.put_settled(2)
        assert (first.stored_rows, first.spooled_rows, first.failed_rows) == (0, 3, 0)
        assert second.spooled_rows == 2
        assert rig.spooled_rows == 5
        await rig.advance_until(lambda: rig.spool.pending_rows == 0)
        assert rig.sink.sent[-2:] == [meters(0, 3), meters(3, 5)]
        third = await rig.put_settled(2)
        assert third.stored_rows == 2

    with_forward(tmp_path, check)


def test_known_trouble_spools_without_an_attempt_and_holds_the_spool_back(tmp_path: Path) -> None:
    async def check(rig: ForwardRig) -> None:
        rig.trouble = Failure("sink-unavailable", "away")
        await rig.start()
        settlement = await rig.put_settled(3)
        assert settlement.spooled_rows == 3
        rig.clock.advance(100.0)
        await turns()
        rig.trouble = Failure("table-suspended", "nobody would see the rows")
        rig.clock.advance(100.0)
        await turns()
        assert rig.sink.sent == []
        rig.trouble = None
        await rig.advance_until(lambda: rig.spool.pending_rows == 0)
        assert rig.sink.sent == [meters(0, 3)]

    with_forward(tmp_path, check)


def test_what_the_database_says_of_the_table_is_not_spooled(tmp_path: Path) -> None:
    async def check(rig: ForwardRig) -> None:
        await rig.start()
        rig.sink.outcomes = [RetryLater("no table", "schema-missing")]
        settlement = await rig.put_settled(3)
        assert settlement.failure == Failure("schema-missing", "no table")
        assert rig.spool.pending_rows == 0

    with_forward(tmp_path, check)


def test_full_spool_gives_the_rows_back_and_refuses_for_a_moment(tmp_path: Path) -> None:
    async def main() -> None:
        rig = ForwardRig(tmp_path, bytes_max=50_000)
        rig.trouble = Failure("sink-unavailable", "away")
        await rig.start()
        settlement = await rig.put_settled(1)
        taking = [rig.forward.takes_rows]
        while settlement.spooled_rows:
            settlement = await rig.put_settled(9)
        assert (settlement.spooled_rows, settlement.failed_rows) == (0, 9)
        assert settlement.failure is not None
        assert "max_bytes" in settlement.failure.detail
        taking.append(rig.forward.takes_rows)
        rig.clock.advance(1.0)
        taking.append(rig.forward.takes_rows)
        assert taking == [True, False, True]
        await rig.stop()

    asyncio.run(main())


def test_new_rows_go_behind_those_that_wait(tmp_path: Path) -> None:
    async def check(rig: ForwardRig) -> None:
        await rig.start(forward=False)
        rig.sink.outcomes = [DOWN]
        assert (await rig.put_settled(3)).spooled_rows == 3
        rig.clock.advance(100.0)
        assert (await rig.put_settled(2)).spooled_rows == 2
        rig.running.append(asyncio.ensure_future(rig.forward.run()))
        await rig.advance_until(lambda: rig.spool.pending_rows == 0)
        assert rig.sink.sent[1:] == [meters(0, 3), meters(3, 5)]

    with_forward(tmp_path, check)


def test_append_that_is_cut_short_is_settled_all_the_same(tmp_path: Path) -> None:
    async def check(rig: ForwardRig) -> None:
        await rig.start(forward=False)
        rig.trouble = Failure("sink-unavailable", "away")
        settlement = await rig.put(3)
        await turns()
        await rig.lane.drain(0.0)
        await asyncio.wait_for(settlement.settled(), 10)
        assert settlement.spooled_rows + settlement.failed_rows == 3
        assert settlement.spooled_rows == rig.spool.pending_rows

    with_forward(tmp_path, check)


def test_stop_waits_for_the_record_under_way_and_begins_no_other(tmp_path: Path) -> None:
    async def check(rig: ForwardRig) -> None:
        await rig.start()
        rig.sink.outcomes = [DOWN] * 2
        for _ in range(2):
            assert (await rig.put_settled(1)).spooled_rows == 1
        rig.sink.open_gate = False
        await rig.advance_until(lambda: rig.sink.sending == 1)
        stopping = asyncio.ensure_future(rig.forward.stop(5.0))
        await turns()
        assert not stopping.done()
        rig.sink.end_send(Delivered())
        await stopping
        assert rig.spool.pending_rows == 1
        await rig.advance_until(lambda: rig.running[1].done())
        assert rig.sink.sent[-1] == meters(0, 1)

    with_forward(tmp_path, check)


def test_record_that_was_not_delivered_is_kept_for_the_next_start(tmp_path: Path) -> None:
    async def crash(rig: ForwardRig) -> None:
        await rig.start()
        rig.sink.outcomes = [DOWN] * 50
        assert (await rig.put_settled(3)).spooled_rows == 3

    async def check(rig: ForwardRig) -> None:
        await rig.start()
        await rig.advance_until(lambda: rig.spool.pending_rows == 0)
        assert rig.sink.sent == [meters(0, 3)]

    with_forward(tmp_path, crash)
    with_forward(tmp_path, check)


def test_outage_is_over_with_the_first_delivery(tmp_path: Path) -> None:
    async def check(rig: ForwardRig) -> None:
        await rig.start()
        rig.sink.outcomes = [DOWN]
        await rig.put_settled(1)
        assert rig.dispatch.refusal() is not None
        await rig.advance_until(lambda: rig.spool.pending_rows == 0)
        assert rig.dispatch.refusal() is None

    with_forward(tmp_path, check)
