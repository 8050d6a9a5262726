"""Lines go through the relay whole and in order; forked children write into it too."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.telemetry.log_relay import FLUSH_S, LogRelay, read_lines, write_lines
from utility_ts_analytics.telemetry.log_stream import LineDrops, LogQueue

SERVER = Path(__file__).parents[3] / "server"
PROGRAM = """
import os, sys, warnings
from utility_ts_analytics.telemetry.log_relay import LogRelay
before = sys.stderr
with LogRelay():
    print("from the parent", file=sys.stderr)
    pid = os.fork()
    if not pid:
        warnings.warn("from the child")
        os.write(2, b"from its compiled code")
        os.kill(os.getpid(), 9)
    os.waitpid(pid, 0)
assert sys.stderr is before
print("after it", file=sys.stderr)
"""


def queue_of(*lines: bytes, drops: LineDrops | None = None) -> LogQueue:
    queue = LogQueue(drops or LineDrops(), lambda n: b"dropped %d\n" % n)
    for line in lines:
        queue.put(line)
    queue.close()
    return queue


def rest_of(queue: LogQueue) -> list[bytes]:
    lines = []
    while (line := queue.take(0)) is not None:
        lines.append(line.content)
    return lines


def run(
    program: str, *, stderr: int = subprocess.PIPE, stdout: int = subprocess.PIPE
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(SERVER)},
        stderr=stderr,
        stdout=stdout,
        text=True,
        timeout=30,
        check=False,
    )


def test_bytes_of_a_pipe_become_lines_however_they_are_cut() -> None:
    read_end, write_end = os.pipe()
    queue = LogQueue(LineDrops(), lambda _: b"")
    for piece in (b"a", b"b\nc\n", b"\n", b"d\nno newline"):
        os.write(write_end, piece)
    os.close(write_end)
    read_lines(read_end, queue)
    assert rest_of(queue) == [b"ab\n", b"c\n", b"\n", b"d\n", b"no newline\n"]


def test_line_without_an_end_does_not_grow_without_one() -> None:
    read_end, write_end = os.pipe()
    queue = LogQueue(LineDrops(), lambda _: b"")
    reader = threading.Thread(target=read_lines, args=(read_end, queue))
    reader.start()
    for _ in range(10):
        os.write(write_end, b"x" * 65_536)
    os.close(write_end)
    reader.join()
    lines = rest_of(queue)
    assert sum(len(line) - 1 for line in lines) == 10 * 65_536
    assert max(map(len, lines)) < 6 * 65_536


def test_write_that_takes_a_part_or_nothing_yet_is_continued() -> None:
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)  # a part of a long line fits
    line = b"x" * 300_000 + b"\n"
    done = threading.Event()
    writer = threading.Thread(target=write_lines, args=(queue_of(line, b"b\n"), write_end, done))
    writer.start()
    content = b""
    while len(content) < len(line) + 2:
        content += os.read(read_end, 65_536)
    writer.join()
    assert done.is_set()
    assert content == line + b"b\n"
    for end in (read_end, write_end):
        os.close(end)


def test_device_without_room_ends_the_writing_of_no_line_after_it() -> None:
    drops = LineDrops()
    queue = LogQueue(drops, lambda n: b"dropped %d\n" % n)
    done = threading.Event()
    fd = os.open("/dev/full", os.O_WRONLY)
    for number in range(3):
        queue.put(b"%d\n" % number)
    writer = threading.Thread(target=write_lines, args=(queue, fd, done), kwargs={"retry_s": 0.001})
    writer.start()
    while drops.total < 3:
        os.sched_yield()
    read_end, write_end = os.pipe()
    os.dup2(write_end, fd)  # there is room again
    os.close(write_end)
    assert os.read(read_end, 100) == b"dropped 3\n"
    queue.put(b"4\n")
    assert os.read(read_end, 100) == b"4\n"
    queue.close()
    writer.join()
    for end in (read_end, fd):
        os.close(end)


def test_line_after_one_that_was_cut_begins_on_its_own() -> None:
    drops = LineDrops()
    queue = LogQueue(drops, lambda n: b"dropped %d\n" % n)
    done = threading.Event()
    read_end, fd = os.pipe()
    writer = threading.Thread(target=write_lines, args=(queue, fd, done), kwargs={"retry_s": 0.001})
    writer.start()
    queue.put(b"x" * 300_000 + b"\n")
    os.read(read_end, 1)
    os.close(read_end)  # in the middle of the line
    while drops.total < 1:
        os.sched_yield()
    read_end, write_end = os.pipe()
    os.dup2(write_end, fd)
    os.close(write_end)
    assert os.read(read_end, 100) == b"\ndropped 1\n"
    queue.put(b"next\n")
    assert os.read(read_end, 100) == b"next\n"
    queue.close()
    writer.join()
    for end in (read_end, fd):
        os.close(end)


@pytest.mark.process
def test_children_write_into_it_and_what_they_wrote_outlives_them() -> None:
    done = run(PROGRAM)
    assert done.returncode == 0
    lines = done.stderr.splitlines()
    assert lines[0] == "from the parent"
    assert "UserWarning: from the child" in lines[1]
    assert lines[-2:] == ["from its compiled code", "after it"]


@pytest.mark.process
def test_end_waits_for_a_reader_who_stalls_no_longer_than_its_limit() -> None:
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    assert os.write(write_end, b"x" * 10_000_000) < 10_000_000
    os.set_blocking(write_end, True)
    program = (
        "import sys\n"
        "from utility_ts_analytics.clock import SystemClock\n"
        "from utility_ts_analytics.telemetry.log_relay import LogRelay\n"
        "clock = SystemClock()\n"
        "with LogRelay():\n"
        "    print('a', file=sys.stderr)\n"
        "    began_s = clock.monotonic_s()\n"
        "print(clock.monotonic_s() - began_s)\n"
    )
    done = run(program, stderr=write_end)
    assert done.returncode == 0
    assert FLUSH_S <= float(done.stdout) < 2 * FLUSH_S + 1
    for end in (read_end, write_end):
        os.close(end)


@pytest.mark.process
def test_forks_beside_a_busy_log_leave_no_child_waiting() -> None:
    program = """
import os, sys
import structlog
from utility_ts_analytics.service.child_process import start_child
from utility_ts_analytics.telemetry.log_relay import LogRelay
from utility_ts_analytics.telemetry.logs import configure_logs

def work(number):
    configure_logs(level="info", log_format="json")
    structlog.get_logger().info("a child", number=number)
    return 7

def flood():
    while True:
        print("x" * 100, file=sys.stderr)

with LogRelay():
    flooding = start_child(flood)
    for number in range(100):
        child = start_child(lambda: work(number))
        child.join(20)
        assert child.exitcode == 7, child
    flooding.kill()
    flooding.join()
"""
    done = run(program, stderr=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout


def test_machine_without_room_for_threads_is_one_line_and_leaves_standard_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def start(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    before = sys.stderr, os.fstat(2)
    with pytest.raises(OperatorError, match="cannot start a thread for the log: can't"):
        LogRelay().__enter__()
    assert (sys.stderr, os.fstat(2)) == before
