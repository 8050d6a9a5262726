"""Rows that come encoded enter by the same door, under the same bounds."""

import asyncio
from array import array
from collections.abc import Sequence
from datetime import UTC, datetime

from utility_ts_analytics.buffering.encoded import EncodedLines
from utility_ts_analytics.buffering.intake import Intake, IntakeSession
from utility_ts_analytics.buffering.queue import BlockQueue
from utility_ts_analytics.records.reading import Reading
from utility_ts_analytics.telemetry import registry
from utility_ts_analytics.telemetry.layout import offset_of
from utility_ts_analytics.telemetry.measures import Measures

TS = datetime(2026, 1, 1, tzinfo=UTC)
LINE_BYTES = 10


def lines_of(rows: int) -> EncodedLines:
    """Return lines of ten bytes, each with its number from 0."""
    data = b"".join(b"%09d\n" % number for number in range(rows))
    ends = array("q", range(LINE_BYTES, LINE_BYTES * rows + 1, LINE_BYTES))
    return EncodedLines(memoryview(data), memoryview(ends), 0, b"t", restore)


def restore(data: bytes) -> Sequence[Reading]:
    return [Reading(ts=TS, event_id=str(int(text))) for text in data.split()]


def session_of(queue: BlockQueue, measures: Measures | None = None) -> IntakeSession:
    intake = Intake([queue], sessions_max=1, refusal=lambda: None, measures=measures)
    session = intake.try_open()
    assert session is not None
    return session


def test_lines_reach_the_queue_as_they_are_and_their_own_bytes_count() -> None:
    queue = BlockQueue(rows_max=10, bytes_max=1000)
    lines = lines_of(3)
    with session_of(queue) as session:
        assert asyncio.run(session.submit_encoded(lines, [2, 5, 9], 1.0)) is None
        (block,) = queue.take(10)
        assert block.lines is lines
        assert (list(block.positions), block.size_bytes) == ([2, 5, 9], 3 * LINE_BYTES)
        assert (queue.held_rows, queue.held_bytes) == (3, 3 * LINE_BYTES)
        assert session.settlement.taken_rows == 3


def test_no_lines_are_taken_without_a_trace() -> None:
    queue = BlockQueue(rows_max=10, bytes_max=1000)
    with session_of(queue) as session:
        assert asyncio.run(session.submit_encoded(lines_of(0), [], 1.0)) is None
        assert (session.settlement.taken_rows, queue.held_bytes, queue.waiting_rows) == (0, 0, 0)


def test_more_lines_than_the_queue_holds_are_cut_between_lines_and_none_is_lost() -> None:
    async def main() -> None:
        queue = BlockQueue(rows_max=10, bytes_max=1000)
        seen: list[tuple[int, str | None]] = []
        seen_bytes = 0
        with session_of(queue) as session:
            submitting = asyncio.ensure_future(session.submit_encoded(lines_of(33), range(33), 1.0))
            while len(seen) < 33:
                await asyncio.sleep(0)
                for block in queue.take(10):
                    assert block.lines is not None
                    assert block.lines.size_bytes == block.size_bytes
                    ids = [row.event_id for row in block.rows]
                    seen += list(zip(block.positions, ids, strict=True))
                    seen_bytes += block.size_bytes
                    queue.release(block.row_count, block.size_bytes)
            assert await submitting is None
        assert seen == [(number, str(number)) for number in range(33)]
        assert seen_bytes == 33 * LINE_BYTES

    asyncio.run(main())


def test_no_room_in_time_is_a_failure_and_takes_nothing() -> None:
    async def main() -> None:
        measures = Measures()
        queue = BlockQueue(rows_max=10, bytes_max=100)
        with session_of(queue, measures) as session:
            assert await session.submit_encoded(lines_of(9), range(9), 1.0) is None
            failure = await session.submit_encoded(lines_of(2), range(2), 0.001)
            assert failure is not None
            assert failure.code == "sink-unavailable"
            assert (session.settlement.taken_rows, queue.held_rows) == (9, 9)
        turned_away = offset_of(registry.ROWS_FAILED, "sink-unavailable")
        assert measures.words[turned_away] == 2

    asyncio.run(main())


def test_room_made_for_a_body_is_given_back_before_lines_of_another_size_come() -> None:
    async def main() -> None:
        queue = BlockQueue(rows_max=10, bytes_max=100)
        with session_of(queue) as session:
            assert await session.make_room(10, 100, 1.0) is None
            assert await session.submit_encoded(lines_of(10), range(10), 0.001) is None
            assert (queue.held_rows, queue.held_bytes) == (10, 100)

    asyncio.run(main())
