"""A lane's parts start and end together, and a spool with room is a reason not to refuse."""

import asyncio
from typing import cast

from tests.unit.sinks.lane_rig import Rig

from utility_ts_analytics.buffering.block import Failure
from utility_ts_analytics.service.delivery_lane import DeliveryLane, SpoolParts, shared_refusal
from utility_ts_analytics.sinks.dispatch import Dispatch
from utility_ts_analytics.sinks.spool import Spool
from utility_ts_analytics.sinks.store_forward import StoreForward

AWAY = Failure("sink-unavailable", "away")
SUSPENDED = Failure("table-suspended", "suspended")


class FixedDispatch:
    """Stands for a dispatch: refuses as told."""

    def __init__(self, failure: Failure | None) -> None:
        self.failure = failure

    def refusal(self) -> Failure | None:
        return self.failure


class FixedForward:
    """Stands for store and forward: has room as told, and notes its life."""

    def __init__(self, *, takes_rows: bool) -> None:
        self.takes_rows = takes_rows
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


class FixedSpool:
    """Stands for a spool: notes whether it is open."""

    def __init__(self) -> None:
        self.is_open = False

    async def open(self) -> str | None:
        self.is_open = True
        return None

    async def close(self) -> None:
        self.is_open = False


def lane_of(
    rig: Rig, failure: Failure | None, forward: FixedForward | None = None
) -> tuple[DeliveryLane, FixedSpool]:
    spool = FixedSpool()
    parts = None
    if forward is not None:
        parts = SpoolParts(cast("Spool", spool), cast("StoreForward[object]", forward))
    dispatch = cast("Dispatch[object]", FixedDispatch(failure))
    return DeliveryLane(rig.queue, rig.lane, dispatch, [rig.sink], parts), spool


def refusal_of(
    *lanes: tuple[Failure | None, FixedForward | None], trouble: Failure | None = None
) -> Failure | None:
    async def main() -> Failure | None:
        rig = Rig()
        made = [lane_of(rig, failure, forward)[0] for failure, forward in lanes]
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
    room, full = FixedForward(takes_rows=True), FixedForward(takes_rows=False)
    assert refusal_of((AWAY, room)) is None
    assert refusal_of((None, room), trouble=AWAY) is None
    assert refusal_of((None, room), trouble=SUSPENDED) == SUSPENDED
    assert refusal_of((AWAY, full)) == AWAY
    assert refusal_of((None, full), trouble=AWAY) == AWAY


def test_lane_and_spool_start_and_end_together() -> None:
    async def main() -> None:
        rig = Rig()
        rig.task.cancel()
        forward = FixedForward(takes_rows=True)
        lane, spool = lane_of(rig, None, forward)
        ended: list[asyncio.Task[None]] = []
        await lane.start(ended.append)
        await asyncio.sleep(0.01)
        assert (spool.is_open, forward.runs) == (True, True)
        await lane.close()
        assert (spool.is_open, forward.runs, len(ended)) == (False, False, 2)

    asyncio.run(main())
