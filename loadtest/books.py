"""Balances what clients were promised against the table, row by row and value by value."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import msgspec
from loadtest.database import QuestDBRest
from loadtest.ledger import KEPT_MAX, STEP, Account, reading_of
from loadtest.stored import (
    FIRST,
    LAST,
    TABLE,
    Key,
    StoredReading,
    differences,
    expected_row,
    stored_between,
)

_PAGE_ROWS = 20_000
"""Rows compared at a time, at least."""


@dataclass(slots=True)
class Books:
    """The result of comparing the table with the promises of one run.

    Attributes:
        acknowledged: Promised rows of groups that are posted in one version.
        keys: Readings that were posted in several versions.
        versions: Acknowledged versions of them.
        stored: Rows in the table.
        undone: Readings whose stored version is older than the last acknowledged one.
        lost: Promised rows that are not in the table.
        doubled: Rows after the first one of their key.
        wrong: Rows with a value that was not sent.
        unsent: Rows that were not sent, or sent without the end of their line.
        findings: The first of these, in words.
    """

    acknowledged: int = 0
    keys: int = 0
    versions: int = 0
    stored: int = 0
    undone: int = 0
    lost: int = 0
    doubled: int = 0
    wrong: int = 0
    unsent: int = 0
    findings: list[str] = field(default_factory=list)

    @property
    def balanced(self) -> bool:
        """Whether every promise was kept and nothing else is there."""
        return self.undone == self.lost == self.doubled == self.wrong == self.unsent == 0

    def find(self, text: str) -> None:
        """Keep a finding; there may be many."""
        if len(self.findings) < KEPT_MAX:
            self.findings.append(text)


def balance(
    books: Books,
    accounts: Sequence[Account],
    database: QuestDBRest,
    *,
    whole_table: bool = True,
    event_ids: bool = True,
    page_rows: int = _PAGE_ROWS,
) -> Books:
    """Add the comparison of the table with some accounts to the books, and return these.

    Every row of an acknowledged group must be there once, in the last acknowledged version or in
    one that was posted later. Of another group, as many rows as the best of its answers called
    accepted; the others may be there. Memory does not grow with the run.

    Args:
        books: Grow.
        accounts: All accounts of a span of time, in the order of their numbers.
        database: Where the table is.
        whole_table: Whether there may be no other rows at any time, or only within that span.
        event_ids: Whether rows have the event ids that the service derives, or none.
        page_rows: Rows compared at a time, at least.

    Raises:
        RuntimeError: Committed rows are not applied in time.
    """
    database.wait_applied(TABLE)
    pages = list(_pages(accounts, page_rows)) or [[]]
    for number, page in enumerate(pages):
        start = page[0].ts if page and (number or not whole_table) else FIRST
        last = number == len(pages) - 1
        end = (
            LAST
            if last and whole_table
            else page[-1].ts + STEP
            if last
            else pages[number + 1][0].ts
        )
        _enter(books, page, stored_between(database, start, end), event_ids)
    return books


def balance_committed(books: Books, accounts: Sequence[Account], database: QuestDBRest) -> None:
    """Count as undone the readings that are older in the table than their committed version.

    May be asked while faults last, but not while these readings are posted.

    Raises:
        RuntimeError: Committed rows are not applied in time.
    """
    database.wait_applied(TABLE)
    rows = stored_between(database, accounts[0].ts, accounts[-1].ts + STEP)
    stored = {(row.ts, row.meter_id): _version(row) for row in rows}
    for account in accounts:
        older = sum(stored.get(key, 0) < account.committed for key in account.each_key())
        if older:
            books.undone += older
            books.find(
                f"{account.ts.isoformat()}: version {account.committed} was committed, a moment"
                f" later {older} of {account.rows} readings are older"
            )


def _pages(accounts: Sequence[Account], page_rows: int) -> Iterator[list[Account]]:
    page: list[Account] = []
    for account in accounts:
        page.append(account)
        if sum(it.rows for it in page) >= page_rows:
            yield page
            page = []
    if page:
        yield page


def _enter(
    books: Books, page: Sequence[Account], stored: Sequence[StoredReading], event_ids: bool
) -> None:
    owners = {
        key: account
        for account in page
        for index, key in enumerate(account.each_key())
        if index < account.sent_rows
    }
    seen: set[Key] = set()
    present: Counter[int] = Counter()
    older: Counter[tuple[int, int]] = Counter()
    for row in stored:
        books.stored += 1
        key = (row.ts, row.meter_id)
        if key not in owners:
            books.unsent += 1
            books.find(f"{_name(key)}: stored, and not sent")
        elif key in seen:
            books.doubled += 1
            books.find(f"{_name(key)}: stored once more")
        else:
            seen.add(key)
            account, version = owners[key], _version(row)
            present[account.number] += 1
            if not _is_right(books, account, row, event_ids):
                books.wrong += 1
            elif version < account.acknowledged:
                older[account.number, version] += 1
    for account in page:
        _settle(books, account, present[account.number])
    by_number = {account.number: account for account in page}
    for (number, version), rows in older.items():
        account = by_number[number]
        books.undone += rows
        books.find(
            f"{account.ts.isoformat()}: version {account.acknowledged} was promised,"
            f" version {version} is stored for {rows} of {account.rows}"
        )


def _settle(books: Books, account: Account, present: int) -> None:
    if account.corrected:
        books.keys += account.rows
        books.versions += account.acknowledgements * account.rows
    elif account.acknowledged:
        books.acknowledged += account.rows
    promised_rows = account.rows if account.acknowledged else account.promised_rows
    lost = promised_rows - present
    if lost > 0:
        books.lost += lost
        books.find(
            f"{account.ts.isoformat()}: {promised_rows} of {account.rows} rows were promised,"
            f" {lost} of them are not stored"
        )


def _version(row: StoredReading) -> int:
    """Return which version a row says it is; 0 if it says nothing."""
    text = (row.premise_id or "").removeprefix("v")
    return int(text) if text.isdecimal() else 0


def _is_right(books: Books, account: Account, row: StoredReading, event_ids: bool) -> bool:
    key, version = (row.ts, row.meter_id), _version(row)
    if not 1 <= version <= account.posted:
        books.find(f"{_name(key)}: not as any version was sent: {row}")
        return False
    expected = expected_row(reading_of(key, version))
    if not event_ids:
        expected = msgspec.structs.replace(expected, event_id=None)
    found = differences(expected, row)
    if found:
        books.find(f"{_name(key)}: version {version}: {'; '.join(found)}")
    return not found


def _name(key: Key) -> str:
    ts, meter_id = key
    return f"{ts.isoformat()} {meter_id}"
