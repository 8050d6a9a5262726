"""A thread that reads a bounded number of items ahead."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from utility_ts_analytics.files.reading_ahead import ReadingAhead

ENDED_S = 10.0


async def all_of(ahead: "ReadingAhead[int]") -> list[int]:
    items = []
    while (item := await ahead.next()) is not None:
        items.append(item)
    assert ahead.exhausted
    return items


def test_items_come_in_order_and_end() -> None:
    async def read() -> list[int]:
        ahead = ReadingAhead(range(1, 1_000), 3)
        items = await all_of(ahead)
        assert await ahead.stopped(ENDED_S)
        return items

    assert asyncio.run(read()) == list(range(1, 1_000))


def test_no_more_than_the_bound_is_made_ahead() -> None:
    made: list[int] = []
    five = threading.Event()

    def items() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            if len(made) == 5:
                five.set()
            yield number

    async def read() -> None:
        ahead = ReadingAhead(items(), 3)
        assert await ahead.next() == 0
        # 0 was taken, 1 to 3 are held, 4 is made and waits for room.
        assert await asyncio.to_thread(five.wait, ENDED_S)
        assert made == [0, 1, 2, 3, 4]
        ahead.stop()
        assert await ahead.stopped(ENDED_S)
        assert made == [0, 1, 2, 3, 4]

    asyncio.run(read())


def test_error_comes_behind_the_items_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("broken")

    async def read() -> list[int]:
        ahead = ReadingAhead(items(), 3)
        seen = []
        with pytest.raises(ValueError, match="broken"):  # noqa: PT012
            while (item := await ahead.next()) is not None:
                seen.append(item)
        assert not ahead.exhausted
        return seen

    assert asyncio.run(read()) == [1, 2]


def test_wait_for_an_item_ends_with_what_is_given() -> None:
    go = threading.Event()

    def items() -> Iterator[int]:
        go.wait(ENDED_S)
        yield 1

    async def read() -> tuple[int | None, bool, list[int]]:
        ahead = ReadingAhead(items(), 1)
        end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(end.set_result, None)
        first = await ahead.next(end)
        exhausted = ahead.exhausted
        go.set()
        return first, exhausted, await all_of(ahead)

    assert asyncio.run(read()) == (None, False, [1])


def test_iterator_is_closed_in_its_thread_when_stopped() -> None:
    closed_in: list[threading.Thread] = []

    def items() -> Iterator[int]:
        try:
            yield from range(100)
        finally:
            closed_in.append(threading.current_thread())

    async def read() -> None:
        ahead = ReadingAhead(items(), 1)
        assert await ahead.next() == 0
        ahead.stop()
        assert await ahead.stopped(ENDED_S)

    asyncio.run(read())
    assert [thread.name for thread in closed_in] == ["reading-ahead"]


def test_thread_that_waits_for_its_input_is_told_and_does_not_hold_up_the_loop() -> None:
    go = threading.Event()

    def items() -> Iterator[int]:
        go.wait(ENDED_S)
        yield 1

    async def read() -> bool:
        ahead = ReadingAhead(items(), 1)
        ahead.stop()
        return await ahead.stopped(0.01)

    assert not asyncio.run(read())
    go.set()
    for thread in threading.enumerate():
        if thread.name == "reading-ahead":
            thread.join(ENDED_S)  # tells a loop that is closed, and does not mind
