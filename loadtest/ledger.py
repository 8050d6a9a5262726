"""The clients' ledger: what was sent and answered, and what an answer promises.

Clients post groups of readings. A group is posted in one version or in many: a producer posts
version n until it is acknowledged, or gives up after any other answer or none, and goes on to
version n + 1 (after a lost answer it first waits `LOST_WAIT_S`). It never has two posts of one
group under way. The service then stores the last acknowledged version or one that was posted after
it, never an earlier one.
"""

import math
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec
import xxhash
from loadtest.client import Answer
from loadtest.stored import Key, SentReading

KEPT_MAX = 20
"""More wrong answers or findings are counted but not kept."""

RETRIED_STATUSES = frozenset((408, 429, 500, 503))

LOST_WAIT_S = 1.0
"""From a lost answer to a newer version: docs/FAULTS.md says so to producers."""

START = datetime(2024, 1, 1, tzinfo=UTC)
STEP = timedelta(minutes=3)
"""From the readings of one group to those of the next: a run reaches into many days."""


_MICROSECOND = timedelta(microseconds=1)


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
class Account:
    """The account of one group of readings, which one thread posts.

    Attributes:
        number: Of the account; gives the time of all its readings.
        rows: Readings, each with a meter of its own.
        corrected: Whether it is posted in several versions.
        posted: The last version whose post began; 0 is none.
        sent_rows: Lines that were sent whole in any attempt, from the first one on.
        promised_rows: The most rows that an answer called accepted.
        acknowledged: The last version that an answer promised whole; 0 is none.
        committed: The last version that an answer called committed; 0 is none.
        acknowledged_at_s: When, monotonic; 0 if never.
        acknowledgements: Versions that were acknowledged.
        attempts: Posts begun.
        released: Whether its rows may be gone: a fault removes stored rows.
        lost_at_s: When the last answer was lost, monotonic; minus infinity if none was.
    """

    number: int
    rows: int
    corrected: bool = False
    posted: int = 0
    sent_rows: int = 0
    promised_rows: int = 0
    acknowledged: int = 0
    committed: int = 0
    acknowledged_at_s: float = 0.0
    acknowledgements: int = 0
    attempts: int = 0
    released: bool = False
    lost_at_s: float = -math.inf

    def begin(self, version: int, sent_rows: int | None = None) -> None:
        """Note a post before its first byte leaves, with its whole lines; versions only grow."""
        self.posted = version
        self.sent_rows = max(self.sent_rows, self.rows if sent_rows is None else sent_rows)
        self.attempts += 1

    def wait_s(self, version: int) -> float:
        """Return how long a post of this version has to wait from now on, seconds."""
        if version == self.posted:
            return 0.0
        return max(0.0, self.lost_at_s + LOST_WAIT_S - time.monotonic())

    @property
    def ts(self) -> datetime:
        """Of the first of these readings; each later one is a microsecond later."""
        return START + self.number * STEP

    def each_key(self) -> Iterator[Key]:
        """Yield the key of each of the readings."""
        kind = "V" if self.corrected else "B"
        return ((self.ts + row * _MICROSECOND, f"{kind}-{row:06}") for row in range(self.rows))

    def body(self, version: int) -> bytes:
        """Return all readings in this version as NDJSON."""
        encode = msgspec.json.encode
        return b"".join(encode(reading_of(key, version)) + b"\n" for key in self.each_key())


def reading_of(key: Key, version: int) -> SentReading:
    """Return one reading; every column but the key and the source tells its version.

    Numbers have all the digits of a double, so that a value that was rounded on its way shows.
    """
    ts, meter_id = key
    fraction = xxhash.xxh3_64_intdigest(f"{ts}{meter_id}{version}".encode()) / 2**65
    return SentReading(
        ts=ts,
        meter_id=meter_id,
        kwh=version + fraction,
        premise_id=f"v{version}",
        kvarh=-version - fraction,
        kva_demand=version * fraction,
        quality_flag="VALID" if version % 2 else "ESTIMATED",
        source_system="HES-1",
    )


class Ledger:
    """Opens the accounts of one run, numbered from `first` on, and counts the answers.

    Thread-safe.
    """

    def __init__(self, first: int = 0) -> None:
        self.accounts: list[Account] = []
        self._first = first
        self.answers: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.wrong_count = 0
        self.slowest_s = 0.0
        self._lock = threading.Lock()

    @property
    def retries(self) -> int:
        """Attempts after the first one of each group that is posted in one version."""
        return sum(max(0, it.attempts - 1) for it in list(self.accounts) if not it.corrected)

    def open(self, rows: int, *, corrected: bool = False) -> Account:
        """Return a new account of readings that no other client posts."""
        with self._lock:
            number = self._first + len(self.accounts)
            self.accounts.append(Account(number, rows, corrected))
            return self.accounts[-1]

    def answer(self, account: Account, answer: Answer) -> Acknowledged | Again | Wrong:
        """Note the answer to the whole version posted last; return what to do."""
        verdict = judge(answer)
        self.promise(account, answer)
        if isinstance(verdict, Acknowledged):
            account.acknowledged_at_s = time.monotonic()
            account.acknowledged = account.posted
            account.acknowledgements += 1
            account.released = False
            if answer.status == 200:
                account.committed = account.posted
        elif isinstance(verdict, Wrong):
            self.note_wrong(verdict.reason)
        return verdict

    def promise(self, account: Account, answer: Answer) -> None:
        """Note an answer of any kind: the rows it calls accepted are promised."""
        self.note(str(answer.status))
        account.promised_rows = max(account.promised_rows, _summary(answer).accepted)

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
            if len(self.wrong) < KEPT_MAX:
                self.wrong.append(reason)

    def first_acknowledged_s(self, after_s: float) -> float | None:
        """Return the time of the first acknowledged body after `after_s`, both monotonic."""
        return min((at_s for at_s in self._times_s() if at_s > after_s), default=None)

    def acknowledged_between(self, start_s: float, end_s: float) -> int:
        """Return how many bodies were acknowledged in [start_s, end_s), monotonic times > 0."""
        return sum(start_s <= at_s < end_s for at_s in self._times_s())

    def _times_s(self) -> list[float]:
        """Return when groups that are posted in one version were acknowledged; 0 for never."""
        return [it.acknowledged_at_s for it in list(self.accounts) if not it.corrected]

    def release_acknowledged(self) -> None:
        """Expect none of the rows acknowledged so far any more: they may be gone."""
        for account in list(self.accounts):
            if account.acknowledged:
                account.released = True
                account.acknowledged = account.committed = account.promised_rows = 0
