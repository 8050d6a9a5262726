"""A held clock moves only when told to."""

import asyncio

from utility_ts_analytics.clock import ManualClock, SystemClock


def test_sleepers_wake_in_order_of_their_ends() -> None:
    async def run() -> list[str]:
        clock = ManualClock()
        woken: list[str] = []

        async def sleeper(name: str, duration_s: float) -> None:
            await clock.sleep(duration_s)
            woken.append(name)

        tasks = [asyncio.create_task(sleeper(n, d)) for n, d in (("late", 2.0), ("early", 1.0))]
        await asyncio.sleep(0)
        clock.advance(1.0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert woken == ["early"]
        clock.advance(1.0)
        await asyncio.gather(*tasks)
        assert clock.slept_s == [2.0, 1.0]
        return woken

    assert asyncio.run(run()) == ["early", "late"]


def test_wall_and_monotonic_time_move_together() -> None:
    clock = ManualClock(start_s=5.0, wall_ns=10)
    clock.advance(1.5)
    assert (clock.monotonic_s(), clock.wall_ns()) == (6.5, 1_500_000_010)


def test_a_wait_of_nothing_returns_and_the_system_clock_goes_forward() -> None:
    async def run() -> None:
        await ManualClock().sleep(0)
        clock = SystemClock()
        before_s, before_ns = clock.monotonic_s(), clock.wall_ns()
        await clock.sleep(0.001)
        assert clock.monotonic_s() > before_s
        assert clock.wall_ns() > before_ns

    asyncio.run(run())
