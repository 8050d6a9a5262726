"""A row that goes by the spool is counted once, however often its record is sent."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.unit.delivery.lane_rig import meters, total
from tests.unit.delivery.test_spooling import DOWN, SpoolRig

from utility_ts_analytics.buffering.block import Failure, Settlement
from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.delivery.order import StreamOrder
from utility_ts_analytics.sinks.contract import Delivered, Outcome, Rejected
from utility_ts_analytics.telemetry import registry
from utility_ts_analytics.telemetry.metric import Metric


class BookedRig(SpoolRig):
    """A lane with a spool whose rows are counted."""

    def __init__(
        self,
        folder: Path,
        *,
        clock: ManualClock | None = None,
        stream: StreamOrder | None = None,
    ) -> None:
        super().__init__(folder, clock=clock, stream=stream)
        queue = self.queue
        self.measures.held = lambda: (queue.put_rows - queue.settled_rows, queue.held_bytes)

    async def put(self, rows: int, settlement: Settlement | None = None) -> Settlement:
        settlement = await super().put(rows, settlement)
        self.measures.rows_taken(rows)
        return settlement

    def total(self, metric: Metric) -> int:
        return total(self.measures, metric)

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
        # To the spool; then a row is refused and the rest fails; then the rest is stored.
        rig.sink.outcomes = [DOWN, Rejected(0, "no"), DOWN, Delivered()]
        await rig.put_settled(3)
        await rig.advance_until(lambda: len(rig.sink.sent) == 3)
        assert rig.books() == (3, 0, 0, 0, 3)
        await rig.advance_until(lambda: rig.spool.pending_rows == 0)
        await rig.advance_until(lambda: rig.books() == (3, 2, 1, 0, 0))
        assert [len(sent) for sent in rig.sink.sent] == [3, 3, 2, 2]

    with_books(tmp_path, check)


def test_record_with_more_refused_rows_than_one_delivery_has_time_for_leaves_the_spool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each refused row takes a send."""

    async def check(rig: BookedRig) -> None:
        await rig.start(deliver=False)
        rig.trouble = Failure("sink-unavailable", "away")
        assert (await rig.put_settled(5)).spooled_rows == 5
        rig.trouble = None

        async def refuse_slowly(sent: list[str], timeout_s: float) -> Outcome:
            rig.sink.sent.append(sent)
            rig.clock.advance(12.0)  # of the 30 s of a delivery
            return Rejected(0, "no")

        monkeypatch.setattr(rig.sink, "take", refuse_slowly)
        rig.running.append(asyncio.ensure_future(rig.spooler.run()))
        await rig.advance_until(lambda: rig.spool.pending_rows == 0)
        assert rig.sink.sent == [meters(first, 5) for first in range(5)]
        await rig.advance_until(lambda: rig.books() == (5, 0, 5, 0, 0))

    with_books(tmp_path, check)


def delete_database(folder: Path) -> None:
    for path in folder.glob("*.sqlite3*"):
        path.unlink()


def spoil(folder: Path) -> None:
    """Overwrite what the one record holds."""
    [path] = folder.glob("*.sqlite3")
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("update parts set lines = x'00'")


def test_rows_that_the_disk_lost_are_failed(tmp_path: Path) -> None:
    async def check(rig: BookedRig) -> None:
        rig.sink.outcomes = [DOWN]
        await rig.start(deliver=False)
        await rig.put_settled(3)
        spoil(tmp_path)
        rig.running.append(asyncio.ensure_future(rig.spooler.run()))
        await rig.advance_until(lambda: rig.books() == (3, 0, 0, 3, 0))

    with_books(tmp_path, check)


def test_rows_of_an_earlier_service_are_received_once_by_the_one_that_delivers(
    tmp_path: Path,
) -> None:
    async def leave(rig: BookedRig) -> None:
        await rig.start(deliver=False)
        rig.sink.outcomes = [DOWN]
        await rig.put_settled(3)

    async def check(rig: BookedRig) -> None:
        rig.trouble = Failure("sink-unavailable", "away")
        await rig.start()
        await rig.advance_until(lambda: rig.books() == (3, 0, 0, 0, 3))
        assert rig.total(registry.ROWS_RECOVERED) == 3
        rig.trouble = None
        await rig.advance_until(lambda: rig.books() == (3, 3, 0, 0, 0))

    with_books(tmp_path, leave)
    with_books(tmp_path, check)


def test_rows_that_another_worker_delivers_leave_the_sum_of_all_balanced(tmp_path: Path) -> None:
    async def main() -> None:
        clock = ManualClock()
        stream = StreamOrder(None, clock)
        taking = BookedRig(tmp_path, clock=clock, stream=stream)
        delivering = BookedRig(tmp_path, clock=clock, stream=stream)
        taking.trouble = Failure("sink-unavailable", "away")
        await taking.start(deliver=False)
        await delivering.start()
        await taking.put_settled(3)
        await delivering.advance_until(lambda: delivering.spool.pending_rows == 0)
        await delivering.advance_until(lambda: delivering.total(registry.ROWS_STORED) == 3)
        assert taking.books() == (3, 0, 0, 0, 3)
        assert delivering.books() == (0, 3, 0, 0, -3)
        await taking.stop()
        await delivering.stop()

    asyncio.run(main())


def test_record_whose_worker_died_right_after_taking_it_off_leaves_the_books(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        clock = ManualClock()
        stream = StreamOrder(None, clock)
        first = BookedRig(tmp_path, clock=clock, stream=stream)
        second = BookedRig(tmp_path, clock=clock, stream=stream)
        first.trouble = Failure("sink-unavailable", "away")
        await first.start()
        await first.put_settled(3)
        for name in ("_count_ends", "_count_for_the_dead"):  # it is killed before it comes to these
            monkeypatch.setattr(first.spooler, name, lambda *_, **__: None)
        first.trouble = None
        await first.advance_until(lambda: stream.file.spooled_rows == 0)
        await first.stop()
        await second.start()
        await second.advance_until(lambda: second.total(registry.ROWS_STORED) == 3)
        both = [a + b for a, b in zip(first.books(), second.books(), strict=True)]
        assert both == [3, 3, 0, 0, 0]
        await second.stop()

    asyncio.run(main())


def test_what_a_lane_that_does_not_deliver_finds_lost_is_told_too(tmp_path: Path) -> None:
    async def main() -> None:
        clock = ManualClock()
        stream = StreamOrder(None, clock)
        first = BookedRig(tmp_path, clock=clock, stream=stream)
        second = BookedRig(tmp_path, clock=clock, stream=stream)
        first.trouble = second.trouble = Failure("sink-unavailable", "away")
        await first.start(deliver=False)
        await second.start(deliver=False)
        await second.put_settled(3)
        delete_database(tmp_path)
        await second.put_settled(2)
        assert second.books() == (5, 0, 0, 3, 2)
        await first.stop()
        await second.stop()

    asyncio.run(main())
