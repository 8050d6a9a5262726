"""Which processes belong together and who listens where, read from /proc (Linux only)."""

import contextlib
from pathlib import Path


def is_alive(pid: int) -> bool:
    """Tell whether a process exists and is no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def descendants(pid: int) -> list[int]:
    """Return the ids of all processes below `pid`, parents before children."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found: list[int] = []
    waiting = [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def listeners(port: int) -> set[int]:
    """Return the ids of processes that hold a listening socket on this local port."""
    inodes = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        columns = line.split()
        if columns[3] == "0A" and int(columns[1].rpartition(":")[2], 16) == port:
            inodes.add(f"socket:[{columns[9]}]")
    holders: set[int] = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # a process that is gone meanwhile
            for link in (process / "fd").iterdir():
                with contextlib.suppress(OSError):  # a file that is
                    if str(link.readlink()) in inodes:
                        holders.add(int(process.name))
    return holders


def worker_on(port: int) -> int:
    """Return the id of the one process that serves this port: it listens and has no children."""
    [worker] = [pid for pid in listeners(port) if not descendants(pid)]
    return worker


def open_files(pid: int) -> int:
    """Return how many files a process has open, connections among them."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def memory_mib(pid: int) -> int:
    """Return the resident memory of a process, MiB."""
    return _status_kib(pid, "VmRSS") // 1024


def peak_memory_mib(pid: int) -> int:
    """Return the most that a process has ever had resident, MiB."""
    return _status_kib(pid, "VmHWM") // 1024


def _status_kib(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise AssertionError(f"/proc has no {name} of {pid}")


def runtime_dir_of(pid: int) -> Path:
    """Return the folder where the workers below a supervisor keep their signs of life."""
    for child in descendants(pid):
        for line in Path(f"/proc/{child}/maps").read_text().splitlines():
            if line.endswith(".worker"):
                return Path(line.split(maxsplit=5)[5]).parent
    raise AssertionError(f"no process below {pid} has a state file")
