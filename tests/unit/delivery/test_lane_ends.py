"""No row is left without an end: failures, cancellation, drain."""

import asyncio

from tests.unit.delivery.lane_rig import Rig, meters, turns, with_rig

from utility_ts_analytics.sinks.contract import Delivered, RetryLater


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


def test_a_fault_while_encoding_leaves_the_rest_of_its_block_to_the_next_batch() -> None:
    async def check(rig: Rig) -> None:
        rig.sink.open_gate = True
        rig.sink.broken = "m-0"
        rig.days = [0, 1, 2]
        settlement = await rig.put(3)
        await settlement.settled()
        assert (settlement.failed_rows, settlement.stored_rows) == (2, 1)
        assert rig.sink.sent == [meters(2, 3)]
        assert rig.queue.held_rows == 0

    with_rig(check, days_max=2)


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
