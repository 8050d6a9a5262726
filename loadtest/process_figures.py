"""What processes cost, from /proc, and what they ran on. Linux only."""

import contextlib
import os
import platform
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PROJECT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class ProcessFigures:
    """One process at one moment.

    Attributes:
        pid: Its id.
        parent_pid: The id of its parent.
        cpu_s: User and system time of all its threads since it began, seconds, to 0.01.
        rss_peak_bytes: The most memory it ever had resident.
        rss_bytes: What it has resident now.
    """

    pid: int
    parent_pid: int
    cpu_s: float
    rss_peak_bytes: int
    rss_bytes: int = 0


def family(pid: int) -> list[ProcessFigures]:
    """Return the process and all below it that live now, parents before children."""
    living = {entry.pid: entry for entry in map(_figures, _pids()) if entry is not None}
    found = [living[pid]] if pid in living else []
    for parent in found:
        # Grows while it is walked: children are appended behind their parents.
        found += [entry for entry in living.values() if entry.parent_pid == parent.pid]
    return found


def listeners(pids: Iterable[int], port: int) -> list[int]:
    """Return those processes that hold a listening socket on a local IPv4 port, in their order."""
    inodes = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        columns = line.split()
        if columns[3] == "0A" and int(columns[1].rpartition(":")[2], 16) == port:
            inodes.add(f"socket:[{columns[9]}]")
    return [pid for pid in pids if not inodes.isdisjoint(_descriptors(pid))]


def cpu_spent_s(before: list[ProcessFigures], after: list[ProcessFigures]) -> dict[int, float]:
    """Return the seconds of CPU that each process of `after` took since `before`, by pid."""
    earlier = {entry.pid: entry.cpu_s for entry in before}
    return {entry.pid: entry.cpu_s - earlier.get(entry.pid, 0.0) for entry in after}


def machine() -> dict[str, str | int]:
    """Return what the figures were measured on, without the machine's name."""
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    pages, page_bytes = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return {
        "cpu": model,
        "cores": os.cpu_count() or 0,
        "memory_mib": pages * page_bytes // 2**20,
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
        ["git", *arguments],  # noqa: S607 - the git of whoever measures
        cwd=_PROJECT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()


def _descriptors(pid: int) -> list[str]:
    """Return what a process has open; empty if it has ended meanwhile."""
    found = []
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                found.append(str(link.readlink()))
    return found


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _figures(pid: int) -> ProcessFigures | None:
    """Read one process; None if it has ended meanwhile or is a zombie."""
    try:
        # The name in brackets may hold blanks and brackets itself.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    peak = status.partition("VmHWM:")[2].split(maxsplit=1)
    now = status.partition("VmRSS:")[2].split(maxsplit=1)
    if not peak or not now:
        return None
    return ProcessFigures(
        pid=pid,
        parent_pid=int(fields[1]),
        cpu_s=(int(fields[11]) + int(fields[12])) / _TICKS_PER_S,
        rss_peak_bytes=int(peak[0]) * 1024,
        rss_bytes=int(now[0]) * 1024,
    )
