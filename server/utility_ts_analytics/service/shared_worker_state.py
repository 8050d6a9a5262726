"""The runtime folder: what workers share with the supervisor and the operations server.

Each worker counts into a small mapped file of its own, so nothing it counted is lost when it dies.
One writer per file; a reader always gets the numbers of one moment (`telemetry/layout.py`). The
first line of a file has the token names of its last numbers (`telemetry/token_counts.py`).
`worker_totals` removes the files of dead workers.
Beside them: when the service started, and a note per worker that the supervisor has to kill.
"""

import mmap
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from utility_ts_analytics.telemetry import registry
from utility_ts_analytics.telemetry.layout import (
    BEAT_NS,
    NS_PER_S,
    STATE,
    Words,
    file_bytes,
    newest,
    offset_of,
)
from utility_ts_analytics.telemetry.measures import Measures
from utility_ts_analytics.telemetry.metric import Metric
from utility_ts_analytics.telemetry.registry import GIVEN_BACK

STARTING, REFUSING, SERVING, DRAINING, STOPPED = range(5)
"""A worker in REFUSING is fine, but the database cannot take its rows at the moment."""

STATE_NAMES = ("starting", "refusing", "serving", "draining", "stopped")

WorkerId = tuple[int, int]
"""Process ids of a worker's server and of the worker: unique among the living."""

_STATE_SUFFIX = ".worker"
_STUCK_SUFFIX = ".stuck"
_STARTED = "started"
_READS_MAX = 50
"""A read fails only if two publications happen during it; that never lasts."""

_IN_FLIGHT, _SPOOLED = offset_of(registry.ROWS_IN_FLIGHT), offset_of(registry.ROWS_SPOOLED)
_GIVEN_BACK = [offset_of(registry.ROWS_FAILED, code) for code in GIVEN_BACK]


@dataclass(frozen=True, slots=True)
class WorkerState:
    """What one worker last published.

    Attributes:
        stream: Name of its server: a stream, or `operations`.
        server_pid: Process id of that server, which is also the id of its session.
        pid: Its process id.
        words: All its numbers, by `telemetry.layout`.
        file: Name of its file.
        token_names: Names by which it counts requests, in the order of their places.
    """

    stream: str
    server_pid: int
    pid: int
    words: Words
    file: str = ""
    token_names: tuple[str, ...] = ()

    @property
    def state(self) -> int:
        """One of the states above."""
        return self.words[STATE]

    @property
    def beat_s(self) -> float:
        """Time of the last beat, seconds on the machine's monotonic clock."""
        return self.words[BEAT_NS] / NS_PER_S

    @property
    def held_rows(self) -> int:
        """Rows in its memory, waiting or in flight."""
        return self.words[_IN_FLIGHT] - self.words[_SPOOLED]

    @property
    def failed_rows(self) -> int:
        """Rows given back to their senders."""
        return sum(self.words[offset] for offset in _GIVEN_BACK)

    @property
    def identity(self) -> WorkerId:
        """Server and process id."""
        return self.server_pid, self.pid

    @property
    def alive(self) -> bool:
        """Whether the process still exists; one that reuses its id is in another session."""
        try:
            return os.getsid(self.pid) == self.server_pid
        except ProcessLookupError:
            return False


class WorkerStateFile:
    """The file of this worker. One writer.

    Args:
        folder: The runtime folder.
        stream: Name of the server that this worker belongs to.
        token_names: Names by which requests are counted, all different.

    Attributes:
        measures: Counts into the file.

    Raises:
        OSError: The file cannot be written, for example because the disk is full.
    """

    def __init__(self, folder: Path, stream: str, token_names: Sequence[str] = ()) -> None:
        # Random characters: a process id may be reused while the file of a dead worker exists.
        suffix = f"{secrets.token_hex(4)}{_STATE_SUFFIX}"
        name = f"{stream}.{os.getsid(0)}.{os.getpid()}.{suffix}"
        path = folder / f"{name}.new"
        head = _head(token_names)
        try:
            path.write_bytes(head + bytes(file_bytes(len(token_names))))
        except OSError:  # a full disk: leave nothing behind that takes room from the next attempt
            path.unlink(missing_ok=True)
            raise
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)
        self.measures = Measures(memoryview(self._map)[len(head) :], token_names)
        path.rename(folder / name)

    def publish(self, state: int, beat_s: float, gauges: Iterable[tuple[Metric, int]] = ()) -> None:
        """Publish state and beat. Same contract as `Measures.say`."""
        self.measures.say(state, beat_s, gauges)


def read_workers(folder: Path) -> Iterator[WorkerState]:
    """Yield the state of every worker that has a file, dead ones included, by file name."""
    for path in sorted(folder.glob(f"*{_STATE_SUFFIX}")):
        stream, server_pid, pid, _, _ = path.name.split(".")
        found = _read(path)
        if found is not None:
            names, words = found
            yield WorkerState(stream, int(server_pid), int(pid), words, path.name, names)


def note_start(folder: Path, now_s: float) -> None:
    """Store when the service started, monotonic seconds. Reloads do not change it."""
    (folder / _STARTED).write_text(repr(now_s))


def started_s(folder: Path) -> float | None:
    """Return what `note_start` stored, or None."""
    try:
        return float((folder / _STARTED).read_text())
    except FileNotFoundError:
        return None


def note_stuck(folder: Path, worker: WorkerId, reason: str) -> None:
    """Ask the supervisor to kill a worker; to ask again changes nothing.

    Raises:
        OSError: The note cannot be written.
    """
    server_pid, pid = worker
    path = folder / f"{server_pid}.{pid}{_STUCK_SUFFIX}"
    written = path.with_suffix(".new")
    written.write_text(reason)
    written.rename(path)


def take_stuck(folder: Path) -> dict[WorkerId, str]:
    """Return and remove the notes of `note_stuck`: the reason by worker."""
    notes = {}
    for path in folder.glob(f"*{_STUCK_SUFFIX}"):
        server_pid, pid, _ = path.name.split(".")
        notes[int(server_pid), int(pid)] = path.read_text()
        path.unlink()
    return notes


def _head(token_names: Sequence[str]) -> bytes:
    """Return the first line of a file, padded to whole words of 8 bytes. Names are ASCII."""
    line = " ".join(token_names).encode()
    return line.ljust(len(line) + 7 - len(line) % 8) + b"\n"


def _read(path: Path) -> tuple[tuple[str, ...], Words] | None:
    for _ in range(_READS_MAX):
        try:
            head, _, copies = path.read_bytes().partition(b"\n")
        except FileNotFoundError:
            return None
        names = tuple(head.decode(errors="replace").split())
        words = newest(copies, len(names))
        if words is not None:
            return names, words
        if len(copies) != file_bytes(len(names)):
            return None
    return None
