"""Rows that cannot be delivered are kept, and delivered later in the order they were taken."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from structlog.testing import capture_logs
from tests.unit.delivery.lane_rig import Rig, meters, settler_of, total, turns

from utility_ts_analytics.buffering.block import Failure, Settlement
from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.delivery.batch import BatchLimits
from utility_ts_analytics.delivery.counts import LaneCounts
from utility_ts_analytics.delivery.lane import Lane
from utility_ts_analytics.delivery.order import StreamOrder
from utility_ts_analytics.delivery.sending import RetryPolicy
from utility_ts_analytics.delivery.spool import Spool
from utility_ts_analytics.delivery.spooling import Spooler
from utility_ts_analytics.delivery.waits import Backoff
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.sinks.contract import Delivered, RetryLater
from utility_ts_analytics.telemetry import registry
from utility_ts_analytics.telemetry.measures import Measures

DOWN = RetryLater("refused")
SPOOL_BYTES = 2**20


class SpoolRig(Rig):
    """A lane with a spool; the sink ends each send as `outcomes` says, at once."""

    def __init__(
        self,
        folder: Path,
        *,
        max_bytes: int = SPOOL_BYTES,
        clock: ManualClock | None = None,
        stream: StreamOrder | None = None,
    ) -> None:
        super().__init__(clock=clock, stream=stream)
        self.task.cancel()
        self.trouble: Failure | None = None
        self.sink.open_gate = True
        self.measures = Measures()
        spec = STREAMS["meter_usage"]
        self.spool = Spool(folder, spec, max_bytes=max_bytes, order=self.order)
        policy = RetryPolicy(0, Backoff(0.0, 0.0), 10.0)
        counts = LaneCounts(self.measures, ManualClock(), "meter_usage")
        self.settler = settler_of(self.sink, policy, self.clock, counts, order=self.order)
        self.spooler = Spooler(
            self.settler,
            self.spool,
            self.order,
            sink_name=self.sink.name,
            delivery_timeout_s=30.0,
            clock=self.clock,
            counts=counts,
            trouble=lambda: self.trouble,
        )
        self.lane = Lane(
            self.queue,
            self.sink,
            self.settler,
            limits=BatchLimits(10, 10_000),
            delivery_timeout_s=30.0,
            order=self.order,
            clock=self.clock,
            spooler=self.spooler,
        )
        self.running: list[asyncio.Task[None]] = []

    async def start(self, *, deliver: bool = True) -> None:
        assert await self.spool.open() is None
        self.running = [asyncio.ensure_future(self.lane.run())]
        if deliver:
            self.running.append(asyncio.ensure_future(self.spooler.run()))

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


def with_spool(folder: Path, check: Callable[[SpoolRig], Awaitable[None]]) -> None:
    async def main() -> None:
        rig = SpoolRig(folder)
        try:
            await check(rig)
        finally:
            await rig.stop()

    asyncio.run(main())


def test_rows_are_delivered_and_not_spooled_while_all_is_well(tmp_path: Path) -> None:
    async def check(rig: SpoolRig) -> None:
        await rig.start()
        settlement = await rig.put_settled(3)
        assert (settlement.stored_rows, settlement.spooled_rows) == (3, 0)
        assert rig.spool.pending_rows == 0

    with_spool(tmp_path, check)


def test_rows_that_cannot_be_delivered_are_spooled_and_delivered_in_order_later(
    tmp_path: Path,
) -> None:
    async def check(rig: SpoolRig) -> None:
        await rig.start()
        rig.sink.outcomes = [DOWN] * 3
        first = await rig.put_settled(3)
        second = await rig.put_settled(2)
        assert (first.stored_rows, first.spooled_rows, first.failed_rows) == (0, 3, 0)
        assert second.spooled_rows == 2
        assert total(rig.measures, registry.ROWS_SPOOLED) == 5
        await rig.advance_until(lambda: rig.spool.pending_rows == 0)
        assert rig.sink.sent[-2:] == [meters(0, 3), meters(3, 5)]
        third = await rig.put_settled(2)
        assert third.stored_rows == 2

    with_spool(tmp_path, check)


def test_known_trouble_spools_without_an_attempt_and_holds_the_spool_back(tmp_path: Path) -> None:
    async def check(rig: SpoolRig) -> None:
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

    with_spool(tmp_path, check)


def test_what_the_database_says_of_the_table_is_not_spooled(tmp_path: Path) -> None:
    async def check(rig: SpoolRig) -> None:
        await rig.start()
        rig.sink.outcomes = [RetryLater("no table", "schema-missing")]
        settlement = await rig.put_settled(3)
        assert settlement.failure == Failure("schema-missing", "no table")
        assert rig.spool.pending_rows == 0

    with_spool(tmp_path, check)


def test_full_spool_gives_the_rows_back_and_refuses_for_a_moment(tmp_path: Path) -> None:
    async def main() -> None:
        rig = SpoolRig(tmp_path, max_bytes=50_000)
        rig.trouble = Failure("sink-unavailable", "away")
        await rig.start()
        settlement = await rig.put_settled(1)
        taking = [rig.spooler.takes_rows]
        while settlement.spooled_rows:
            settlement = await rig.put_settled(9)
        assert (settlement.spooled_rows, settlement.failed_rows) == (0, 9)
        assert settlement.failure is not None
        assert "max_bytes" in settlement.failure.detail
        taking.append(rig.spooler.takes_rows)
        rig.clock.advance(1.0)
        taking.append(rig.spooler.takes_rows)
        assert taking == [True, False, True]
        await rig.stop()

    asyncio.run(main())


def test_new_rows_go_behind_those_that_wait(tmp_path: Path) -> None:
    async def check(rig: SpoolRig) -> None:
        await rig.start(deliver=False)
        rig.sink.outcomes = [DOWN]
        assert (await rig.put_settled(3)).spooled_rows == 3
        rig.clock.advance(100.0)
        assert (await rig.put_settled(2)).spooled_rows == 2
        rig.running.append(asyncio.ensure_future(rig.spooler.run()))
        await rig.advance_until(lambda: rig.spool.pending_rows == 0)
        assert rig.sink.sent[1:] == [meters(0, 3), meters(3, 5)]

    with_spool(tmp_path, check)


def test_append_that_is_cut_short_is_settled_all_the_same(tmp_path: Path) -> None:
    async def check(rig: SpoolRig) -> None:
        await rig.start(deliver=False)
        rig.trouble = Failure("sink-unavailable", "away")
        settlement = await rig.put(3)
        await turns()
        await rig.lane.drain(0.0)
        await asyncio.wait_for(settlement.settled(), 10)
        assert settlement.spooled_rows + settlement.failed_rows == 3
        assert settlement.spooled_rows == rig.spool.pending_rows

    with_spool(tmp_path, check)


def test_stop_waits_for_the_record_under_way_and_begins_no_other(tmp_path: Path) -> None:
    async def check(rig: SpoolRig) -> None:
        await rig.start()
        rig.sink.outcomes = [DOWN] * 2
        for _ in range(2):
            assert (await rig.put_settled(1)).spooled_rows == 1
        rig.sink.open_gate = False
        await rig.advance_until(lambda: rig.sink.sending == 1)
        stopping = asyncio.ensure_future(rig.spooler.stop(5.0))
        await turns()
        assert not stopping.done()
        rig.sink.end_send(Delivered())
        await stopping
        assert rig.spool.pending_rows == 1
        await rig.advance_until(lambda: rig.running[1].done())
        assert rig.sink.sent[-1] == meters(0, 1)

    with_spool(tmp_path, check)


def test_record_that_was_not_delivered_is_kept_for_the_next_start(tmp_path: Path) -> None:
    async def crash(rig: SpoolRig) -> None:
        await rig.start()
        rig.sink.outcomes = [DOWN] * 50
        assert (await rig.put_settled(3)).spooled_rows == 3

    async def check(rig: SpoolRig) -> None:
        await rig.start()
        await rig.advance_until(lambda: rig.spool.pending_rows == 0)
        assert rig.sink.sent == [meters(0, 3)]

    with_spool(tmp_path, crash)
    with_spool(tmp_path, check)


def test_record_that_cannot_be_encoded_is_logged_at_every_attempt_and_is_not_lost(
    tmp_path: Path,
) -> None:
    async def check(rig: SpoolRig) -> None:
        await rig.start(deliver=False)
        rig.trouble = Failure("sink-unavailable", "away")
        assert (await rig.put_settled(3)).spooled_rows == 3
        rig.trouble, rig.sink.broken = None, "m-1"
        with capture_logs() as logs:
            rig.running.append(asyncio.ensure_future(rig.spooler.run()))
            began_s, faults = rig.clock.monotonic_s(), list[float]()

            def five_faults() -> bool:
                if sum(line["event"] == "cannot deliver a batch" for line in logs) > len(faults):
                    faults.append(rig.clock.monotonic_s() - began_s)
                return len(faults) == 5

            await rig.advance_until(five_faults)
        assert faults[-1] >= 3.75, "0.25, 0.5, 1 and 2 s between attempts"
        assert sum(line["event"] == "spooled rows wait" for line in logs) == 1
        assert (rig.sink.sent, rig.spool.pending_rows) == ([], 3)
        assert total(rig.measures, registry.ROWS_STORED) == 0
        rig.sink.broken = ""
        await rig.advance_until(lambda: rig.spool.pending_rows == 0)
        assert rig.sink.sent == [meters(0, 3)]

    with_spool(tmp_path, check)


def test_outage_is_over_with_the_first_delivery(tmp_path: Path) -> None:
    async def check(rig: SpoolRig) -> None:
        await rig.start()
        rig.sink.outcomes = [DOWN] * 3
        await rig.put_settled(1)
        assert rig.settler.refusal() is not None
        await rig.advance_until(lambda: rig.spool.pending_rows == 0)
        # The disk has it before the one who delivers is told.
        await rig.advance_until(lambda: rig.settler.refusal() is None)

    with_spool(tmp_path, check)
