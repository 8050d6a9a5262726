"""Work ends at the time that others set, wherever it waits, and with their error."""

import asyncio
import contextlib

import pytest

from utility_ts_analytics.asgi.upload import Deadline
from utility_ts_analytics.errors import BodyTimeout, Draining


def draining() -> Draining:
    return Draining("stops", 1)


async def forever(deadline: Deadline) -> None:
    async with asyncio.timeout(5.0):
        with deadline:
            await asyncio.Event().wait()


def test_block_without_a_deadline_ends_by_itself() -> None:
    async def run() -> str:
        with Deadline():
            await asyncio.sleep(0)
        return "done"

    assert asyncio.run(run()) == "done"


def test_deadline_before_the_block_ends_it() -> None:
    async def run() -> None:
        deadline = Deadline()
        deadline.set(asyncio.get_running_loop().time(), draining)
        await forever(deadline)

    with pytest.raises(Draining):
        asyncio.run(run())


def test_deadline_ends_a_wait_with_a_timeout_of_its_own() -> None:
    async def run() -> None:
        deadline, loop = Deadline(), asyncio.get_running_loop()
        loop.call_later(0.01, lambda: deadline.set(loop.time(), draining))
        with deadline:
            async with asyncio.timeout(5.0):
                await asyncio.Event().wait()

    with pytest.raises(Draining):
        asyncio.run(run())


@pytest.mark.parametrize(("first_s", "second_s", "kind"), [(0, 1, Draining), (1, 0, BodyTimeout)])
def test_earliest_deadline_holds(first_s: float, second_s: float, kind: type[Exception]) -> None:
    async def run() -> None:
        deadline, now_s = Deadline(), asyncio.get_running_loop().time()
        deadline.set(now_s + first_s, draining)
        deadline.set(now_s + second_s, lambda: BodyTimeout("late"))
        await forever(deadline)

    with pytest.raises(kind):
        asyncio.run(run())


def test_errors_of_the_block_are_its_own() -> None:
    async def run() -> None:
        with Deadline():
            raise TimeoutError("of the block")

    with pytest.raises(TimeoutError, match="of the block"):
        asyncio.run(run())


def test_deadline_after_the_block_does_nothing() -> None:
    async def run() -> str:
        deadline = Deadline()
        with deadline:
            pass
        deadline.set(0.0, draining)
        await asyncio.sleep(0.01)
        return "done"

    assert asyncio.run(run()) == "done"


def test_task_that_others_end_ends_although_its_deadline_passed_too() -> None:
    async def run() -> None:
        deadline, loop = Deadline(), asyncio.get_running_loop()
        task = asyncio.create_task(forever(deadline))
        await asyncio.sleep(0)
        deadline.set(loop.time(), draining)
        loop.call_soon(task.cancel)
        await asyncio.sleep(0.01)
        assert task.cancelled()

    asyncio.run(run())


def test_task_goes_on_after_the_block_that_was_ended() -> None:
    async def run() -> str:
        deadline = Deadline()
        deadline.set(asyncio.get_running_loop().time(), draining)
        with contextlib.suppress(Draining):
            await forever(deadline)
        await asyncio.sleep(0)
        return "done"

    assert asyncio.run(run()) == "done"
