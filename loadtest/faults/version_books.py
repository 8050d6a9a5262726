"""Balances versions: of each reading, no older one is stored than the last that was promised."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from loadtest.faults.books import Books
from loadtest.faults.versions import VERSIONS_END, Corrected, reading_of
from loadtest.questdb_rest import QuestDBRest
from loadtest.stored_comparison import (
    FIRST,
    TABLE,
    Key,
    StoredReading,
    expected_row,
    stored_between,
)


def enter_versions(
    books: Books,
    corrected: Sequence[Corrected],
    database: QuestDBRest,
    *,
    start: datetime = FIRST,
    end: datetime = VERSIONS_END,
) -> None:
    """Add what is stored with `ts` in [start, end) to the books of a run.

    A version that was never acknowledged may be stored, if it was posted after the last one that
    was. An account without an acknowledgement promises nothing.

    Args:
        books: Grow.
        corrected: All accounts of that time.
        database: Where the table is.
        start: Nothing else may be stored from here on,
        end: and before this.

    Raises:
        RuntimeError: What was committed is not applied in time.
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
            books.find(f"{_name(key)}: stored, and nobody sent it")
    for account in corrected:
        _settle(books, account, stored[account.number])


def enter_committed(books: Books, corrected: Sequence[Corrected], database: QuestDBRest) -> None:
    """Add readings that are older in the table than what an answer called committed, as undone.

    May be asked while faults last, but not while these readings are posted.

    Raises:
        RuntimeError: What was committed is not applied in time.
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
    """Return the version of a row, once it is known to be one that was sent."""
    version = round(row.kwh or 0)
    if not 1 <= version <= account.posted or row != expected_row(reading_of(key, version)):
        books.wrong += 1
        books.find(f"{_name(key)}: not as any version was sent: {row}")
    return version


def _settle(books: Books, account: Corrected, stored: Counter[int]) -> None:
    """Hold the stored versions of one account, each with its readings, against the promise."""
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
