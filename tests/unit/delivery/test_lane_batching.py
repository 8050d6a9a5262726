"""When a lane sends, and in which order."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.delivery.lane_rig import Meters, Rig, meters, turns, with_rig

from utility_ts_analytics.buffering.block import Settlement
from utility_ts_analytics.sinks.contract import Delivered, InDoubt


def test_idle_lane_sends_at_once_when_nobody_adds() -> None:
    async def check(rig: Rig) -> None:
        settlement = await rig.put(3)
        await turns()
        assert rig.sink.sent == [meters(0, 3)]
        assert settlement.stored_rows == 0
        rig.sink.end_send(Delivered())
        await settlement.settled()
        assert settlement.stored_rows == 3
        assert (rig.queue.held_rows, rig.queue.held_bytes) == (0, 0)
        assert rig.clock.slept_s == []

    with_rig(check)


def test_lane_waits_for_a_producer_until_it_is_done() -> None:
    async def check(rig: Rig) -> None:
        rig.queue.add_producer()
        await rig.put(3)
        await turns()
        assert rig.sink.sent == []
        await rig.put(2)
        rig.queue.remove_producer()
        await turns()
        assert rig.sink.sent == [meters(0, 5)]

    with_rig(check)


def test_no_batch_waits_longer_than_the_linger_after_its_first_row() -> None:
    async def check(rig: Rig) -> None:
        rig.queue.add_producer()
        await rig.put(1)
        await turns()
        rig.clock.advance(0.15)
        await rig.put(1)
        await turns()
        assert rig.sink.sent == []
        rig.clock.advance(0.05)
        await turns()
        assert rig.sink.sent == [meters(0, 2)]

    with_rig(check)


def test_a_producer_that_adds_seldom_does_not_hold_up_the_others() -> None:
    async def check(rig: Rig) -> None:
        rig.queue.add_producer()
        await rig.put(1)
        await turns()
        rig.clock.advance(0.03125)
        await rig.put(1)
        await turns()
        rig.clock.advance(0.03125)
        await turns()
        assert rig.sink.sent == [], "rows came a moment ago"
        rig.clock.advance(0.03125)
        await turns()
        assert rig.sink.sent == [meters(0, 2)]

    with_rig(check, quiet_s=0.0625)


def test_full_batch_does_not_wait_for_a_producer() -> None:
    async def check(rig: Rig) -> None:
        rig.queue.add_producer()
        await rig.put(12)
        await turns()
        assert rig.sink.sent == [meters(0, 10)]

    with_rig(check)


def test_a_producer_without_room_is_not_lingered_for() -> None:
    async def check(rig: Rig) -> None:
        rig.queue.add_producer()
        await rig.put(5)
        more = asyncio.ensure_future(rig.put(4))
        await turns()
        assert rig.sink.sent == [meters(0, 5)]
        rig.sink.end_send(Delivered())
        await more

    with_rig(check, rows_max=10, capacity=6)


def test_next_batch_is_encoded_while_one_is_on_its_way_and_order_is_kept() -> None:
    async def check(rig: Rig) -> None:
        await rig.put(3)
        await turns()
        await rig.put(4)
        await rig.put(2)
        await turns()
        assert rig.sink.sent == [meters(0, 3)]
        assert rig.sink.encoded == meters(0, 9)
        rig.sink.end_send(Delivered())
        await turns()
        assert rig.sink.sent == [meters(0, 3), meters(3, 9)]

    with_rig(check)


@pytest.mark.parametrize(("block_s", "encoded_at_once"), [(0.0, 10), (0.0006, 4), (0.002, 2)])
def test_encoding_goes_on_for_a_millisecond_before_others_may(
    block_s: float, encoded_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks that wait as records take three times as much memory as encoded ones."""

    async def check(rig: Rig) -> None:
        note_encoded = rig.sink.note_encoded

        def slow_encode(meters: Meters) -> None:
            note_encoded(meters)
            rig.clock.advance(block_s)

        monkeypatch.setattr(rig.sink, "note_encoded", slow_encode)
        for _ in range(5):
            await rig.put(2)
        while not rig.sink.encoded:
            await asyncio.sleep(0)
        assert rig.sink.encoded == meters(0, encoded_at_once)
        await turns()
        assert rig.sink.encoded == meters(0, 10)

    with_rig(check)


def test_a_retry_is_over_before_the_next_batch_goes() -> None:
    async def check(rig: Rig) -> None:
        rig.sink.outcomes = [InDoubt("cut")]
        first, second = await rig.put(1), await rig.put(10)
        await turns()
        assert rig.sink.sent == [meters(0, 10)]
        rig.clock.advance(0.1)
        await turns()
        rig.sink.end_send(Delivered())
        await first.settled()
        await turns()
        rig.sink.end_send(Delivered())
        await second.settled()
        assert rig.sink.sent == [meters(0, 10), meters(0, 10), meters(10, 11)]

    with_rig(check)


def test_a_batch_ends_before_the_first_row_on_a_day_too_many() -> None:
    async def check(rig: Rig) -> None:
        rig.sink.open_gate = True
        rig.days = [0, 0, 1, 2, 0, 3, 4]
        settlement = await rig.put(7)
        rig.days = [4, 3]
        await rig.put(2, settlement)
        await turns()
        assert rig.sink.sent == [meters(0, 3), meters(3, 5), meters(5, 9)]
        assert settlement.stored_rows == 9

    with_rig(check, days_max=2)


def test_byte_limit_ends_a_batch_too() -> None:
    async def check(rig: Rig) -> None:
        rig.queue.add_producer()
        await rig.put(3)
        await rig.put(3)
        await turns()
        assert rig.sink.sent == [meters(0, 3)]
        rig.sink.end_send(Delivered())
        rig.queue.remove_producer()
        await turns()
        assert rig.sink.sent == [meters(0, 3), meters(3, 6)]

    with_rig(check, bytes_max=50)


@given(
    sizes=st.lists(st.integers(min_value=1, max_value=30), min_size=1, max_size=12),
    rows_max=st.integers(min_value=1, max_value=12),
    bytes_max=st.integers(min_value=1, max_value=200),
)
def test_batches_joined_are_the_input_in_order_and_none_is_over_a_limit(
    sizes: list[int], rows_max: int, bytes_max: int
) -> None:
    """Law 5. A part of a block may be over the byte limit by itself, never together with others."""

    async def check(rig: Rig) -> None:
        rig.sink.open_gate = True
        settlement = Settlement()
        for size in sizes:
            await rig.put(size, settlement)
        await settlement.settled()
        assert settlement.stored_rows == sum(sizes)
        joined = [meter for batch in rig.sink.sent for meter in batch]
        assert joined == meters(0, sum(sizes))
        edges = {0}
        for size in sizes:
            edges.add(max(edges) + size)
        start = 0
        for batch in rig.sink.sent:
            inner_edges = any(start < edge < start + len(batch) for edge in edges)
            assert len(batch) <= rows_max
            assert len(batch) * 10 <= bytes_max or not inner_edges
            start += len(batch)

    with_rig(check, rows_max=rows_max, bytes_max=bytes_max)
