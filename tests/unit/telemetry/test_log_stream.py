"""Standard error takes whole lines, and never raises."""

import fcntl
import os
import sys
from collections.abc import Iterator

import pytest

from utility_ts_analytics.telemetry.log_stream import LineDrops, log_stream

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
