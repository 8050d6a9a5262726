"""Several lanes with one spool: one delivers, and all keep behind what any of them has spooled."""

import asyncio
from pathlib import Path

from tests.unit.delivery.lane_rig import meters
from tests.unit.delivery.test_spooling import DOWN, SpoolRig

from utility_ts_analytics.buffering.block import Failure
from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.delivery.order import StreamOrder
from utility_ts_analytics.delivery.spooling import LOOK_EVERY_S


def test_one_lane_of_the_stream_delivers_and_the_next_one_goes_on_after_its_end(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        clock = ManualClock()
        stream = StreamOrder(None, clock)
        first = SpoolRig(tmp_path, clock=clock, stream=stream)
        second = SpoolRig(tmp_path, clock=clock, stream=stream)
        first.trouble = second.trouble = Failure("sink-unavailable", "away")
        await first.start()
        await first.advance_until(lambda: clock.monotonic_s() > 1.0)
        await second.start()
        assert (await second.put_settled(2)).spooled_rows == 2
        assert (await first.put_settled(3)).spooled_rows == 3
        second.trouble = None
        await first.advance_until(lambda: clock.monotonic_s() > 10 * LOOK_EVERY_S)
        assert second.sink.sent == [], "the first one delivers, and the database is away for it"
        await first.stop()
        await second.advance_until(lambda: second.spool.pending_rows == 0)
        assert second.sink.sent == [meters(0, 2), meters(0, 3)]
        await second.stop()

    asyncio.run(main())


def test_rows_of_one_worker_go_behind_those_that_another_has_spooled(tmp_path: Path) -> None:
    async def main() -> None:
        clock = ManualClock()
        stream = StreamOrder(None, clock)
        away = SpoolRig(tmp_path, clock=clock, stream=stream)
        well = SpoolRig(tmp_path, clock=clock, stream=stream)
        await away.start(deliver=False)
        await well.start(deliver=False)
        away.sink.outcomes = [DOWN]
        assert (await away.put_settled(2)).spooled_rows == 2
        later = await well.put_settled(3)
        assert (later.stored_rows, later.spooled_rows, well.sink.sent) == (0, 3, [])
        await away.stop()
        await well.stop()

    asyncio.run(main())
