"""A row that goes by the spool is counted once, however often its record is sent."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.unit.sinks.test_store_forward import DOWN, ForwardRig

from utility_ts_analytics.buffering.block import Settlement
from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.service.lane_counts import LaneCounts
from utility_ts_analytics.sinks.contract import Delivered, Rejected
from utility_ts_analytics.telemetry import registry
from utility_ts_analytics.telemetry.layout import label_sets, offset_of
from utility_ts_analytics.telemetry.measures import Measures
from utility_ts_analytics.telemetry.metric import Metric


class BookedRig(ForwardRig):
    """A lane with a spool whose rows are counted."""

    def __init__(self, folder: Path) -> None:
        self.measures = Measures()
        super().__init__(folder, told=LaneCounts(self.measures, ManualClock(), "meter_usage"))
        self.sink.name = "ilp"  # a label value
        queue = self.queue
        self.measures.held = lambda: (queue.put_rows - queue.settled_rows, queue.held_bytes)

    async def put(self, rows: int, settlement: Settlement | None = None) -> Settlement:
        settlement = await super().put(rows, settlement)
        self.measures.rows_taken(rows)
        return settlement

    def total(self, metric: Metric) -> int:
        self.measures.publish()
        return sum(self.measures.words[offset_of(metric, *v)] for v in label_sets(metric))

    def books(self) -> tuple[int, int, int, int, int]:
        received, in_flight = self.total(registry.ROWS_RECEIVED), registry.ROWS_IN_FLIGHT
        ends = (registry.ROWS_STORED, registry.ROWS_REJECTED, registry.ROWS_FAILED, in_flight)
        stored, rejected, failed, open_rows = (self.total(metric) for metric in ends)
        assert received == stored + rejected + failed + open_rows
        return received, stored, rejected, failed, open_rows


def with_books(folder: Path, check: Callable[[BookedRig], Awaitable[None]]) -> None:
    async def main() -> None:
        rig = BookedRig(folder)
        try:
            await check(rig)
        finally:
            await rig.stop()

    asyncio.run(main())


def test_spooled_rows_are_in_flight_until_they_are_stored(tmp_path: Path) -> None:
    async def check(rig: BookedRig) -> None:
        await rig.start()
        rig.sink.outcomes = [DOWN, DOWN]
        await rig.put_settled(3)
        assert rig.books() == (3, 0, 0, 0, 3)
        assert rig.total(registry.ROWS_SPOOLED) == 3
        await rig.advance_until(lambda: rig.books() == (3, 3, 0, 0, 0))
        await rig.put_settled(2)
        assert rig.books() == (5, 5, 0, 0, 0)

    with_books(tmp_path, check)


def test_record_that_fails_half_way_is_counted_only_when_it_leaves_the_spool(
    tmp_path: Path,
) -> None:
    async def check(rig: BookedRig) -> None:
        await rig.start()
        # To the spool; then a row is refused and the rest fails; then the same, and it is stored.
        refused = Rejected(0, "no")
        rig.sink.outcomes = [DOWN, refused, DOWN, refused, Delivered()]
        await rig.put_settled(3)
        await rig.advance_until(lambda: len(rig.sink.sent) == 3)
        assert rig.books() == (3, 0, 0, 0, 3)
        await rig.advance_until(lambda: rig.spool.pending_rows == 0)
        await rig.advance_until(lambda: rig.books() == (3, 2, 1, 0, 0))
        assert len(rig.sink.sent) == 5

    with_books(tmp_path, check)


def test_rows_of_a_spool_that_is_taken_over_are_received_there(tmp_path: Path) -> None:
    async def before(rig: BookedRig) -> None:
        await rig.start(forward=False)
        rig.sink.outcomes = [DOWN]
        await rig.put_settled(3)
        assert rig.books() == (3, 0, 0, 0, 3)

    async def after(rig: BookedRig) -> None:
        await rig.start()
        await rig.advance_until(lambda: rig.books() == (3, 3, 0, 0, 0))
        assert rig.total(registry.ROWS_RECOVERED) == 3

    with_books(tmp_path, before)
    with_books(tmp_path, after)


def spoil(folder: Path) -> None:
    """Overwrite the one segment there is."""
    [segment] = folder.glob("*/*/*.spool")
    segment.write_bytes(b"\0" * segment.stat().st_size)


def test_rows_that_the_disk_lost_are_failed(tmp_path: Path) -> None:
    async def check(rig: BookedRig) -> None:
        rig.sink.outcomes = [DOWN]
        await rig.start(forward=False)
        await rig.put_settled(3)
        spoil(tmp_path)
        rig.running.append(asyncio.ensure_future(rig.forward.run()))
        await rig.advance_until(lambda: rig.books() == (3, 0, 0, 3, 0))

    with_books(tmp_path, check)
