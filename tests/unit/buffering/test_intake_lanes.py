"""Which lane a request goes to, and when there is none."""

import asyncio

import pytest
from tests.unit.buffering.intake_rig import intake_of, opened, queue_of

from utility_ts_analytics.buffering import intake as intake_module


def test_full_lane_is_passed_over() -> None:
    one, two = queue_of(), queue_of()
    intake = intake_of(one, two)
    asyncio.run(one.reserve(10, 0))
    for _ in range(3):
        opened(intake)
    assert (one.producers, two.producers) == (0, 3)


def test_lanes_without_room_for_long_are_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full lane is emptied several times a second; a refusal costs the client a whole one."""
    monkeypatch.setattr(intake_module, "_ROOM_AWAITED_S_MAX", 0.02)

    async def main() -> None:
        one, two = queue_of(), queue_of()
        intake = intake_of(one, two)
        for queue in (one, two):
            await queue.reserve(10, 0)
        waiting = [asyncio.ensure_future(queue.reserve(1, 0)) for queue in (one, two)]
        await asyncio.sleep(0)
        assert intake.try_open() is not None
        await asyncio.sleep(0.03)
        assert intake.try_open() is None
        assert intake.sessions == 1
        one.release(10, 0)
        await waiting[0]
        assert intake.try_open() is not None
        waiting[1].cancel()

    asyncio.run(main())


def test_sessions_take_turns_between_lanes() -> None:
    one, two = queue_of(), queue_of()
    intake = intake_of(one, two)
    for _ in range(4):
        opened(intake)
    assert (one.producers, two.producers) == (2, 2)
