"""The books of a profile: rows answered as accepted = rows in the table = rows counted.

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
from loadtest.stored import COUNT_SQL, TABLE

_CERTAIN_STATUSES = frozenset((400, 401, 403, 404, 405, 413, 415, 422, 429))
"""After these, exactly the rows that the answer calls accepted are stored."""


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


def table_checks(
    sums: Promised, stock: Stock, stored: Iterable[StoredPiece], *, all_rows: int | None
) -> list[Check]:
    """Compare the stored pieces with the promised ones.

    `all_rows` are those of the whole table; None where others write to it too.
    """
    expected_min = sum(stock.piece(number).keys for number in sums.whole)
    expected_max = expected_min + sum(stock.piece(number).keys for number in sums.doubtful)
    missing, rows, keys = set(sums.whole), 0, 0
    findings = []
    for one in stored:
        rows += one.rows
        keys += one.keys
        number = _number(one, stock)
        missing.discard(number)
        if fault := _fault(one, number, sums, stock):
            findings.append(f"piece {number}: {fault}")
    findings += [f"piece {number} was acknowledged and is not there" for number in sorted(missing)]
    cause = f" ({findings[0]})" if findings else ""
    checks = [
        within("rows in the table", expected_min, expected_max, rows),
        equal("rows in the table that are there twice", 0, rows - keys),
        Check(
            "bodies that are not in the table as sent, row by row and in the sum of their values",
            "0",
            f"{len(findings):,}{cause}",
            not findings,
        ),
    ]
    if all_rows is not None:
        checks.append(equal("rows in the table that nobody sent", 0, all_rows - rows))
    return checks


def _fault(one: StoredPiece, number: int, sums: Promised, stock: Stock) -> str:
    """Return what is wrong with a stored piece; empty if nothing is."""
    if number not in sums.whole and number not in sums.doubtful:
        return f"{one.rows} rows that were not sent"
    piece = stock.piece(number)
    if number in sums.doubtful:
        return f"{one.keys} keys, sent {piece.keys}" if one.keys > piece.keys else ""
    if (one.rows, one.keys) != (piece.keys, piece.keys):
        return f"{one.rows} rows with {one.keys} keys, sent {piece.keys}"
    if one.milli_kwh != piece.milli_kwh:
        return f"{one.milli_kwh} Wh in all, sent {piece.milli_kwh}"
    return ""


def _number(one: StoredPiece, stock: Stock) -> int:
    """Return which piece of the run a stored one is; a negative one where it can be none."""
    index = one.source_system.rpartition("-")[2]
    interval, rest = divmod(one.ts - START, INTERVAL)
    if rest or not index.isdecimal() or int(index) >= len(stock.pieces):
        return -1
    return interval * len(stock.pieces) + int(index)


def count_checks(sums: Promised, counted: ServiceCounts) -> list[Check]:
    """Compare the service's own counts of the run with the answers."""
    stored, flying = counted.stored_rows, counted.in_flight_rows
    checks = [
        within("rows stored, by the service", sums.accepted, sums.accepted_max, stored),
        equal("rows in flight after the run, by the service", 0, flying),
    ]
    if sums.certain:
        checks.append(equal("rows failed, by the service", 0, counted.failed_rows))
    received, rejected = counted.received_rows, counted.rejected_by_reason
    if received is None or rejected is None:
        return checks
    total = stored + sum(rejected.values()) + counted.failed_rows + flying
    name = "rows received = stored + rejected + failed + in flight"
    checks.append(equal(name, total, received))
    if sums.certain:
        checks.append(equal("rows received, by the service", sums.lines, received))
        wanted, seen = dict(sorted(sums.refused.items())), dict(sorted(rejected.items()))
        checks.append(
            Check("rows rejected, by the service", f"{wanted}", f"{seen}", wanted == seen)
        )
    return checks


def read_table(
    database: QuestDBRest, run: str, sums: Promised, stock: Stock, *, own_table: bool
) -> list[Check]:
    """Wait until everything committed is visible and check the table.

    `own_table`: only this run writes to it.
    """
    database.wait_applied(TABLE)
    latest = max(sums.whole | sums.doubtful, default=0) // len(stock.pieces) * INTERVAL
    all_rows = database.count(COUNT_SQL) if own_table else None
    pieces = _stored_pieces(database, run, START + latest)
    return table_checks(sums, stock, pieces, all_rows=all_rows)


def _stored_pieces(database: QuestDBRest, run: str, last: datetime) -> Iterator[StoredPiece]:
    """Yield the stored pieces of a run, by time.

    One query for each partition: one over a table of hours would take minutes.
    """
    begin = START
    while begin <= last + INTERVAL:
        end = begin + timedelta(days=1)
        yield from database.rows(
            "SELECT ts, source_system, count(), count_distinct(meter_id),"  # noqa: S608 - our own
            " sum(cast(round(kwh * 1000, 0) AS LONG))"
            f" FROM {TABLE} WHERE ts >= '{begin:%Y-%m-%dT%H:%M:%SZ}'"
            f" AND ts < '{end:%Y-%m-%dT%H:%M:%SZ}' AND source_system LIKE '{run}-%'",
            StoredPiece,
        )
        begin = end
