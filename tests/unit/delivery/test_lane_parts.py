"""A lane's parts start and end together, and a spool with room is a reason not to refuse."""

import asyncio
from typing import cast

from tests.unit.delivery.lane_rig import Rig

from utility_ts_analytics.buffering.block import Failure
from utility_ts_analytics.delivery.batch import BatchLimits
from utility_ts_analytics.delivery.lane import Lane, shared_refusal
from utility_ts_analytics.delivery.settling import Settler
from utility_ts_analytics.delivery.spool import Spool
from utility_ts_analytics.delivery.spooling import Spooler

AWAY = Failure("sink-unavailable", "away")
SUSPENDED = Failure("table-suspended", "suspended")


class FixedSettler:
    """Stands for a settler: refuses as told."""

    def __init__(self, failure: Failure | None) -> None:
        self.failure = failure

    def refusal(self) -> Failure | None:
        return self.failure


class FixedSpool:
    """Stands for a spool: notes whether it is open."""

    def __init__(self) -> None:
        self.is_open = False

    async def open(self) -> str | None:
        self.is_open = True
        return None

    async def close(self) -> None:
        self.is_open = False


class FixedSpooler:
    """Stands for a spooler: has room as told, and notes whether it runs."""

    def __init__(self, *, takes_rows: bool) -> None:
        self.takes_rows = takes_rows
        self.fixed_spool = FixedSpool()
        self.spool = cast("Spool", self.fixed_spool)
        self.runs = False

    async def stop(self, timeout_s: float) -> None:
        assert timeout_s > 0
        assert self.runs

    async def run(self) -> None:
        self.runs = True
        try:
            await asyncio.Event().wait()
        finally:
            self.runs = False


def lane_of(rig: Rig, failure: Failure | None, spooler: FixedSpooler | None = None) -> Lane:
    return Lane(
        rig.queue,
        rig.sink,
        cast("Settler", FixedSettler(failure)),
        limits=BatchLimits(10),
        delivery_timeout_s=30.0,
        order=rig.order,
        clock=rig.clock,
        spooler=cast("Spooler | None", spooler),
    )


def refusal_of(
    *lanes: tuple[Failure | None, FixedSpooler | None], trouble: Failure | None = None
) -> Failure | None:
    async def main() -> Failure | None:
        rig = Rig()
        made = [lane_of(rig, failure, spooler) for failure, spooler in lanes]
        result = shared_refusal(made, lambda: trouble)
        await rig.cancel()
        return result

    return asyncio.run(main())


def test_rows_are_refused_only_where_every_lane_refuses() -> None:
    assert refusal_of((None, None)) is None
    assert refusal_of((AWAY, None), (None, None)) is None
    assert refusal_of((AWAY, None), (AWAY, None)) == AWAY


def test_trouble_with_the_table_refuses_whatever_the_lanes_say() -> None:
    assert refusal_of((None, None), trouble=SUSPENDED) == SUSPENDED


def test_spool_with_room_takes_what_the_database_does_not() -> None:
    room, full = FixedSpooler(takes_rows=True), FixedSpooler(takes_rows=False)
    assert refusal_of((AWAY, room)) is None
    assert refusal_of((None, room), trouble=AWAY) is None
    assert refusal_of((None, room), trouble=SUSPENDED) == SUSPENDED
    assert refusal_of((AWAY, full)) == AWAY
    assert refusal_of((None, full), trouble=AWAY) == AWAY


def test_lane_and_spool_start_and_end_together() -> None:
    async def main() -> None:
        rig = Rig()
        rig.task.cancel()
        spooler = FixedSpooler(takes_rows=True)
        lane = lane_of(rig, None, spooler)
        ended: list[asyncio.Task[None]] = []
        await lane.start(ended.append)
        await asyncio.sleep(0.01)
        assert (spooler.fixed_spool.is_open, spooler.runs) == (True, True)
        await lane.close()
        assert (spooler.fixed_spool.is_open, spooler.runs, len(ended)) == (False, False, 2)

    asyncio.run(main())
