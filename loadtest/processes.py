"""CPU and memory of processes, at one moment and over time. Linux only."""

import contextlib
import os
import platform
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psutil

_PROJECT = Path(__file__).parents[1]
_PERIOD_S = 0.5
_SAMPLES_MAX = 1200
"""Of one process; a longer run is sampled less often."""

MACHINE = "whole machine"
_MACHINE_PID = 0
MIB = 2**20
_GONE = (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied, OSError)


@dataclass(frozen=True, slots=True)
class ProcessFigures:
    """One process at one moment: `cpu_s` of all its threads since its start, to 0.01 s."""

    pid: int
    parent_pid: int
    cpu_s: float
    rss_peak_bytes: int
    rss_bytes: int = 0


def family(pid: int) -> list[ProcessFigures]:
    """Return the process and all below it that live now, parents before children."""
    try:
        root = psutil.Process(pid)
        found = map(_figures, [root, *root.children(recursive=True)])
    except psutil.NoSuchProcess:
        return []
    return [entry for entry in found if entry is not None]


def listeners(pids: Iterable[int], port: int) -> list[int]:
    """Return those processes that hold a listening socket on a local IPv4 port, in their order."""
    return [pid for pid in pids if _listens(pid, port)]


def _listens(pid: int, port: int) -> bool:
    try:
        found = psutil.Process(pid).net_connections("tcp4")
    except _GONE:
        return False
    return any(it.status == psutil.CONN_LISTEN and it.laddr.port == port for it in found)


def cpu_spent_s(before: list[ProcessFigures], after: list[ProcessFigures]) -> dict[int, float]:
    """Return the seconds of CPU that each process of `after` took since `before`, by pid."""
    earlier = {entry.pid: entry.cpu_s for entry in before}
    return {entry.pid: entry.cpu_s - earlier.get(entry.pid, 0.0) for entry in after}


def all_cpu_spent_s(before: list[ProcessFigures], after: list[ProcessFigures]) -> float:
    """Return the seconds of CPU that all processes of `after` took since `before`."""
    return sum(cpu_spent_s(before, after).values())


@contextlib.contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Stop a process (SIGSTOP) for the length of a `with` block, which begins once it stands.

    On a busy machine its other threads go on until one of them has taken the signal.
    """
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_until(lambda: _stands(pid), f"process {pid} stands", timeout_s=10.0)
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _stands(pid: int) -> bool:
    threads = Path(f"/proc/{pid}/task").glob("*/stat")
    try:
        return all(stat.read_text().rpartition(")")[2].split()[0] == "T" for stat in threads)
    except OSError:  # a thread has ended meanwhile
        return False


def machine() -> dict[str, str | int]:
    """Return a description of this machine without its name."""
    cpus = Path("/proc/cpuinfo").read_text()
    return {
        "cpu": cpus.partition("model name")[2].partition("\n")[0].lstrip("\t: ") or "unknown",
        "cores": os.cpu_count() or 0,
        "memory_mib": psutil.virtual_memory().total // MIB,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def commit() -> str:
    """Return the commit that is checked out, with `-dirty` where the tree differs from it.

    "none" where there is no commit, or no git.
    """
    try:
        name = _git("rev-parse", "HEAD")
        return f"{name}-dirty" if _git("status", "--porcelain") else name
    except (OSError, subprocess.CalledProcessError):
        return "none"


def _git(*arguments: str) -> str:
    return subprocess.run(  # noqa: S603 - our own arguments
        ["git", *arguments],  # noqa: S607 - git is on the path
        cwd=_PROJECT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()


def _figures(process: psutil.Process) -> ProcessFigures | None:
    """Look at one process; None if it has ended meanwhile or is a zombie."""
    try:
        with process.oneshot():
            cpu = process.cpu_times()
            return ProcessFigures(
                pid=process.pid,
                parent_pid=process.ppid(),
                cpu_s=cpu.user + cpu.system,
                rss_peak_bytes=_peak_bytes(process.pid),
                rss_bytes=process.memory_info().rss,
            )
    except (*_GONE, ValueError):
        return None


def _peak_bytes(pid: int) -> int:
    """Return VmHWM, which psutil does not tell; ValueError for a zombie, which has none."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].partition("kB")[0]) * 1024


@dataclass(slots=True)
class Track:
    """Samples of one process: monotonic times, resident MB (1e6 bytes), CPU seconds so far.

    `peak_mb` is the most it had resident since its start.
    """

    name: str
    pid: int
    times_s: list[float] = field(default_factory=list)
    rss_mb: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    peak_mb: float = 0.0

    def add(self, now_s: float, *, rss_bytes: int, cpu_s: float, peak_bytes: int) -> None:
        """Add one sample."""
        self.times_s.append(now_s)
        self.rss_mb.append(rss_bytes / 1e6)
        self.cpu_s.append(cpu_s)
        self.peak_mb = max(self.peak_mb, peak_bytes / 1e6)

    def thin(self) -> None:
        """Drop every other sample."""
        for values in (self.times_s, self.rss_mb, self.cpu_s):
            del values[1::2]

    def cores(self, begin_s: float, end_s: float) -> float:
        """Return the CPU that it took on average between two moments, in cores."""
        samples = zip(self.times_s, self.cpu_s, strict=True)
        within = [(time_s, cpu_s) for time_s, cpu_s in samples if begin_s <= time_s <= end_s]
        if len(within) < 2:
            return 0.0
        return (within[-1][1] - within[0][1]) / (within[-1][0] - within[0][0])


class ProcessWatch:
    """Samples processes in a thread of its own, from entry to exit.

    Args:
        roots: A process by name; all its descendants are sampled too.
        names: Names of some of these by pid; the others are named after their root.
        period_s: Between two samples.
    """

    def __init__(
        self, roots: Mapping[str, int], names: Mapping[int, str], *, period_s: float = _PERIOD_S
    ) -> None:
        self.tracks: dict[int, Track] = {}
        self._roots = dict(roots)
        self._names = dict(names)
        self._period_s = period_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="process-watch")

    def __enter__(self) -> Self:
        self.sample()
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()
        self.sample()

    def watch(self, name: str, pid: int) -> None:
        """Sample one more process, and all below it, from the next time on."""
        self._roots = {**self._roots, name: pid}

    def sample(self) -> None:
        """Take one sample of every process that lives."""
        now_s = time.monotonic()
        machine = self.tracks.setdefault(_MACHINE_PID, Track(MACHINE, _MACHINE_PID))
        machine.add(now_s, rss_bytes=0, cpu_s=machine_cpu_s(), peak_bytes=0)
        for root, root_pid in self._roots.items():
            for place, it in enumerate(family(root_pid)):
                name = self._names.get(it.pid, f"{root} +{place}" if place else root)
                track = self.tracks.setdefault(it.pid, Track(name, it.pid))
                track.add(
                    now_s, rss_bytes=it.rss_bytes, cpu_s=it.cpu_s, peak_bytes=it.rss_peak_bytes
                )
        if max(len(track.times_s) for track in self.tracks.values()) > _SAMPLES_MAX:
            self._period_s *= 2
            for track in self.tracks.values():
                track.thin()

    def _run(self) -> None:
        while not self._over.wait(self._period_s):
            self.sample()


def machine_cpu_s() -> float:
    """Return the CPU that all processes took since the machine began, in seconds.

    Time taken by the host ("steal") counts too.
    """
    times = psutil.cpu_times()
    return float(sum(times[:8]) - times.idle - times.iowait)


@dataclass(frozen=True, slots=True)
class Timed:
    """What one command took, from its start to its end; `cpu_s` of all its threads."""

    wall_s: float
    cpu_s: float
    peak_mib: float


def timed(command: Sequence[str], environment: Mapping[str, str]) -> Timed:
    """Run a command to its end and drop its stdout.

    Raises:
        RuntimeError: Its exit code is not 0; the message has the end of its stderr.
    """
    started_s, peak_bytes = time.monotonic(), 0
    with tempfile.TemporaryFile() as stderr:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
            command, env=environment, stdout=subprocess.DEVNULL, stderr=stderr
        )
        # Polled: `ru_maxrss` includes this process, from before the child became the other program.
        watched = psutil.Process(process.pid)
        while (ended := os.wait4(process.pid, os.WNOHANG))[0] == 0:
            figures = _figures(watched)
            peak_bytes = max(peak_bytes, figures.rss_peak_bytes if figures else 0)
            threading.Event().wait(0.02)
        wall_s = time.monotonic() - started_s
        process.returncode = os.waitstatus_to_exitcode(ended[1])
        if process.returncode != 0:
            stderr.seek(0)
            said = stderr.read().decode(errors="replace")[-2000:]
            raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: {said}")
    return Timed(wall_s, ended[2].ru_utime + ended[2].ru_stime, peak_bytes / MIB)


def wait_until(
    holds: Callable[[], bool], what: str, *, timeout_s: float, every_s: float = 0.02
) -> None:
    """Return once `holds()` is true; ask every `every_s` seconds.

    Raises:
        StillNot: It took longer than `timeout_s`; the message has `what`.
    """
    end_s = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > end_s:
            raise StillNot(f"still not so after {timeout_s:g} s: {what}")
        threading.Event().wait(every_s)


class StillNot(RuntimeError):
    """Something did not come true in time."""
