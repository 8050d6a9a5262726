"""Law 4: in = out + held; never over a limit; all of a block or nothing."""

import asyncio
from collections import deque
from datetime import UTC, datetime

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from utility_ts_analytics.buffering.block import Block, Settlement
from utility_ts_analytics.buffering.queue import BlockQueue
from utility_ts_analytics.records.streams import MeterUsage

READING = MeterUsage(ts=datetime(2026, 1, 1, tzinfo=UTC), meter_id="m", kwh=1.0)
sizes = st.tuples(st.integers(min_value=1, max_value=10), st.integers(min_value=0, max_value=150))


def block_of(rows: int, size_bytes: int) -> Block:
    return Block([READING] * rows, range(rows), size_bytes, Settlement())


class QueueMachine(RuleBasedStateMachine):
    """Producers that reserve, put and give up; one consumer that takes and releases."""

    @initialize()
    def start(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.queue = BlockQueue(rows_max=10, bytes_max=100)
        self.waiting: deque[tuple[int, int, asyncio.Task[None]]] = deque()
        self.put: deque[Block] = deque()
        self.taken: deque[Block] = deque()

    def turns(self) -> None:
        """Run the loop, then put the block of every reservation that was granted."""
        for _ in range(3):
            self.loop.run_until_complete(asyncio.sleep(0))
        while self.waiting and self.waiting[0][2].done():
            rows, size_bytes, _ = self.waiting.popleft()
            block = block_of(rows, size_bytes)
            self.queue.put(block)
            self.put.append(block)
        # First come, first served: nobody behind a waiting reservation was let in.
        assert not any(task.done() for _, _, task in self.waiting)

    @rule(size=sizes)
    def reserve(self, size: tuple[int, int]) -> None:
        rows, size_bytes = size
        fits_now = self.queue.has_room(rows, size_bytes)
        task = self.loop.create_task(self.queue.reserve(rows, size_bytes))
        self.waiting.append((rows, size_bytes, task))
        before = len(self.put)
        self.turns()
        assert (len(self.put) > before) == fits_now

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        index = data.draw(st.integers(min_value=0, max_value=len(self.waiting) - 1))
        _, _, task = self.waiting[index]
        del self.waiting[index]
        task.cancel()
        self.turns()
        assert task.cancelled()

    @precondition(lambda self: self.waiting and self.taken)
    @rule()
    def give_up_just_when_granted(self) -> None:
        _, _, task = self.waiting.popleft()
        block = self.taken.popleft()
        self.queue.release(block.row_count, block.size_bytes)
        task.cancel()
        self.turns()
        assert task.cancelled()

    @rule(rows_max=st.integers(min_value=1, max_value=12))
    def take(self, rows_max: int) -> None:
        blocks = self.queue.take(rows_max)
        assert blocks or not self.put
        assert len(blocks) <= 1 or sum(block.row_count for block in blocks) <= rows_max
        for block in blocks:
            assert block is self.put.popleft()
            self.taken.append(block)
        self.turns()

    @precondition(lambda self: self.taken)
    @rule()
    def release(self) -> None:
        block = self.taken.popleft()
        self.queue.release(block.row_count, block.size_bytes)
        self.turns()

    @invariant()
    def books_balance(self) -> None:
        held = [*self.put, *self.taken]
        assert self.queue.held_rows == sum(block.row_count for block in held)
        assert self.queue.held_bytes == sum(block.size_bytes for block in held)
        assert self.queue.waiting_rows == sum(block.row_count for block in self.put)

    @invariant()
    def no_limit_is_passed(self) -> None:
        assert self.queue.held_rows <= self.queue.rows_max
        alone = len(self.put) + len(self.taken) == 1
        assert self.queue.held_bytes <= self.queue.bytes_max or alone

    @invariant()
    def nobody_waits_for_room_that_is_there(self) -> None:
        if self.waiting:
            rows, size_bytes, _ = self.waiting[0]
            too_many_rows = self.queue.held_rows + rows > self.queue.rows_max
            too_many_bytes = self.queue.held_bytes + size_bytes > self.queue.bytes_max
            assert self.queue.held_rows > 0
            assert too_many_rows or too_many_bytes

    def teardown(self) -> None:
        for _, _, task in self.waiting:
            task.cancel()
        self.turns_at_end()
        self.loop.close()

    def turns_at_end(self) -> None:
        tasks = [task for _, _, task in self.waiting]
        if tasks:
            self.loop.run_until_complete(asyncio.wait(tasks))


TestQueueMachine = QueueMachine.TestCase
TestQueueMachine.settings = settings(max_examples=40, stateful_step_count=40)


def test_full_queue_takes_nothing_of_the_block() -> None:
    async def main() -> None:
        queue = BlockQueue(rows_max=10, bytes_max=100)
        await queue.reserve(8, 10)
        waiting = asyncio.ensure_future(queue.reserve(3, 10))
        await asyncio.sleep(0)
        assert not waiting.done()
        assert queue.held_rows == 8
        queue.release(8, 10)
        await waiting
        assert (queue.held_rows, queue.held_bytes) == (3, 10)

    asyncio.run(main())


def test_block_over_the_byte_limit_goes_alone_rather_than_never() -> None:
    async def main() -> None:
        queue = BlockQueue(rows_max=10, bytes_max=100)
        await queue.reserve(1, 500)
        assert not queue.has_room(1, 0)

    asyncio.run(main())


@pytest.mark.parametrize("rows", [0, 11])
def test_reservation_that_could_never_be_granted_is_a_fault(rows: int) -> None:
    with pytest.raises(AssertionError, match="split"):
        asyncio.run(BlockQueue(rows_max=10, bytes_max=100).reserve(rows, 0))


def test_releasing_more_than_held_is_a_fault() -> None:
    with pytest.raises(AssertionError, match="released"):
        BlockQueue(rows_max=10, bytes_max=100).release(1, 0)


@pytest.mark.parametrize("change", ["put", "release", "remove_producer"])
def test_consumer_is_woken_by(change: str) -> None:
    async def main() -> None:
        queue = BlockQueue(rows_max=10, bytes_max=100)
        queue.add_producer()
        await queue.reserve(1, 0)
        woken = asyncio.ensure_future(queue.wait_changed())
        await asyncio.sleep(0)
        assert not woken.done()
        if change == "put":
            queue.put(block_of(1, 0))
        elif change == "release":
            queue.release(1, 0)
        else:
            queue.remove_producer()
        await woken

    asyncio.run(main())


def test_rows_that_wait_for_room_and_rows_that_left_are_counted() -> None:
    async def main() -> None:
        queue = BlockQueue(rows_max=10, bytes_max=100)
        await queue.reserve(10, 0)
        granted, given_up = (asyncio.ensure_future(queue.reserve(3, 0)) for _ in range(2))
        await asyncio.sleep(0)
        assert (queue.wanted_rows, queue.settled_rows) == (6, 0)
        given_up.cancel()
        await asyncio.gather(given_up, return_exceptions=True)
        assert queue.wanted_rows == 3
        queue.release(4, 0)
        await granted
        assert (queue.wanted_rows, queue.settled_rows, queue.held_rows) == (0, 4, 9)

    asyncio.run(main())
