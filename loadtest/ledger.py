"""The clients' ledger: what was sent and answered, body by body, and what an answer promises."""

import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec
from loadtest.client import Answer
from loadtest.readings import Body

WRONG_KEPT_MAX = 20
"""More wrong answers are counted but not kept."""

RETRIED_STATUSES = frozenset((408, 429, 500, 503))


class LineError(msgspec.Struct):
    """One refused line, as an answer lists it; lines count from 1."""

    line: int
    code: str


class Summary(msgspec.Struct):
    """The body of an answer of the service; a problem document has only some of the fields."""

    accepted: int = 0
    parse_errors: int = 0
    rejected: int = 0
    ack: Literal["committed", "spooled", "replicated"] | None = None
    errors: list[LineError] = msgspec.field(default_factory=list)
    code: str = ""


decode_summary = msgspec.json.Decoder(Summary).decode


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Every row of the body is promised."""


@dataclass(frozen=True, slots=True)
class Again:
    """The body must be sent again, after the wait that the answer asks for."""

    wait_s: float


@dataclass(frozen=True, slots=True)
class Wrong:
    """An answer that a body without a bad line must not get."""

    reason: str


def judge(answer: Answer) -> Acknowledged | Again | Wrong:
    """Return what a client does with an answer to a body without a bad line."""
    if answer.status in RETRIED_STATUSES:
        return Again(answer.retry_after_s)
    summary = _summary(answer)
    if answer.status == 400 and summary.code == "truncated-body":
        # A proxy cut the body: for the client that is a broken connection.
        return Again(0.0)
    acks = {200: ["committed"], 202: ["spooled", "replicated"]}
    counts = (summary.accepted, summary.parse_errors, summary.rejected)
    if summary.ack in acks.get(answer.status, []) and counts == (answer.body.rows, 0, 0):
        return Acknowledged()
    return Wrong(_described(answer))


def fault_of(answer: Answer) -> str | None:
    """Return what is wrong with an answer; None for a 200 that has every row committed."""
    if answer.status == 200 and isinstance(judge(answer), Acknowledged):
        return None
    return _described(answer)


def _described(answer: Answer) -> str:
    text = answer.content.decode(errors="replace")[:500]
    body = answer.body
    return f"body at byte {body.offset}: status {answer.status} for {body.rows} rows: {text}"


def _summary(answer: Answer) -> Summary:
    try:
        return decode_summary(answer.content)
    except msgspec.DecodeError:
        return Summary()


@dataclass(slots=True)
class Entry:
    """The account of one body.

    Attributes:
        index: Of the body in its file.
        sent_rows: Lines that were sent whole in any attempt, from the first one on.
        promised_rows: The most rows that an answer called accepted.
        acknowledged: Whether an answer promised all of them.
        acknowledged_at_s: When, monotonic; 0 if never.
        released: Whether its rows may be gone: a fault removes stored rows.
        attempts: How often it was sent, in whole or in part.
    """

    index: int
    body: Body
    sent_rows: int = 0
    promised_rows: int = 0
    acknowledged: bool = False
    acknowledged_at_s: float = 0.0
    released: bool = False
    attempts: int = 0


class Ledger:
    """Hands out the bodies of one file, in order, and keeps the account of each. Thread-safe."""

    def __init__(self, bodies: Sequence[Body]) -> None:
        self.entries: list[Entry] = []
        self.answers: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.wrong_count = 0
        self.slowest_s = 0.0
        self._bodies = bodies
        self._lock = threading.Lock()

    @property
    def exhausted(self) -> bool:
        """Whether every body was handed out."""
        return len(self.entries) == len(self._bodies)

    @property
    def retries(self) -> int:
        """Attempts after the first one of each body."""
        return sum(max(0, entry.attempts - 1) for entry in self.entries)

    def take(self) -> Entry | None:
        """Return the account of the next body, or None if there is none left."""
        with self._lock:
            if self.exhausted:
                return None
            entry = Entry(len(self.entries), self._bodies[len(self.entries)])
            self.entries.append(entry)
            return entry

    def begin(self, entry: Entry, sent_rows: int) -> None:
        """Note an attempt before its first byte is sent, with the whole lines it will send."""
        entry.attempts += 1
        entry.sent_rows = max(entry.sent_rows, sent_rows)

    def answer(self, entry: Entry, answer: Answer) -> Acknowledged | Again | Wrong:
        """Note the answer to a whole body; return what to do."""
        verdict = judge(answer)
        self.promise(entry, answer)
        if isinstance(verdict, Acknowledged):
            entry.acknowledged_at_s = time.monotonic()
            entry.acknowledged = True
        elif isinstance(verdict, Wrong):
            self.note_wrong(verdict.reason)
        return verdict

    def promise(self, entry: Entry, answer: Answer) -> None:
        """Note an answer of any kind: the rows it calls accepted are promised."""
        self.note(str(answer.status))
        entry.promised_rows = max(entry.promised_rows, _summary(answer).accepted)

    def note(self, outcome: str) -> None:
        """Count a status, or the name of an error in place of an answer."""
        with self._lock:
            self.answers[outcome] += 1

    def note_duration(self, seconds: float) -> None:
        """Keep the longest time to an answer."""
        with self._lock:
            self.slowest_s = max(self.slowest_s, seconds)

    def note_wrong(self, reason: str) -> None:
        """Count an answer that should not have come, and keep the first ones."""
        with self._lock:
            self.wrong_count += 1
            if len(self.wrong) < WRONG_KEPT_MAX:
                self.wrong.append(reason)

    def first_acknowledged_s(self, after_s: float) -> float | None:
        """Return the time of the first acknowledgement after `after_s`, both monotonic."""
        times_s = (it.acknowledged_at_s for it in list(self.entries))
        return min((at_s for at_s in times_s if at_s > after_s), default=None)

    def acknowledged_between(self, start_s: float, end_s: float) -> int:
        """Return how many bodies were acknowledged in [start_s, end_s), monotonic times > 0."""
        return sum(start_s <= it.acknowledged_at_s < end_s for it in list(self.entries))

    def release_acknowledged(self) -> None:
        """Expect none of the rows acknowledged so far any more: they may be gone."""
        for entry in list(self.entries):
            entry.released = entry.released or entry.acknowledged
