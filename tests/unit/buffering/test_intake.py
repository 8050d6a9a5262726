"""Admission, room and the account of a request."""

import asyncio
import contextlib
from collections.abc import Iterator

import pytest
from tests.unit.buffering.intake_rig import intake_of, opened, queue_of, readings

from utility_ts_analytics.buffering.block import Failure
from utility_ts_analytics.buffering.intake import Intake
from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.records.reading import Reading
from utility_ts_analytics.records.validation import RowError
from utility_ts_analytics.telemetry import registry
from utility_ts_analytics.telemetry.layout import offset_of


def test_rows_reach_the_queue_with_their_positions() -> None:
    queue = queue_of()
    rows = readings(3)
    with opened(intake_of(queue)) as session:
        assert asyncio.run(session.submit(rows, [2, 5, 9], 300, 1.0)) is None
        (block,) = queue.take(10)
        assert (block.rows, list(block.positions), block.size_bytes) == (rows, [2, 5, 9], 300)
        assert session.settlement.taken_rows == 3


def test_no_rows_are_taken_without_a_trace() -> None:
    queue = queue_of()
    with opened(intake_of(queue)) as session:
        assert asyncio.run(session.submit([], [], 500, 1.0)) is None
        assert (session.settlement.taken_rows, queue.held_bytes) == (0, 0)


def test_rows_beyond_the_queue_are_split_and_none_is_lost() -> None:
    async def main() -> None:
        queue = queue_of(rows_max=10)
        rows, seen_bytes = readings(33), 0
        seen: list[tuple[int, Reading]] = []
        with opened(intake_of(queue)) as session:
            submitting = asyncio.ensure_future(session.submit(rows, range(33), 1000, 1.0))
            while len(seen) < 33:
                await asyncio.sleep(0)
                for block in queue.take(10):
                    seen += list(zip(block.positions, block.rows, strict=True))
                    seen_bytes += block.size_bytes
                    queue.release(block.row_count, block.size_bytes)
            assert await submitting is None
        assert seen == list(enumerate(rows))
        assert 990 <= seen_bytes <= 1000

    asyncio.run(main())


def test_no_room_in_time_is_a_failure_and_takes_nothing() -> None:
    async def main() -> None:
        queue = queue_of(rows_max=4)
        with opened(intake_of(queue)) as session:
            assert await session.submit(readings(4), range(4), 10, 1.0) is None
            failure = await session.submit(readings(1), [4], 10, 0.0)
            assert isinstance(failure, Failure)
            assert failure.code == "sink-unavailable"
            assert (session.settlement.taken_rows, queue.held_rows) == (4, 4)
            assert not queue.has_room(1, 0)
            queue.release(4, 10)
            assert queue.has_room(4, 0)

    asyncio.run(main())


def test_room_that_was_made_is_used_and_the_rest_given_back() -> None:
    async def main() -> None:
        queue = queue_of(rows_max=10)
        with opened(intake_of(queue)) as session:
            assert await session.make_room(8, 400, 1.0) is None
            assert (queue.held_rows, queue.held_bytes, queue.put_rows) == (8, 400, 0)
            assert await session.submit(readings(5), range(5), 400, 1.0) is None
            assert (queue.held_rows, queue.held_bytes, queue.put_rows) == (5, 400, 5)
            assert queue.settled_rows == 0

    asyncio.run(main())


def test_room_for_a_block_without_a_valid_row_is_given_back() -> None:
    async def main() -> None:
        queue = queue_of()
        with opened(intake_of(queue)) as session:
            assert await session.make_room(8, 400, 1.0) is None
            assert await session.submit([], [], 400, 1.0) is None
            assert (queue.held_rows, queue.held_bytes, session.settlement.taken_rows) == (0, 0, 0)

    asyncio.run(main())


def test_room_is_given_back_when_the_request_ends_before_the_block_is_decoded() -> None:
    async def main() -> None:
        queue = queue_of()
        with opened(intake_of(queue)) as session:
            assert await session.make_room(8, 400, 1.0) is None
        assert (queue.held_rows, queue.held_bytes) == (0, 0)

    asyncio.run(main())


def test_no_room_in_time_for_a_block_is_a_failure_before_it_is_decoded() -> None:
    async def main() -> None:
        queue = queue_of(rows_max=10)
        intake = intake_of(queue)
        with opened(intake) as first, opened(intake) as second:
            assert await first.make_room(8, 400, 1.0) is None
            failure = await second.make_room(3, 100, 0.0)
            assert failure is not None
            assert failure.code == "sink-unavailable"
            assert (queue.held_rows, queue.wanted_rows) == (8, 0)

    asyncio.run(main())


def test_who_waits_for_room_gets_it_in_the_order_of_asking() -> None:
    async def main() -> None:
        queue = queue_of(rows_max=10)
        intake = intake_of(queue)
        with opened(intake) as first, opened(intake) as second, opened(intake) as third:
            assert await first.make_room(10, 0, 1.0) is None
            waiting = [
                asyncio.ensure_future(session.make_room(8, 0, 5.0)) for session in (second, third)
            ]
            await asyncio.sleep(0)
            assert await first.submit(readings(1), [1], 0, 1.0) is None
            await asyncio.sleep(0)
            assert [task.done() for task in waiting] == [True, False]
            waiting[1].cancel()

    asyncio.run(main())


def test_block_larger_than_the_queue_waits_part_by_part() -> None:
    async def main() -> None:
        queue = queue_of(rows_max=10)
        with opened(intake_of(queue)) as session:
            assert await session.make_room(11, 400, 0.0) is None
            assert queue.held_rows == 0

    asyncio.run(main())


def test_place_is_freed_and_the_lane_told_when_a_session_ends() -> None:
    queue = queue_of()
    intake = intake_of(queue, max_concurrent_requests=1)
    with opened(intake) as session:
        assert (intake.sessions, queue.producers) == (1, 1)
        assert intake.try_open() is None
        session.end_of_rows()
        session.end_of_rows()
        assert (intake.sessions, queue.producers) == (1, 0)
    assert (intake.sessions, queue.producers) == (0, 0)


def test_place_is_freed_when_the_request_fails() -> None:
    intake = intake_of(queue_of())
    with pytest.raises(ValueError, match="gone"), opened(intake):
        raise ValueError("gone")
    assert intake.sessions == 0


def test_place_left_early_is_free_and_counted_once() -> None:
    intake = intake_of(queue_of(), max_concurrent_requests=1)
    with opened(intake) as session:
        assert intake.sessions == 1
        session.leave_place()
        session.leave_place()
        assert intake.has_place
        with opened(intake):
            assert intake.sessions == 1
    assert intake.sessions == 0


def test_wait_grows_with_the_rows_held_and_wanted_and_shrinks_as_they_leave() -> None:
    async def main() -> None:
        clock, queue = ManualClock(), queue_of(rows_max=100)
        intake = Intake([queue], max_concurrent_requests=10, refusal=lambda: None, clock=clock)
        assert intake.retry_after_s() == 1
        for _ in range(5):  # ten rows a second
            with opened(intake) as session:
                assert await session.submit(readings(10), range(10), 10, 1.0) is None
            clock.advance(1.0)
            queue.release(10, 10)
        await queue.reserve(80, 0)
        assert intake.retry_after_s() == 8
        wanted = asyncio.ensure_future(queue.reserve(40, 0))
        await asyncio.sleep(0)
        assert intake.retry_after_s() == 12
        queue.release(60, 0)
        await wanted
        assert intake.retry_after_s() < 8

    asyncio.run(main())


def test_wait_for_a_place_is_as_long_as_one_takes_to_become_free() -> None:
    clock = ManualClock()
    intake = Intake([queue_of()], max_concurrent_requests=2, refusal=lambda: None, clock=clock)
    with opened(intake), opened(intake):
        clock.advance(5.0)
        assert intake.try_open() is None
        assert intake.retry_after_s() == 10  # none became free for 5 s
        clock.advance(5.0)
    assert intake.has_place
    assert intake.retry_after_s() == 1
    with opened(intake), opened(intake):
        assert intake.retry_after_s() == 5  # two in 10 s


def test_rows_are_counted_when_they_are_taken_or_turned_away() -> None:
    async def check() -> None:
        queue = queue_of(rows_max=4)
        intake = Intake([queue], max_concurrent_requests=2, refusal=lambda: None)
        words = intake.measures.words
        received = offset_of(registry.ROWS_RECEIVED)
        failed = offset_of(registry.ROWS_FAILED, "sink-unavailable")
        with opened(intake) as session:
            assert await session.submit(readings(4), range(4), 40, 0.01) is None
            assert (words[received], words[failed]) == (4, 0)
            assert await session.submit(readings(3), range(3), 30, 0.01) is not None
            assert (words[received], words[failed]) == (7, 3)
            session.refuse([RowError(1, "invalid-json", None, "x")])
            assert words[received] == 8
            assert queue.put_rows - queue.settled_rows == 4

    asyncio.run(check())


def test_only_a_wait_for_room_is_told_as_one() -> None:
    waits = []

    @contextlib.contextmanager
    def waiting() -> Iterator[None]:
        waits.append("begins")
        yield
        waits.append("ends")

    async def main() -> None:
        queue = queue_of()
        with opened(intake_of(queue)) as session:
            session.waiting = waiting()
            assert await session.submit(readings(10), range(10), 10, 1.0) is None
            assert waits == []
            other = asyncio.create_task(session.submit(readings(1), [11], 1, 5.0))
            await asyncio.sleep(0)
            assert waits == ["begins"]
            queue.release(10, 10)
            assert await other is None
            assert waits == ["begins", "ends"]

    asyncio.run(main())
