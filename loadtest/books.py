"""Balances what clients were promised against the table, row by row and value by value."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from loadtest.database import QuestDBRest
from loadtest.ledger import Entry
from loadtest.stored import (
    FIRST,
    LAST,
    PAGE_ROWS,
    TABLE,
    Key,
    StoredReading,
    expected_row,
    page_differences,
    pages,
    stored_between,
)

FINDINGS_KEPT_MAX = 20
"""More are counted but not kept."""


@dataclass(slots=True)
class Books:
    """The result of comparing the table with the promises of one run.

    Attributes:
        acknowledged: Rows of bodies that an answer promised whole and that were not released;
            without readings that have versions.
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
        if len(self.findings) < FINDINGS_KEPT_MAX:
            self.findings.append(text)


def balance(
    path: Path,
    entries: Sequence[Entry],
    database: QuestDBRest,
    *,
    start: datetime = FIRST,
    page_rows: int = PAGE_ROWS,
) -> Books:
    """Compare the table with the ledger of one run.

    Every row of an acknowledged body must be there once. Of another body, as many rows as the best
    of its answers called accepted; the others may be there. The pages cover all time from `start`
    on, so a row that was never sent is found wherever it lies. Memory does not grow with the run.

    Args:
        path: The file of the bodies: NDJSON, ordered by `ts`, each line with its own key.
        entries: One for each body from the first one on; the rest of the file was not sent.
        database: Where the table is.
        start: Rows before this moment are not looked at.
        page_rows: Rows compared at a time, at least.

    Raises:
        RuntimeError: Committed rows are not applied in time.
    """
    database.wait_applied(TABLE)
    promised = [entry for entry in entries if not entry.released]
    books = Books(acknowledged=sum(it.body.rows for it in promised if it.acknowledged))
    missing_rows = [0] * len(entries)
    sent = _Sent(entries)
    first = True
    with path.open("rb") as lines:
        waiting = pages(itertools.islice(lines, sent.rows), page_rows)
        page = next(waiting, [])
        while page or first:
            first = False
            following = next(waiting, [])
            end = following[0].ts.astimezone(UTC) if following else LAST
            expected = sent.of_page([expected_row(reading) for reading in page])
            stored = stored_between(database, start, end)
            _enter(books, missing_rows, expected, stored)
            page, start = following, end
    for entry in promised:
        _settle(books, entry, missing_rows[entry.index])
    return books


class _Sent:
    """Walks the rows of the bodies in the order of the file; `rows` is how many."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.rows = sum(entry.body.rows for entry in entries)
        self._states = (
            (entry.index, number < entry.sent_rows)
            for entry in entries
            for number in range(entry.body.rows)
        )

    def of_page(self, rows: Iterable[StoredReading]) -> dict[Key, tuple[StoredReading, int]]:
        """Return those of the next rows that were sent, each with the index of its body."""
        return {
            (row.ts, row.meter_id): (row, index)
            for row, (index, was_sent) in zip(rows, self._states, strict=False)
            if was_sent
        }


def _enter(
    books: Books,
    missing_rows: list[int],
    expected: dict[Key, tuple[StoredReading, int]],
    stored: Sequence[StoredReading],
) -> None:
    books.stored += len(stored)
    wrong: set[tuple[datetime, str]] = set()
    wanted = {key: row for key, (row, _) in expected.items()}
    for found in page_differences(wanted, stored):
        key = (found.ts, found.meter_id)
        if found.column != "row":
            wrong.add(key)
        elif found.stored == "nothing":
            missing_rows[expected[key][1]] += 1
            continue
        elif key in expected:
            books.doubled += 1
        else:
            books.unsent += 1
        books.find(str(found))
    books.wrong += len(wrong)


def _settle(books: Books, entry: Entry, missing: int) -> None:
    lost = max(0, entry.promised_rows - (entry.sent_rows - missing))
    if lost:
        books.lost += lost
        books.find(
            f"body {entry.index}: {entry.promised_rows} of {entry.body.rows} rows were promised,"
            f" {lost} of them are not stored"
        )
