"""The queue of log lines keeps its bounds, its order, and account of what it drops."""

import pytest

from utility_ts_analytics.telemetry.log_queue import LogQueue, QueuedLine
from utility_ts_analytics.telemetry.log_stream import LineDrops

NO_PATIENCE = 0.0


def make_queue(
    *, lines_max: int = 4, bytes_max: int = 1_000, drops: LineDrops | None = None
) -> LogQueue:
    return LogQueue(
        drops or LineDrops(),
        lambda n: b"dropped %d\n" % n,
        lines_max=lines_max,
        bytes_max=bytes_max,
    )


def taken(queue: LogQueue, count: int) -> list[bytes]:
    lines = [queue.take(NO_PATIENCE) for _ in range(count)]
    return [line.content for line in lines if line is not None]


def test_lines_come_out_in_the_order_they_came_in() -> None:
    queue = make_queue()
    for line in (b"a\n", b"b\n", b"c\n"):
        queue.put(line)
    assert taken(queue, 3) == [b"a\n", b"b\n", b"c\n"]


@pytest.mark.parametrize(("lines_max", "bytes_max"), [(4, 1_000), (1_000, 8)])
def test_first_lines_are_kept_the_rest_is_dropped_and_told_of_in_its_place(
    lines_max: int, bytes_max: int
) -> None:
    drops = LineDrops()
    queue = make_queue(lines_max=lines_max, bytes_max=bytes_max, drops=drops)
    for number in range(9):
        queue.put(b"%d\n" % number)
    assert drops.total == 5
    assert taken(queue, 4) == [b"0\n", b"1\n", b"2\n", b"3\n"]
    assert taken(queue, 1) == [b"dropped 5\n"]
    queue.put(b"9\n")
    assert taken(queue, 1) == [b"9\n"]


def test_full_queue_takes_nothing_until_half_of_it_is_free() -> None:
    queue = make_queue()
    for line in (b"1\n", b"2\n", b"3\n", b"4\n", b"no\n"):
        queue.put(line)
    assert taken(queue, 2) == [b"1\n", b"2\n"]
    queue.put(b"nor this\n")  # room for two, but it would be the third
    assert taken(queue, 1) == [b"3\n"]
    queue.put(b"5\n")
    assert taken(queue, 3) == [b"4\n", b"dropped 2\n", b"5\n"]


def test_lines_dropped_elsewhere_are_told_of_too() -> None:
    drops = LineDrops()
    queue = make_queue(drops=drops)
    drops.not_sent(3)
    queue.put(b"a\n")
    assert taken(queue, 2) == [b"dropped 3\n", b"a\n"]
    assert drops.total == 3


def test_lines_that_could_not_be_written_are_counted_once_however_often_that_is_tried() -> None:
    drops = LineDrops()
    queue = make_queue(drops=drops)
    queue.put(b"a\n")
    queue.put(b"b\n")
    for _ in range(2):
        queue.failed(queue.take(NO_PATIENCE) or QueuedLine(b""))
    for _ in range(3):
        notice = queue.take(NO_PATIENCE)
        assert notice == QueuedLine(b"dropped 2\n", told=2)
        queue.failed(notice)
    assert drops.total == 2
    queue.put(b"c\n")
    assert taken(queue, 2) == [b"dropped 2\n", b"c\n"]


def test_closed_queue_gives_what_it_has_and_the_last_notice_then_nothing() -> None:
    drops = LineDrops()
    queue = make_queue(lines_max=1, drops=drops)
    queue.put(b"a\n")
    queue.put(b"b\n")
    queue.close()
    assert taken(queue, 2) == [b"a\n", b"dropped 1\n"]
    assert queue.take(NO_PATIENCE) is None


def test_closed_queue_ends_also_if_nothing_can_be_written() -> None:
    queue = make_queue(lines_max=1)
    queue.put(b"a\n")
    queue.put(b"b\n")
    queue.close()
    for _ in range(2):
        line = queue.take(NO_PATIENCE)
        if line is not None:
            queue.failed(line)
    assert queue.take(NO_PATIENCE) is None
