"""The books of a profile: rows answered as accepted = rows in the table = rows counted.

Every body of a run has its own keys, and its rows say in `source_system` and `ts` which piece they
belong to, so the rows of each piece and the sum of their values are known. Row by row, as in
`loadtest.books`, the table of an hour of load would take minutes.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

import msgspec
from loadtest.database import QuestDBRest
from loadtest.profiles.bodies import INTERVAL, START, Stock
from loadtest.profiles.tally import Tally
from loadtest.profiles.verdict import Check, equal, within
from loadtest.service_counts import ServiceCounts
from loadtest.stored import COUNT_SQL, TABLE


class StoredPiece(msgspec.Struct, frozen=True, array_like=True):
    """The stored rows of one piece, with the sum of their kWh in thousandths."""

    ts: datetime
    source_system: str
    rows: int
    keys: int
    milli_kwh: int


def table_checks(
    tally: Tally, stock: Stock, stored: Iterable[StoredPiece], *, all_rows: int | None
) -> list[Check]:
    """Compare the stored pieces with the promised ones.

    `all_rows` are those of the whole table; None where others write to it too.
    """
    expected_min = sum(stock.piece(number).keys for number in tally.whole)
    expected_max = expected_min + sum(stock.piece(number).keys for number in tally.doubtful)
    missing, rows, keys = set(tally.whole), 0, 0
    findings = []
    for one in stored:
        rows += one.rows
        keys += one.keys
        number = _number(one, stock)
        missing.discard(number)
        if fault := _fault(one, number, tally, stock):
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


def _fault(one: StoredPiece, number: int, tally: Tally, stock: Stock) -> str:
    """Return what is wrong with a stored piece; empty if nothing is."""
    if number not in tally.whole and number not in tally.doubtful:
        return f"{one.rows} rows that were not sent"
    piece = stock.piece(number)
    if number in tally.doubtful:
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


def count_checks(tally: Tally, counted: ServiceCounts) -> list[Check]:
    """Compare the service's own counts of the run with the answers."""
    stored, flying = counted.stored_rows, counted.in_flight_rows
    checks = [
        within("rows stored, by the service", tally.accepted, tally.accepted_max, stored),
        equal("rows in flight after the run, by the service", 0, flying),
    ]
    if tally.certain:
        checks.append(equal("rows failed, by the service", 0, counted.failed_rows))
    received, rejected = counted.received_rows, counted.rejected_by_reason
    if received is None or rejected is None:
        return checks
    total = stored + sum(rejected.values()) + counted.failed_rows + flying
    name = "rows received = stored + rejected + failed + in flight"
    checks.append(equal(name, total, received))
    if tally.certain:
        checks.append(equal("rows received, by the service", tally.lines, received))
        wanted, seen = dict(sorted(tally.refused.items())), dict(sorted(rejected.items()))
        checks.append(
            Check("rows rejected, by the service", f"{wanted}", f"{seen}", wanted == seen)
        )
    return checks


def read_table(
    database: QuestDBRest, run: str, tally: Tally, stock: Stock, *, own_table: bool
) -> list[Check]:
    """Wait until everything committed is visible and check the table.

    `own_table`: only this run writes to it.
    """
    database.wait_applied(TABLE)
    latest = max(tally.whole | tally.doubtful, default=0) // len(stock.pieces) * INTERVAL
    all_rows = database.count(COUNT_SQL) if own_table else None
    pieces = _stored_pieces(database, run, START + latest)
    return table_checks(tally, stock, pieces, all_rows=all_rows)


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
