"""Processes over time, from /proc."""

import os
import subprocess
import sys
import time

import pytest
from loadtest.profiles.memory import MACHINE, MemoryWatch, Track, machine_cpu_s

HOLDER = "import sys; held = bytearray(b'x') * 40_000_000; print('held', flush=True); input()"


def processes(watch: MemoryWatch) -> list[str]:
    return [track.name for track in watch.tracks.values() if track.name != MACHINE]


def test_memory_of_a_process_and_its_children_is_seen_with_its_peak() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        with MemoryWatch({"me": os.getpid()}, {child.pid: "worker 1"}, period_s=60) as watch:
            pass
        child.communicate(b"\n")
    names = {track.name: track for track in watch.tracks.values()}
    assert 40 < names["worker 1"].rss_mb[-1] <= names["worker 1"].peak_mb < 200
    assert len(names["me"].times_s) == 2


def test_process_that_begins_later_is_seen_from_then_on() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        with MemoryWatch({}, {}, period_s=60) as watch:
            watch.watch("child", child.pid)
            assert processes(watch) == []
        child.communicate(b"\n")
    assert processes(watch) == ["child"]


def test_process_that_is_gone_is_no_error() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        pass
    with MemoryWatch({"gone": child.pid}, {}, period_s=60) as watch:
        pass
    assert processes(watch) == []


def test_samples_are_taken_while_the_run_goes_on() -> None:
    with MemoryWatch({"me": os.getpid()}, {}, period_s=0.001) as watch:
        while len(watch.tracks[os.getpid()].times_s) < 4:
            pass


def test_long_run_is_sampled_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadtest.profiles.memory._SAMPLES_MAX", 8)
    watch = MemoryWatch({"me": os.getpid()}, {})
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
