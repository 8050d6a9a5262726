"""Work ends when others say so, wherever it waits, and with their reason."""

import asyncio
import contextlib

import pytest

from utility_ts_analytics.asgi.cut import Cut
from utility_ts_analytics.errors import BodyTimeout, Draining


def draining() -> Draining:
    return Draining("stops", 1)


async def forever(cut: Cut) -> None:
    async with asyncio.timeout(5.0):
        with cut:
            await asyncio.Event().wait()


def test_block_that_nobody_cuts_ends_by_itself() -> None:
    async def run() -> str:
        with Cut():
            await asyncio.sleep(0)
        return "done"

    assert asyncio.run(run()) == "done"


def test_cut_from_before_the_block_ends_it() -> None:
    async def run() -> None:
        cut = Cut()
        cut.at(asyncio.get_running_loop().time(), draining)
        await forever(cut)

    with pytest.raises(Draining):
        asyncio.run(run())


def test_cut_ends_a_wait_with_a_timeout_of_its_own() -> None:
    async def run() -> None:
        cut, loop = Cut(), asyncio.get_running_loop()
        loop.call_later(0.01, lambda: cut.at(loop.time(), draining))
        with cut:
            async with asyncio.timeout(5.0):
                await asyncio.Event().wait()

    with pytest.raises(Draining):
        asyncio.run(run())


@pytest.mark.parametrize(("first_s", "second_s", "kind"), [(0, 1, Draining), (1, 0, BodyTimeout)])
def test_earliest_cut_holds(first_s: float, second_s: float, kind: type[Exception]) -> None:
    async def run() -> None:
        cut, now_s = Cut(), asyncio.get_running_loop().time()
        cut.at(now_s + first_s, draining)
        cut.at(now_s + second_s, lambda: BodyTimeout("late"))
        await forever(cut)

    with pytest.raises(kind):
        asyncio.run(run())


def test_errors_of_the_block_are_its_own() -> None:
    async def run() -> None:
        with Cut():
            raise TimeoutError("of the block")

    with pytest.raises(TimeoutError, match="of the block"):
        asyncio.run(run())


def test_cut_after_the_block_does_nothing() -> None:
    async def run() -> str:
        cut = Cut()
        with cut:
            pass
        cut.at(0.0, draining)
        await asyncio.sleep(0.01)
        return "done"

    assert asyncio.run(run()) == "done"


def test_task_that_others_end_ends_although_it_was_cut_too() -> None:
    async def run() -> None:
        cut, loop = Cut(), asyncio.get_running_loop()
        task = asyncio.create_task(forever(cut))
        await asyncio.sleep(0)
        cut.at(loop.time(), draining)
        loop.call_soon(task.cancel)
        await asyncio.sleep(0.01)
        assert task.cancelled()

    asyncio.run(run())


def test_task_goes_on_after_the_block_that_was_cut() -> None:
    async def run() -> str:
        cut = Cut()
        cut.at(asyncio.get_running_loop().time(), draining)
        with contextlib.suppress(Draining):
            await forever(cut)
        await asyncio.sleep(0)
        return "done"

    assert asyncio.run(run()) == "done"
