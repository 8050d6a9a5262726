"""How many memory maps Linux allows a process, and how many a QuestDB on this machine has.

With `vm.max_map_count` used up QuestDB suspends tables and refuses queries
(docs/decisions/0025-days-and-memory-maps.md). Only read here, from /proc; where that is missing
nothing is known.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MAPS_LIMIT_DEFAULT = 65_530
"""Of Linux."""
MAPS_LIMIT_ADVISED = 1_048_576
"""Two hundred years of both streams, as QuestDB's own documentation advises."""

PROC = Path("/proc")
_LISTENING = "0A"


@dataclass(frozen=True, slots=True)
class MemoryMaps:
    """What is known of the maps of a QuestDB on this machine.

    Attributes:
        limit: `vm.max_map_count` of this machine; None where there is no such setting.
        used: Maps of QuestDB's process now; None if that is another user's, or not found.
    """

    limit: int | None
    used: int | None


def read_memory_maps(port: int, proc: Path = PROC) -> MemoryMaps:
    """Look at the process that listens on a TCP port of this machine.

    Reads the open files of every process of this user, some milliseconds: not for an event loop.

    Args:
        port: Where QuestDB listens.
        proc: Where the proc file system is.
    """
    limit = used = None
    with contextlib.suppress(OSError, ValueError):
        limit = int((proc / "sys/vm/max_map_count").read_text())
    pid = _listener(port, proc)
    if pid is not None:
        with contextlib.suppress(OSError):
            used = (proc / pid / "maps").read_bytes().count(b"\n")
    return MemoryMaps(limit, used)


def _listener(port: int, proc: Path) -> str | None:
    """Return the id of the process that listens on `port`, as far as this user may know it."""
    sockets = {f"socket:[{inode}]" for inode in _listening_sockets(port, proc)}
    if not sockets:
        return None
    for process in proc.iterdir():
        if not process.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            for file in (process / "fd").iterdir():
                with contextlib.suppress(OSError):
                    if str(file.readlink()) in sockets:
                        return process.name
    return None


def _listening_sockets(port: int, proc: Path) -> Iterator[str]:
    """Yield the inodes of the sockets that listen on `port`; see proc(5), /proc/net/tcp."""
    for name in ("tcp", "tcp6"):
        try:
            lines = (proc / "net" / name).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9]
