"""Memory and CPU of processes while a run goes on, sampled from /proc. Linux only."""

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from loadtest.process_figures import family

_PERIOD_S = 0.5
_SAMPLES_MAX = 1200
"""Of one process; a longer run is sampled less often."""

MACHINE = "whole machine"
_MACHINE_PID = 0
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Track:
    """One process over time.

    Attributes:
        name: What it is.
        pid: Its id.
        times_s: Monotonic times of the samples.
        rss_mb: Resident memory at these, MB (1e6 bytes).
        cpu_s: CPU it had taken by then, seconds.
        peak_mb: The most it ever had resident, since it began, MB.
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
        within = [
            (time_s, cpu_s)
            for time_s, cpu_s in zip(self.times_s, self.cpu_s, strict=True)
            if begin_s <= time_s <= end_s
        ]
        if len(within) < 2:
            return 0.0
        (first_s, first_cpu_s), (last_s, last_cpu_s) = within[0], within[-1]
        return (last_cpu_s - first_cpu_s) / (last_s - first_s)


class MemoryWatch:
    """Samples processes in a thread of its own, from entry to exit.

    Args:
        roots: A process by name; all below it are sampled too.
        names: What certain of these are called; the others are called after their root.
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
        self._thread = threading.Thread(target=self._run, name="memory-watch")

    def __enter__(self) -> Self:
        self.sample()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
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
            for place, entry in enumerate(family(root_pid)):
                track = self.tracks.get(entry.pid)
                if track is None:
                    name = self._names.get(entry.pid, f"{root} +{place}" if place else root)
                    track = self.tracks[entry.pid] = Track(name, entry.pid)
                track.add(
                    now_s,
                    rss_bytes=entry.rss_bytes,
                    cpu_s=entry.cpu_s,
                    peak_bytes=entry.rss_peak_bytes,
                )
        if max((len(track.times_s) for track in self.tracks.values()), default=0) > _SAMPLES_MAX:
            self._period_s *= 2
            for track in self.tracks.values():
                track.thin()

    def _run(self) -> None:
        while not self._over.wait(self._period_s):
            self.sample()


def machine_cpu_s() -> float:
    """Return the CPU that all processes took since the machine began, in seconds.

    What the machine is kept from by its own host ("steal") counts as taken.
    """
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _idle, _waiting, *interrupts_and_steal = map(int, fields[:8])
    return (user + nice + system + sum(interrupts_and_steal)) / _TICKS_PER_S
