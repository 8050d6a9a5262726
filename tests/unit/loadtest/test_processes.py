"""CPU and memory of process families."""

import os
import socket
import subprocess
import sys
import threading
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
    stopped,
    timed,
)

pytestmark = pytest.mark.process

CHILD = "import sys; x = bytearray(b'x') * 50_000_000; print(sum(range(5_000_000))); input()"


@pytest.fixture(scope="module")
def child() -> Iterator[subprocess.Popen[str]]:
    """A child that has worked for a moment and waits."""
    with subprocess.Popen(
        [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


@pytest.fixture(scope="module")
def gone() -> int:
    """A process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return process.pid


def names(watch: ProcessWatch) -> list[str]:
    return [track.name for track in watch.tracks.values() if track.name != MACHINE]


def test_family_is_the_process_and_all_below_it_with_cpu_and_memory(
    child: subprocess.Popen[str], gone: int
) -> None:
    found = family(os.getpid())
    assert found[0].pid == os.getpid()
    assert (child.pid, os.getpid()) in [(entry.pid, entry.parent_pid) for entry in found]
    [figures] = family(child.pid)
    assert 0 < figures.cpu_s < 60
    assert 50_000_000 < figures.rss_bytes <= figures.rss_peak_bytes < 500_000_000
    assert family(gone) == []


def test_process_that_began_meanwhile_counts_whole() -> None:
    before = [ProcessFigures(1, 0, 2.0, 0)]
    after = [ProcessFigures(1, 0, 3.5, 0), ProcessFigures(2, 1, 0.5, 0)]
    assert cpu_spent_s(before, after) == {1: 1.5, 2: 0.5}


def test_machine_is_described_without_its_name_and_the_commit_is_one_word() -> None:
    assert set(machine()) == {"cpu", "cores", "memory_mib", "system", "python"}
    assert len(commit().split()) == 1


def test_listeners_are_those_that_hold_the_listening_socket(
    child: subprocess.Popen[str], gone: int
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert listeners([gone, child.pid, os.getpid()], port) == [os.getpid()]
        with socket.create_connection(("127.0.0.1", port)) as connected:
            assert listeners([os.getpid()], connected.getsockname()[1]) == []


def test_processes_are_watched_by_their_names_also_those_that_begin_later(
    child: subprocess.Popen[str], gone: int
) -> None:
    own = {"me": os.getpid(), "gone": gone}
    with ProcessWatch(own, {child.pid: "worker 1"}, period_s=60) as watch:
        assert {"me", "worker 1"} <= set(names(watch))
        watch.watch("late", child.pid)
    tracks = {track.name: track for track in watch.tracks.values()}
    assert "gone" not in tracks
    assert 40 < tracks["worker 1"].rss_mb[-1] <= tracks["worker 1"].peak_mb < 200
    assert (len(tracks["me"].times_s), len(tracks["worker 1"].times_s)) == (2, 3)


def test_samples_are_taken_while_the_run_goes_on_and_less_often_in_a_long_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("loadtest.processes._SAMPLES_MAX", 8)
    with ProcessWatch({"me": os.getpid()}, {}, period_s=0.001) as watch:
        while len(watch.tracks[os.getpid()].times_s) < 4:
            pass
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


def test_command_is_timed_and_its_failure_says_why() -> None:
    taken = timed([sys.executable, "-c", "x = bytearray(b'x') * 30_000_000"], os.environ)
    assert taken.cpu_s > 0
    assert taken.wall_s > 0
    with pytest.raises(RuntimeError, match="ended with 3: why"):
        timed([sys.executable, "-c", "import sys; print('why', file=sys.stderr); sys.exit(3)"], {})


def test_stopped_process_stands_with_all_its_threads_until_the_end_of_the_block() -> None:
    busy = (
        "import threading\n"
        "for _ in range(8): threading.Thread(target=lambda: [0 for _ in iter(int, 1)]).start()\n"
        "print(flush=True)"
    )
    with subprocess.Popen([sys.executable, "-c", busy], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            with stopped(process.pid):
                (before,) = family(process.pid)
                threading.Event().wait(0.1)
                (after,) = family(process.pid)
                assert after.cpu_s == before.cpu_s
            threading.Event().wait(0.3)
            (later,) = family(process.pid)
            assert later.cpu_s > after.cpu_s
        finally:
            process.kill()
