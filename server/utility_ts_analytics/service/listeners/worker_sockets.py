"""The connections of the workers of a port, read from /proc (Linux)."""

import asyncio
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from utility_ts_analytics.clock import Clock

_LISTEN = "0A"
_OPEN_FILES = "Max open files"
_LISTENS_EVERY_S = 0.02


@dataclass(frozen=True, slots=True)
class WorkerSockets:
    """One worker's sockets on its port at one moment.

    Attributes:
        listens: Whether it has a listening socket there.
        waiting: Connections in its accept queue.
        connections: Inode numbers of accepted connections, unfinished TLS handshakes included.
        open_files: Descriptors in use.
        open_files_max: Soft limit on descriptors.
    """

    listens: bool
    waiting: int
    connections: frozenset[int]
    open_files: int
    open_files_max: int


def read_sockets(pids: Iterable[int], port: int) -> Mapping[int, WorkerSockets]:
    """Return the sockets of each of these processes on a TCP port of this machine, by process id.

    Not for the event loop: takes about 2 us per socket of the machine and per descriptor of the
    processes. Processes that ended, or that this user may not inspect, are left out.
    """
    found = {}
    held: dict[int, tuple[set[int], int, int]] = {}
    # Descriptors first: a connection that is accepted in between does not matter.
    for pid in pids:
        try:
            held[pid] = (*_descriptors(Path("/proc") / str(pid)), _files_max(pid))
        except (OSError, ValueError):
            continue
    queues, connections = _sockets_on(port)
    for pid, (inodes, open_files, open_files_max) in held.items():
        mine = inodes & queues.keys()
        found[pid] = WorkerSockets(
            listens=bool(mine),
            waiting=sum(queues[inode] for inode in mine),
            connections=frozenset(inodes & connections),
            open_files=open_files,
            open_files_max=open_files_max,
        )
    return found


async def until_listening(port: int, clock: Clock) -> None:
    """Return once this process takes connections on a TCP port.

    Granian listens a moment after the application has started; on a busy machine, seconds after.
    """
    own_pid = os.getpid()
    while True:
        found = await asyncio.to_thread(read_sockets, [own_pid], port)
        if own_pid in found and found[own_pid].listens:
            return
        await clock.sleep(_LISTENS_EVERY_S)


def _descriptors(process: Path) -> tuple[set[int], int]:
    """Return the inodes of a process's sockets, and the number of all its descriptors."""
    inodes, count = set(), 0
    for entry in (process / "fd").iterdir():
        count += 1
        try:
            target = str(entry.readlink())
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            inodes.add(int(target[8:-1]))
    return inodes, count


def _files_max(pid: int) -> int:
    for line in Path(f"/proc/{pid}/limits").read_text().splitlines():
        if line.startswith(_OPEN_FILES):
            soft = line[len(_OPEN_FILES) :].split()[0]
            return 2**63 if soft == "unlimited" else int(soft)
    raise ValueError(_OPEN_FILES)


def _sockets_on(port: int) -> tuple[dict[int, int], set[int]]:
    """Return the queue lengths of listening sockets by inode, and the inodes of all others."""
    queues, others = {}, set()
    for state, queued, inode in _rows(f":{port:04X}"):
        if state == _LISTEN:
            queues[inode] = queued
        elif inode:  # 0: not accepted yet, or closed by the worker
            others.add(inode)
    return queues, others


def _rows(port_suffix: str) -> Iterator[tuple[str, int, int]]:
    # /proc/net itself is hidden by systemd's ProcSubset=pid, /proc/self/net is not.
    for name in ("tcp", "tcp6"):
        try:
            table = Path(f"/proc/self/net/{name}").read_text()
        except FileNotFoundError:  # a kernel without IPv6
            continue
        for line in table.splitlines():
            if port_suffix in line:
                columns = line.split()
                if columns[1].endswith(port_suffix):
                    queued = int(columns[4].partition(":")[2], 16)
                    yield columns[3], queued, int(columns[9])
