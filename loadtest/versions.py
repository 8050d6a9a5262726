"""Readings that are corrected again and again: their accounts, and the books over them.

The promise that is tested: a producer posts version n of some readings until it is acknowledged, or
gives up after any other answer or none, and goes on to version n + 1 (after a lost answer it first
waits `LOST_WAIT_S`). It never has two posts of the same readings under way. The service then stores
the last acknowledged version or one that was posted after it, never an earlier one.
"""

import math
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec
from loadtest.books import Books
from loadtest.database import QuestDBRest
from loadtest.stored import (
    FIRST,
    TABLE,
    Key,
    SentReading,
    StoredReading,
    expected_row,
    stored_between,
)

VERSIONS_START = datetime(2023, 12, 31, tzinfo=UTC)
VERSIONS_END = VERSIONS_START + timedelta(days=1)
"""Readings with versions lie in this day, all others later: each kind has books of its own."""

CORRECTED_MAX = 24 * 60 * 60

LOST_WAIT_S = 1.0
"""From a lost answer to a newer version: docs/FAULTS.md says so to producers."""


@dataclass(slots=True)
class Corrected:
    """The account of some readings that are always posted together. One thread posts them.

    Attributes:
        number: Of the account; `ts` is so many seconds after `VERSIONS_START`.
        rows: Readings, each with a meter of its own.
        posted: The last version whose post began; 0 is none.
        acknowledged: The last version that an answer promised whole; 0 is none.
        committed: The last version that an answer called committed; 0 is none.
        acknowledgements: Versions that were acknowledged.
        attempts: Posts begun.
        lost_at_s: When the last answer was lost, monotonic; minus infinity if none was.
    """

    number: int
    rows: int
    posted: int = 0
    acknowledged: int = 0
    committed: int = 0
    acknowledgements: int = 0
    attempts: int = 0
    lost_at_s: float = -math.inf

    def begin(self, version: int) -> None:
        """Note a post before its first byte leaves; versions only grow."""
        self.posted = version
        self.attempts += 1

    def acknowledge(self, *, committed: bool) -> None:
        """Note that the version posted last is promised."""
        self.acknowledged = self.posted
        if committed:
            self.committed = self.posted
        self.acknowledgements += 1

    def lose(self) -> None:
        """Note that the answer to the last post is lost: the service may still be busy with it."""
        self.lost_at_s = time.monotonic()

    def wait_s(self, version: int) -> float:
        """Return how long a post of this version has to wait from now on, seconds."""
        if version == self.posted:
            return 0.0
        return max(0.0, self.lost_at_s + LOST_WAIT_S - time.monotonic())

    def release(self) -> None:
        """Expect none of the acknowledged versions any more: they may be gone."""
        self.acknowledged = self.committed = 0

    @property
    def ts(self) -> datetime:
        """Of all these readings."""
        return VERSIONS_START + timedelta(seconds=self.number)

    def each_key(self) -> Iterator[Key]:
        """Yield the key of each of the readings."""
        return ((self.ts, f"V-{row:06}") for row in range(self.rows))

    def body(self, version: int) -> bytes:
        """Return all readings in this version as NDJSON."""
        encode = msgspec.json.encode
        return b"".join(encode(reading_of(key, version)) + b"\n" for key in self.each_key())


def reading_of(key: Key, version: int) -> SentReading:
    """Return one reading; every column but the key and the source tells its version."""
    ts, meter_id = key
    return SentReading(
        ts=ts,
        meter_id=meter_id,
        kwh=float(version),
        premise_id=f"v{version}",
        kvarh=-float(version),
        kva_demand=version + 0.5,
        quality_flag="VALID" if version % 2 else "ESTIMATED",
        source_system="HES-1",
    )


class VersionLedger:
    """Makes the accounts of one run and keeps them. Thread-safe."""

    def __init__(self) -> None:
        self._corrected: list[Corrected] = []
        self._lock = threading.Lock()

    @property
    def corrected(self) -> Sequence[Corrected]:
        """All accounts, in the order of their numbers."""
        return list(self._corrected)

    def open(self, rows: int) -> Corrected:
        """Return a new account of readings that no other client posts."""
        with self._lock:
            number = len(self._corrected)
            if number >= CORRECTED_MAX:
                raise AssertionError("the readings with versions do not fit into their day")
            account = Corrected(number, rows)
            self._corrected.append(account)
            return account

    def release_acknowledged(self) -> None:
        """Expect none of the acknowledged versions any more: they may be gone."""
        for account in self.corrected:
            account.release()


def enter_versions(
    books: Books,
    corrected: Sequence[Corrected],
    database: QuestDBRest,
    *,
    start: datetime = FIRST,
    end: datetime = VERSIONS_END,
) -> None:
    """Add the rows with `ts` in [start, end) to the books of a run.

    A version that was never acknowledged may be stored, if it was posted after the last one that
    was. An account without an acknowledgement promises nothing.

    Args:
        books: Grow.
        corrected: All accounts of that time.
        database: Where the table is.
        start: In [start, end) there may be no other rows.
        end: Exclusive.

    Raises:
        RuntimeError: Committed rows are not applied in time.
    """
    database.wait_applied(TABLE)
    missing = {key: account for account in corrected for key in account.each_key()}
    owners = dict(missing)
    stored: dict[int, Counter[int]] = {account.number: Counter() for account in corrected}
    for row in stored_between(database, start, end):
        key = (row.ts, row.meter_id)
        books.stored += 1
        if missing.pop(key, None) is not None:
            stored[owners[key].number][_enter(books, owners[key], key, row)] += 1
        elif key in owners:
            books.doubled += 1
            books.find(f"{_name(key)}: stored once more, version {row.kwh}")
        else:
            books.unsent += 1
            books.find(f"{_name(key)}: stored, and not sent")
    for account in corrected:
        _settle(books, account, stored[account.number])


def enter_committed(books: Books, corrected: Sequence[Corrected], database: QuestDBRest) -> None:
    """Count as undone the readings that are older in the table than their committed version.

    May be asked while faults last, but not while these readings are posted.

    Raises:
        RuntimeError: Committed rows are not applied in time.
    """
    database.wait_applied(TABLE)
    start, end = within(corrected)
    stored = {(row.ts, row.meter_id): row.kwh or 0 for row in stored_between(database, start, end)}
    for account in corrected:
        older = sum(stored.get(key, 0) < account.committed for key in account.each_key())
        if older:
            books.undone += older
            books.find(
                f"{account.ts.isoformat()}: version {account.committed} was committed, a moment"
                f" later {older} of {account.rows} readings are older"
            )


def within(corrected: Sequence[Corrected]) -> tuple[datetime, datetime]:
    """Return the time [start, end) of these accounts, at least one, in their order."""
    return corrected[0].ts, corrected[-1].ts + timedelta(seconds=1)


def _enter(books: Books, account: Corrected, key: Key, row: StoredReading) -> int:
    """Return the version of a row; count it as wrong if it was not sent like this."""
    version = round(row.kwh or 0)
    if not 1 <= version <= account.posted or row != expected_row(reading_of(key, version)):
        books.wrong += 1
        books.find(f"{_name(key)}: not as any version was sent: {row}")
    return version


def _settle(books: Books, account: Corrected, stored: Counter[int]) -> None:
    """Compare the stored versions of one account with the promised one."""
    books.keys += account.rows
    books.versions += account.acknowledgements * account.rows
    if not account.acknowledged:
        return
    promised = f"{account.ts.isoformat()}: version {account.acknowledged} was promised"
    lost = account.rows - stored.total()
    if lost:
        books.lost += lost
        books.find(f"{promised}, {lost} of {account.rows} readings are not stored")
    for version, rows in sorted(stored.items()):
        if version < account.acknowledged:
            books.undone += rows
            books.find(f"{promised}, version {version} is stored for {rows} of {account.rows}")


def _name(key: Key) -> str:
    ts, meter_id = key
    return f"{ts.isoformat()} {meter_id}"
