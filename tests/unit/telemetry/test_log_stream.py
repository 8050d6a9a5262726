"""Standard error takes whole lines, and never raises."""

import fcntl
import os
import sys
from collections.abc import Iterator

import pytest

from utility_ts_analytics.telemetry.log_stream import LineDrops, LogQueue, QueuedLine, log_stream

CAPACITY_BYTES = 65_536


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe of a known size that does not block on either side."""
    read_end, write_end = os.pipe()
    for end in (read_end, write_end):
        os.set_blocking(end, False)
    fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, CAPACITY_BYTES)
    yield read_end, write_end
    for end in (read_end, write_end):
        os.close(end)


def test_pieces_of_a_line_are_written_as_one(pipe: tuple[int, int]) -> None:
    read_end, write_end = pipe
    stream = log_stream(write_end, is_terminal=False)
    print("one", "two", end="", file=stream)
    with pytest.raises(BlockingIOError):
        os.read(read_end, 100)
    print(" three", file=stream)
    assert os.read(read_end, 100) == b"one two three\n"


def test_text_that_is_no_unicode_is_written_all_the_same(pipe: tuple[int, int]) -> None:
    read_end, write_end = pipe
    print("a\udc80ü", file=log_stream(write_end, is_terminal=False))
    assert os.read(read_end, 100).decode() == "a\\udc80ü\n"


@pytest.mark.parametrize("is_terminal", [True, False])
def test_it_is_a_terminal_if_what_stands_behind_it_is(*, is_terminal: bool) -> None:
    assert log_stream(sys.__stdout__.fileno(), is_terminal=is_terminal).isatty() is is_terminal  # type: ignore[union-attr]


def test_lines_that_a_full_device_does_not_take_are_counted_one_by_one() -> None:
    drops = LineDrops()
    fd = os.open("/dev/full", os.O_WRONLY)
    try:
        stream = log_stream(fd, is_terminal=False, drops=drops)
        stream.write("a\n")
        stream.write("b\nc\n")
        assert drops.total == 3
    finally:
        os.close(fd)


def test_lines_for_a_reader_who_has_gone_are_counted() -> None:
    drops = LineDrops()
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        print("a", file=log_stream(write_end, is_terminal=False, drops=drops))
        assert drops.total == 1
    finally:
        os.close(write_end)


def test_lines_beyond_a_full_pipe_are_counted_and_never_cut(pipe: tuple[int, int]) -> None:
    read_end, write_end = pipe
    drops = LineDrops()
    stream = log_stream(write_end, is_terminal=False, capacity_bytes=CAPACITY_BYTES, drops=drops)
    line = "x" * 9_999 + "\n"  # longer than what a pipe takes all or nothing of
    for _ in range(10):
        stream.write(line)
    taken = os.read(read_end, 2 * CAPACITY_BYTES).decode()
    assert taken == line * (10 - drops.total)
    assert 1 <= drops.total < 10
    stream.write(line)
    assert os.read(read_end, 2 * CAPACITY_BYTES).decode() == line


def test_line_after_one_that_was_cut_begins_on_its_own(pipe: tuple[int, int]) -> None:
    read_end, write_end = pipe
    drops = LineDrops()
    stream = log_stream(write_end, is_terminal=False, drops=drops)  # of a pipe it does not know
    stream.write("x" * (CAPACITY_BYTES + 1) + "\n")
    assert drops.total == 1
    assert os.read(read_end, 2 * CAPACITY_BYTES) == b"x" * CAPACITY_BYTES
    stream.write("next\n")
    assert os.read(read_end, 100) == b"\nnext\n"


def test_lines_are_counted_over_all_processes_that_were_forked() -> None:
    drops = LineDrops()
    pid = os.fork()
    if not pid:
        drops.not_sent(3)
        os._exit(0)
    os.waitpid(pid, 0)
    drops.not_written(4)
    assert drops.total == 7


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
