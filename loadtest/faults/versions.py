"""Readings that are corrected again and again: what each version is, and what became of each.

The producer's side of the promise: it posts version n of some readings until it is acknowledged, or
gives up on it after any other answer or a lost one, and goes on to version n + 1: after an answer
at once, after a lost one `LOST_WAIT_S` later. Two posts of the same readings are never under way on
its side at the same time, though over any connections. The service's side: the version stored in
the end is the last acknowledged one or one that was posted after it, never an earlier one.
"""

import math
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec
from loadtest.stored_comparison import Key, SentReading

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
        number: Tells them from others: their `ts` is so many seconds after `VERSIONS_START`.
        rows: How many; each has a meter of its own.
        posted: The last version of which a post began; 0 is none.
        acknowledged: The last version that an answer promised whole; 0 is none.
        committed: The last version of which an answer said that QuestDB has it; 0 is none.
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
        """Note that the version posted last is promised.

        Args:
            committed: Whether QuestDB has it; otherwise it is spooled.
        """
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
        """Expect nothing any more of what was acknowledged so far: it may be gone."""
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
        """Return a new account of so many readings that nobody else posts."""
        with self._lock:
            number = len(self._corrected)
            if number >= CORRECTED_MAX:
                raise AssertionError("the readings with versions do not fit into their day")
            account = Corrected(number, rows)
            self._corrected.append(account)
            return account

    def release_acknowledged(self) -> None:
        """Expect nothing any more of what was acknowledged so far: it may be gone."""
        for account in self.corrected:
            account.release()
