"""CPU and memory of process families, as /proc tells them."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from loadtest.processes import (
    MACHINE,
    ProcessFigures,
    ProcessWatch,
    Track,
    commit,
    cpu_spent_s,
    family,
    listeners,
    machine,
    machine_cpu_s,
)

pytestmark = pytest.mark.process

CHILD = "import sys; x = bytearray(50_000_000); print(sum(range(5_000_000))); input()"


@pytest.fixture
def child() -> Iterator[subprocess.Popen[str]]:
    """A child that has worked for a moment and waits."""
    with subprocess.Popen(
        [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_family_is_the_process_and_all_below_it(child: subprocess.Popen[str]) -> None:
    found = family(os.getpid())
    assert found[0].pid == os.getpid()
    assert (child.pid, os.getpid()) in [(entry.pid, entry.parent_pid) for entry in found]


def test_child_has_its_own_cpu_and_peak_memory(child: subprocess.Popen[str]) -> None:
    [figures] = family(child.pid)
    assert 0 < figures.cpu_s < 60
    assert 50_000_000 < figures.rss_peak_bytes < 500_000_000


def test_process_that_is_gone_has_no_family(child: subprocess.Popen[str]) -> None:
    child.kill()
    child.wait()
    assert family(child.pid) == []


def test_process_that_began_meanwhile_counts_whole() -> None:
    before = [ProcessFigures(1, 0, 2.0, 0)]
    after = [ProcessFigures(1, 0, 3.5, 0), ProcessFigures(2, 1, 0.5, 0)]
    assert cpu_spent_s(before, after) == {1: 1.5, 2: 0.5}


def test_machine_is_described_without_its_name() -> None:
    assert set(machine()) == {"cpu", "cores", "memory_mib", "system", "python"}


def test_commit_is_one_word() -> None:
    assert len(commit().split()) == 1


def test_listeners_are_those_that_hold_the_listening_socket(child: subprocess.Popen[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert listeners([child.pid, os.getpid()], port) == [os.getpid()]
        with socket.create_connection(("127.0.0.1", port)) as connected:
            assert listeners([os.getpid()], connected.getsockname()[1]) == []
    child.kill()
    child.wait()
    assert listeners([child.pid], port) == []


HOLDER = "import sys; held = bytearray(b'x') * 40_000_000; print('held', flush=True); input()"


def processes(watch: ProcessWatch) -> list[str]:
    return [track.name for track in watch.tracks.values() if track.name != MACHINE]


def test_memory_of_a_process_and_its_children_is_seen_with_its_peak() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        with ProcessWatch({"me": os.getpid()}, {child.pid: "worker 1"}, period_s=60) as watch:
            pass
        child.communicate(b"\n")
    names = {track.name: track for track in watch.tracks.values()}
    assert 40 < names["worker 1"].rss_mb[-1] <= names["worker 1"].peak_mb < 200
    assert len(names["me"].times_s) == 2


def test_process_that_begins_later_is_seen_from_then_on() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        with ProcessWatch({}, {}, period_s=60) as watch:
            watch.watch("child", child.pid)
            assert processes(watch) == []
        child.communicate(b"\n")
    assert processes(watch) == ["child"]


def test_process_that_is_gone_is_no_error() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        pass
    with ProcessWatch({"gone": child.pid}, {}, period_s=60) as watch:
        pass
    assert processes(watch) == []


def test_samples_are_taken_while_the_run_goes_on() -> None:
    with ProcessWatch({"me": os.getpid()}, {}, period_s=0.001) as watch:
        while len(watch.tracks[os.getpid()].times_s) < 4:
            pass


def test_long_run_is_sampled_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadtest.processes._SAMPLES_MAX", 8)
    watch = ProcessWatch({"me": os.getpid()}, {})
    for _ in range(30):
        watch.sample()
    track = watch.tracks[os.getpid()]
    assert len(track.times_s) == len(track.rss_mb) == len(track.cpu_s) <= 8
    assert track.times_s == sorted(track.times_s)


def test_cores_are_the_cpu_between_two_moments() -> None:
    track = Track("w", 1)
    for time_s, cpu_s in ((0.0, 5.0), (1.0, 5.0), (2.0, 6.0), (3.0, 6.5), (9.0, 6.5)):
        track.add(time_s, rss_bytes=1, cpu_s=cpu_s, peak_bytes=2)
    assert track.cores(1.0, 3.0) == 0.75
    assert track.cores(4.0, 5.0) == 0.0


def test_machine_is_as_busy_as_its_processes_at_least() -> None:
    machine_s, process_s = machine_cpu_s(), time.process_time()
    while time.process_time() - process_s < 0.1:
        pass
    assert machine_cpu_s() - machine_s >= 0.05
