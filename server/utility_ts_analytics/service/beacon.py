"""Signs of life: each worker keeps its numbers in a small shared file of its own.

The supervisor and the operations server read them; a worker that died leaves its file, so nothing
it counted is lost. One writer per file; a reader always gets numbers of one moment
(`telemetry/snapshot.py`). The first line of a file has the names that its last numbers go by
(`telemetry/token_counts.py`). What becomes of the files of the dead: `service/departed.py`.
"""

import mmap
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from utility_ts_analytics.telemetry import registry
from utility_ts_analytics.telemetry.layout import BEAT_NS, NS_PER_S, STATE, Words, offset_of
from utility_ts_analytics.telemetry.measures import Measures
from utility_ts_analytics.telemetry.metric import Metric
from utility_ts_analytics.telemetry.registry import GIVEN_BACK
from utility_ts_analytics.telemetry.snapshot import file_bytes, newest

STARTING, REFUSING, SERVING, DRAINING, STOPPED = range(5)
"""A worker that refuses runs well, but the database cannot take its rows just now."""

STATE_NAMES = ("starting", "refusing", "serving", "draining", "stopped")

_SUFFIX = ".beacon"
_STARTED = "started"
_LOOKS_MAX = 50
"""Two publications within one read are needed to see no whole copy; that never lasts."""

_IN_FLIGHT, _SPOOLED = offset_of(registry.ROWS_IN_FLIGHT), offset_of(registry.ROWS_SPOOLED)
_GIVEN_BACK = [offset_of(registry.ROWS_FAILED, code) for code in GIVEN_BACK]


@dataclass(frozen=True, slots=True)
class Sign:
    """What one worker last said.

    Attributes:
        stream: Which server it belongs to.
        server_pid: Process id of that server, which is its session's too.
        pid: Its process id.
        words: All its numbers, by `telemetry.layout`.
        file: Name of its file.
        token_names: What it counts requests by, in the order of their places.
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
        """Monotonic time of the last beat, seconds; the clock is the machine's."""
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
        token_names: What requests are counted by; no two are equal.

    Attributes:
        measures: What is counted into the file.
    """

    def __init__(self, folder: Path, stream: str, token_names: Sequence[str] = ()) -> None:
        # Random characters: a process id may come again while the file of the dead is still there.
        name = f"{stream}.{os.getsid(0)}.{os.getpid()}.{secrets.token_hex(4)}{_SUFFIX}"
        path = folder / f"{name}.new"
        head = _head(token_names)
        try:
            path.write_bytes(head + bytes(file_bytes(len(token_names))))
        except OSError:  # no room: nothing is left behind for the next try to find less
            path.unlink(missing_ok=True)
            raise
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)
        self.measures = Measures(memoryview(self._map)[len(head) :], token_names)
        path.rename(folder / name)

    def say(self, state: int, beat_s: float, gauges: Iterable[tuple[Metric, int]] = ()) -> None:
        """Publish state and beat; see `Measures.say`."""
        self.measures.say(state, beat_s, gauges)


def note_start(folder: Path, now_s: float) -> None:
    """Note when the service began, monotonic seconds: its parts come and go with reloads."""
    (folder / _STARTED).write_text(repr(now_s))


def started_s(folder: Path) -> float | None:
    """Return what `note_start` noted, or None."""
    try:
        return float((folder / _STARTED).read_text())
    except FileNotFoundError:
        return None


def read_signs(folder: Path) -> Iterator[Sign]:
    """Yield the last sign of every worker that has a file, dead ones included, by file name."""
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        stream, server_pid, pid, _, _ = path.name.split(".")
        found = _read(path)
        if found is not None:
            names, words = found
            yield Sign(stream, int(server_pid), int(pid), words, path.name, names)


def _head(token_names: Sequence[str]) -> bytes:
    """Return the first line of a file, in whole words: names of the configuration are ASCII."""
    line = " ".join(token_names).encode()
    return line.ljust(len(line) + 7 - len(line) % 8) + b"\n"


def _read(path: Path) -> "tuple[tuple[str, ...], Words] | None":
    for _ in range(_LOOKS_MAX):
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
