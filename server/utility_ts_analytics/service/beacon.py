"""Signs of life: each worker keeps a few numbers in a small shared file of its own.

The supervisor and the operations server read them; a worker that died leaves its file, so nothing
it counted is lost. One writer per file, fixed offsets, whole 8-byte words: a reader may see numbers
of two moments side by side, never half a number.
"""

import mmap
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

STARTING, REFUSING, SERVING, DRAINING, STOPPED = range(5)
"""A worker that refuses runs well, but the database cannot take its rows just now."""

STATE_NAMES = ("starting", "refusing", "serving", "draining", "stopped")

_LAYOUT = struct.Struct("=qdqqqqqqq")
_SUFFIX = ".beacon"

Counts = tuple[int, int, int, int, int, int, int]


@dataclass(frozen=True, slots=True)
class Sign:
    """What one worker last said.

    Attributes:
        stream: Which server it belongs to.
        server_pid: Process id of that server, which is its session's too.
        pid: Its process id.
        state: One of the states above.
        beat_s: Monotonic time of the last beat, seconds; the clock is the machine's.
        stored_rows: Rows committed since the worker started.
        rejected_rows: Rows that the database refused for good.
        failed_rows: Rows given back to their senders.
        held_rows: Rows waiting or in flight.
        retries: Sends that had to be repeated.
        spooled_rows: Rows that wait on this machine's disk.
        fallback_lanes: Lanes that go by their second choice.
    """

    stream: str
    server_pid: int
    pid: int
    state: int
    beat_s: float
    stored_rows: int
    rejected_rows: int
    failed_rows: int
    held_rows: int
    retries: int
    spooled_rows: int
    fallback_lanes: int

    @property
    def identity(self) -> tuple[int, int]:
        """What tells this worker from all others that are alive."""
        return self.server_pid, self.pid

    @property
    def alive(self) -> bool:
        """Whether the process still exists; a stranger that got its id is in another session."""
        try:
            return os.getsid(self.pid) == self.server_pid
        except ProcessLookupError:
            return False


class Beacon:
    """A worker's own file. One writer.

    Args:
        folder: The service's runtime folder.
        stream: Which server this worker belongs to.
    """

    def __init__(self, folder: Path, stream: str) -> None:
        path = folder / f"{stream}.{os.getsid(0)}.{os.getpid()}{_SUFFIX}"
        path.write_bytes(bytes(_LAYOUT.size))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), _LAYOUT.size)

    def say(self, state: int, beat_s: float, counts: Counts = (0, 0, 0, 0, 0, 0, 0)) -> None:
        """Write state, beat and the counts in the order of `Sign`."""
        _LAYOUT.pack_into(self._map, 0, state, beat_s, *counts)


def read_signs(folder: Path) -> Iterator[Sign]:
    """Yield the last sign of every worker that ever ran, dead ones included, by file name."""
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        stream, server_pid, pid, _ = path.name.split(".")
        content = path.read_bytes()
        if len(content) == _LAYOUT.size:
            yield Sign(stream, int(server_pid), int(pid), *_LAYOUT.unpack(content))
