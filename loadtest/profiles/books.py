"""The books of a profile: rows answered as accepted = rows in the table = rows in the metrics.

Every body of a run has its own keys, and its rows say in `source_system` and `ts` which piece they
belong to, so the rows of each piece and the sum of their values are known. Row by row, as in
`loadtest.books`, the table of an hour of load would take minutes.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec
from loadtest.database import QuestDBRest
from loadtest.profiles.bodies import INTERVAL, START, Stock
from loadtest.profiles.figures import Entry
from loadtest.profiles.verdict import Check, equal, within
from loadtest.service_counts import ServiceCounts
from loadtest.stored import TABLE

_CERTAIN_STATUSES = frozenset((400, 401, 403, 404, 405, 413, 415, 422, 429))
"""After these, exactly the rows that the answer calls accepted are stored."""

_FINDINGS_KEPT_MAX = 10


class StoredPiece(msgspec.Struct, frozen=True, array_like=True):
    """The stored rows of one piece, with the sum of their kWh in thousandths."""

    ts: datetime
    source_system: str
    rows: int
    keys: int
    milli_kwh: int


@dataclass(slots=True)
class Promised:
    """The sums over the answers of a run.

    Attributes:
        accepted: Rows that answers call accepted, repeats included.
        accepted_max: The same, with all rows of posts that have no certain answer.
        lines: Lines of bodies that were answered by 200.
        refused: Lines that such answers refused, by code.
        certain: Whether every answer was a 200 or accepted nothing for certain.
        whole: Numbers of pieces that an answer calls stored.
        doubtful: Numbers of pieces that may be stored, whole or in part.
    """

    accepted: int = 0
    accepted_max: int = 0
    lines: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    certain: bool = True
    whole: set[int] = field(default_factory=set)
    doubtful: set[int] = field(default_factory=set)


@dataclass(slots=True)
class TableBooks:
    """The table against the promises.

    Attributes:
        expected_min: Rows that must be there.
        expected_max: Rows that may be there.
        rows: Rows of this run that are there.
        keys: Different keys among them, piece by piece.
        all_rows: Of the whole table.
        wrong_pieces: Pieces with too few or too many rows.
        wrong_sums: Pieces with the right rows and other values.
        unsent_pieces: Pieces that were not sent.
        findings: The first of these, in words.
    """

    expected_min: int = 0
    expected_max: int = 0
    rows: int = 0
    keys: int = 0
    all_rows: int = 0
    wrong_pieces: int = 0
    wrong_sums: int = 0
    unsent_pieces: int = 0
    findings: list[str] = field(default_factory=list)


def promised(entries: Iterable[Entry], stock: Stock) -> Promised:
    """Add up the answers of a journal. Memory grows by some bytes for each body."""
    sums = Promised()
    for entry in entries:
        numbers = range(entry.first, entry.first + entry.pieces)
        pieces = [stock.piece(number) for number in numbers]
        rows = sum(piece.rows for piece in pieces)
        sums.accepted += entry.accepted
        if entry.status == 200:
            sums.accepted_max += entry.accepted
            sums.lines += sum(piece.lines for piece in pieces)
            for piece in pieces:
                sums.refused.update(piece.refused)
            # An answer that accepts fewer rows than are right is a fault, and does not say which.
            (sums.whole if entry.accepted == rows else sums.doubtful).update(numbers)
        elif entry.status in _CERTAIN_STATUSES and entry.accepted == 0:
            sums.certain = sums.certain and entry.status == 429
        else:
            sums.certain = False
            sums.accepted_max += rows
            sums.doubtful.update(numbers)
    sums.doubtful -= sums.whole
    return sums


def table_books(sums: Promised, stock: Stock, stored: Iterable[StoredPiece]) -> TableBooks:
    """Compare the stored pieces with the promised ones."""
    books = TableBooks()
    books.expected_min = sum(stock.piece(number).keys for number in sums.whole)
    books.expected_max = books.expected_min + sum(
        stock.piece(number).keys for number in sums.doubtful
    )
    missing = set(sums.whole)
    for one in stored:
        books.rows += one.rows
        books.keys += one.keys
        number = _number(one, stock)
        missing.discard(number)
        if number in sums.whole:
            _compare(books, one, number, stock)
        elif number in sums.doubtful:
            if one.keys > stock.piece(number).keys:
                books.wrong_pieces += 1
                _find(books, f"piece {number}: {one.keys} keys, it has no more than it was sent")
        else:
            books.unsent_pieces += 1
            _find(books, f"piece {number} was not sent: {one.rows} rows")
    books.wrong_pieces += len(missing)
    for number in sorted(missing)[:_FINDINGS_KEPT_MAX]:
        _find(books, f"piece {number} was acknowledged and is not there")
    return books


def stored_pieces(
    database: QuestDBRest, run: str, last: datetime, *, span: timedelta = timedelta(days=1)
) -> Iterator[StoredPiece]:
    """Yield the stored pieces of a run, by time.

    One query for each partition: one over a table of hours would take minutes.
    """
    begin = START
    while begin <= last + INTERVAL:
        end = begin + span
        yield from database.rows(
            "SELECT ts, source_system, count(), count_distinct(meter_id),"  # noqa: S608 - our own
            " sum(cast(round(kwh * 1000, 0) AS LONG))"
            f" FROM {TABLE} WHERE ts >= '{begin:%Y-%m-%dT%H:%M:%SZ}'"
            f" AND ts < '{end:%Y-%m-%dT%H:%M:%SZ}' AND source_system LIKE '{run}-%'",
            StoredPiece,
        )
        begin = end


def last_interval(sums: Promised, stock: Stock) -> datetime:
    """Return the time of the latest piece that may be stored."""
    latest = max(sums.whole | sums.doubtful, default=0)
    return START + latest // len(stock.pieces) * INTERVAL


def table_checks(books: TableBooks, *, own_table: bool) -> list[Check]:
    """Judge the table. `own_table`: only this run writes to it."""
    cause = f" ({books.findings[0]})" if books.findings else ""
    found = books.wrong_pieces + books.wrong_sums + books.unsent_pieces
    checks = [
        within("rows in the table", books.expected_min, books.expected_max, books.rows),
        equal("rows in the table that are there twice", 0, books.rows - books.keys),
        Check(
            "bodies that are not in the table as sent, row by row and in the sum of their values",
            "0",
            f"{found:,}{cause}",
            found == 0,
        ),
    ]
    if own_table:
        checks.append(equal("rows in the table that nobody sent", 0, books.all_rows - books.rows))
    return checks


def metrics_checks(sums: Promised, counted: ServiceCounts) -> list[Check]:
    """Compare the service's own counts of the run with the answers."""
    where = counted.source
    checks = [
        within(f"rows stored, by {where}", sums.accepted, sums.accepted_max, counted.stored),
        equal(f"rows in flight after the run, by {where}", 0, counted.in_flight),
    ]
    if sums.certain:
        checks.append(equal(f"rows failed, by {where}", 0, counted.failed))
    if counted.received is None or counted.rejected is None:
        return checks
    total = counted.stored + sum(counted.rejected.values()) + counted.failed + counted.in_flight
    checks.append(
        equal("rows received = stored + rejected + failed + in flight", total, counted.received)
    )
    if sums.certain:
        checks.append(equal(f"rows received, by {where}", sums.lines, counted.received))
        wanted = dict(sorted(sums.refused.items()))
        seen = dict(sorted(counted.rejected.items()))
        checks.append(Check(f"rows rejected, by {where}", f"{wanted}", f"{seen}", wanted == seen))
    return checks


def read_table(database: QuestDBRest, run: str, sums: Promised, stock: Stock) -> TableBooks:
    """Wait until everything committed is visible and balance the table."""
    database.wait_applied(TABLE)
    books = table_books(sums, stock, stored_pieces(database, run, last_interval(sums, stock)))
    books.all_rows = database.count(f"SELECT count() FROM {TABLE}")  # noqa: S608 - constant
    return books


def _number(one: StoredPiece, stock: Stock) -> int:
    """Return which piece of the run a stored one is; a negative one where it can be none."""
    index = one.source_system.rpartition("-")[2]
    interval, rest = divmod(one.ts - START, INTERVAL)
    if rest or not index.isdecimal() or int(index) >= len(stock.pieces):
        return -1
    return interval * len(stock.pieces) + int(index)


def _compare(books: TableBooks, one: StoredPiece, number: int, stock: Stock) -> None:
    piece = stock.piece(number)
    if (one.rows, one.keys) != (piece.keys, piece.keys):
        books.wrong_pieces += 1
        _find(books, f"piece {number}: {one.rows} rows with {one.keys} keys, sent {piece.keys}")
    elif one.milli_kwh != piece.milli_kwh:
        books.wrong_sums += 1
        _find(books, f"piece {number}: {one.milli_kwh} Wh in all, sent {piece.milli_kwh}")


def _find(books: TableBooks, text: str) -> None:
    if len(books.findings) < _FINDINGS_KEPT_MAX:
        books.findings.append(text)
