"""The journal of a run, one line of JSON for each answer, and its sums, rates and percentiles.

Percentiles come from a histogram with steps of 2 %, so memory does not grow with the run.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import msgspec

TURNED_AWAY_STATUSES = frozenset((429, 503))
PERCENTS = (50, 90, 99, 99.9, 100)
_STEP = math.log(1.02)
_FAULTS_KEPT_MAX = 10
_POINTS_MAX = 600
"""Of a curve: a run of hours is summed up in longer pieces than seconds."""


NO_ANSWER = 0
"""Status of a post that the other end did not answer."""


class Entry(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """One attempt to post a body and its answer. Times are monotonic, seconds.

    Attributes:
        first: Number of the body's first piece.
        pieces: How many it has.
        due_s: When it was due by the schedule.
        sent_s: When this attempt began.
        ended_s: When its answer was there.
        status: Of HTTP, or `NO_ANSWER`.
        last: Whether the body is not posted again after this answer.
        replay: Whether the body had been acknowledged before.
        size: Bytes of the body.
        fault: Why this is not the right answer; empty if it is.
    """

    first: int
    pieces: int
    due_s: float
    sent_s: float
    ended_s: float
    status: int
    accepted: int
    parse_errors: int
    rejected: int
    last: bool
    replay: bool
    size: int
    fault: str


class JournalWriter:
    """Appends entries to a file, buffered until it is closed."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._encode = msgspec.json.Encoder().encode

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def write(self, entry: Entry) -> None:
        """Add one entry."""
        self._file.write(self._encode(entry) + b"\n")

    def close(self) -> None:
        """Write buffered entries. Idempotent."""
        self._file.close()


def read_journal(path: Path) -> Iterator[Entry]:
    """Yield the entries in the order they were written. Memory does not grow with the file."""
    decode = msgspec.json.Decoder(Entry).decode
    with path.open("rb") as lines:
        for line in lines:
            yield decode(line)


class Times:
    """A histogram of times, ms; results are at most 2 % over the true value."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self.count = 0

    def add(self, time_ms: float) -> None:
        """Count one time."""
        self._counts[math.ceil(math.log(max(time_ms, 0.01)) / _STEP)] += 1
        self.count += 1

    def get(self, percent: float) -> float:
        """Return a percentile, ms; 0 without times."""
        due = math.ceil(self.count * percent / 100)
        passed = 0
        for step in sorted(self._counts):
            passed += self._counts[step]
            if passed >= due:
                return math.exp(step * _STEP)
        return 0.0

    def merge(self, other: "Times") -> None:
        """Add the times of another one."""
        self._counts.update(other._counts)
        self.count += other.count

    def distribution(self) -> list[tuple[float, float]]:
        """Return (ms, percent of all that did not take longer), by time."""
        points, passed = [], 0
        for step in sorted(self._counts):
            passed += self._counts[step]
            points.append((math.exp(step * _STEP), 100 * passed / self.count))
        return points


@dataclass(slots=True)
class Second:
    """The same counts for one second, or several seconds in a long run."""

    rows: int = 0
    size: int = 0
    answers: int = 0
    turned_away: int = 0
    from_due_ms: Times = field(default_factory=Times)


@dataclass(slots=True)
class Figures:
    """A run in numbers.

    Attributes:
        posts: Bodies, each counted once however often it was sent, without replays.
        replays: Bodies posted again on purpose after their acknowledgement.
        answers: All attempts.
        errors: Posts and replays that ended without the right answer.
        unfinished: First pieces of bodies that were to be posted again and never were.
        turned_away: Answers 429 and 503.
        rows: Answered as accepted.
        size: Bytes of the bodies answered by 200.
        elapsed_s: From the first to the last moment of the journal.
        from_due_ms: From when a post was due to its last answer, waits and retries included.
        from_sent_ms: From the start of an attempt to its answer.
        faults: The first of them.
        step_s: Length of one of `seconds`, which are counted from `started_s` (monotonic).
    """

    posts: int = 0
    replays: int = 0
    answers: int = 0
    errors: int = 0
    unfinished: set[int] = field(default_factory=set)
    turned_away: int = 0
    rows: int = 0
    size: int = 0
    elapsed_s: float = 0.0
    from_due_ms: Times = field(default_factory=Times)
    from_sent_ms: Times = field(default_factory=Times)
    faults: list[str] = field(default_factory=list)
    step_s: int = 1
    seconds: dict[int, Second] = field(default_factory=lambda: defaultdict(Second))
    started_s: float = 0.0

    @property
    def rows_per_s(self) -> float:
        """Rows answered as accepted per second of the run."""
        return self.rows / self.elapsed_s if self.elapsed_s else 0.0

    @property
    def mb_per_s(self) -> float:
        """Bytes of bodies answered by 200 per second of the run, MB."""
        return self.size / 1e6 / self.elapsed_s if self.elapsed_s else 0.0

    def add(self, entry: Entry) -> None:
        """Count one answer."""
        if self.answers == 0:
            self.started_s = min(entry.due_s, entry.sent_s)
        self.answers += 1
        self.elapsed_s = max(self.elapsed_s, entry.ended_s - self.started_s)
        second = self._second(entry.ended_s)
        second.answers += 1
        self.from_sent_ms.add((entry.ended_s - entry.sent_s) * 1000)
        self.rows += entry.accepted
        second.rows += entry.accepted
        if entry.status == 200:
            self.size += entry.size
            second.size += entry.size
        if entry.status in TURNED_AWAY_STATUSES:
            self.turned_away += 1
            second.turned_away += 1
        if not entry.last:
            self.unfinished.add(entry.first)
            return
        self.unfinished.discard(entry.first)
        if entry.fault:
            self.errors += 1
            if len(self.faults) < _FAULTS_KEPT_MAX:
                self.faults.append(entry.fault)
        if entry.replay:
            self.replays += 1
        else:
            self.posts += 1
            time_ms = (entry.ended_s - entry.due_s) * 1000
            self.from_due_ms.add(time_ms)
            second.from_due_ms.add(time_ms)

    def _second(self, ended_s: float) -> Second:
        index = int(max(0.0, ended_s - self.started_s) / self.step_s)
        while index >= _POINTS_MAX:
            self._halve()
            index //= 2
        return self.seconds[index]

    def _halve(self) -> None:
        """Let each point of the curves stand for twice as long."""
        halved: dict[int, Second] = defaultdict(Second)
        for index, second in self.seconds.items():
            into = halved[index // 2]
            into.rows += second.rows
            into.size += second.size
            into.answers += second.answers
            into.turned_away += second.turned_away
            into.from_due_ms.merge(second.from_due_ms)
        self.seconds, self.step_s = halved, self.step_s * 2


def figures_of(entries: Iterable[Entry]) -> Figures:
    """Sum up a whole journal."""
    figures = Figures()
    for entry in entries:
        figures.add(entry)
    return figures
