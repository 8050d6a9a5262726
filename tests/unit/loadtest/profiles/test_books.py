"""The books balance for a right run; any row lost, doubled, altered or made up shows."""

from collections.abc import Callable
from datetime import timedelta

import msgspec
import pytest
from loadtest.profiles.bodies import INTERVAL, START, source_system
from loadtest.profiles.books import StoredPiece, count_checks, table_checks
from loadtest.profiles.tally import Attempt
from loadtest.profiles.verdict import Check
from loadtest.service_counts import ServiceCounts
from tests.unit.loadtest.profiles.test_tally import RIGHT, STOCK, tally

BODIES = 7
change = msgspec.structs.replace


def entry(number: int, status: int = 200, accepted: int | None = None, pieces: int = 1) -> Attempt:
    rows = sum(STOCK.piece(one).rows for one in range(number, number + pieces))
    accepted = rows if accepted is None else accepted
    return change(RIGHT, first=number, pieces=pieces, status=status, accepted=accepted)


def stored(number: int) -> StoredPiece:
    piece = STOCK.piece(number)
    return StoredPiece(
        START + number // 3 * INTERVAL,
        source_system("LT1", number % 3),
        piece.keys,
        piece.keys,
        piece.milli_kwh,
    )


ENTRIES = [entry(number) for number in range(BODIES)]
TABLE = [stored(number) for number in range(BODIES)]


def balance(
    entries: list[Attempt], table: list[StoredPiece], extra: int = 0, *, own_table: bool = True
) -> list[Check]:
    all_rows = sum(it.rows for it in table) + extra if own_table else None
    return table_checks(tally(*entries), STOCK, table, all_rows=all_rows)


def failures(checks: list[Check]) -> list[str]:
    return [check.name for check in checks if not check.passed]


ROWS = "rows in the table"
TWICE = "rows in the table that are there twice"
BODY = "bodies that are not in the table as sent, row by row and in the sum of their values"
NOBODY = "rows in the table that nobody sent"


def test_right_run_balances() -> None:
    checks = balance(ENTRIES, TABLE)
    assert (failures(checks), len(checks)) == ([], 4)
    keys = sum(STOCK.piece(number).keys for number in range(BODIES))
    assert checks[0].expected == checks[0].seen == f"{keys:,}"


def test_body_posted_twice_is_there_once() -> None:
    assert failures(balance([*ENTRIES, entry(3)], TABLE)) == []


@pytest.mark.parametrize(
    ("tamper", "names"),
    [
        (lambda it: change(it, rows=it.rows - 1, keys=it.keys - 1), [ROWS, BODY]),
        (lambda it: change(it, rows=it.rows + 1), [ROWS, TWICE, BODY]),
        (lambda it: change(it, rows=it.rows + 1, keys=it.keys + 1), [ROWS, BODY]),
        (lambda it: change(it, keys=it.keys - 1), [TWICE, BODY]),
        (lambda it: change(it, milli_kwh=it.milli_kwh + 1), [BODY]),
        (lambda it: change(it, ts=it.ts + timedelta(seconds=1)), [BODY]),
        (lambda it: change(it, ts=it.ts + 50 * INTERVAL), [BODY]),
        (lambda it: change(it, source_system="LT1-0003"), [BODY]),
        (lambda it: change(it, source_system="LT1-x"), [BODY]),
    ],
    ids=["lost", "doubled", "made up", "key lost", "altered", "moved", "late", "other", "none"],
)
def test_one_piece_that_was_tampered_with_shows(
    tamper: Callable[[StoredPiece], StoredPiece], names: list[str]
) -> None:
    checks = balance(ENTRIES, [*TABLE[:4], tamper(TABLE[4]), *TABLE[5:]])
    assert failures(checks) == names
    assert "(piece " in checks[2].seen


def test_acknowledged_body_that_is_not_there_shows() -> None:
    checks = balance(ENTRIES, TABLE[:-1])
    assert failures(checks) == [ROWS, BODY]
    assert checks[2].seen == f"1 (piece {BODIES - 1} was acknowledged and is not there)"


def test_row_of_somebody_else_shows_in_a_table_of_our_own_only() -> None:
    assert failures(balance(ENTRIES, TABLE, extra=1)) == [NOBODY]
    assert failures(balance(ENTRIES, TABLE, extra=1, own_table=False)) == []


@pytest.mark.parametrize("status", [0, 500, 503])
def test_body_without_a_sure_answer_may_be_there_or_not_or_in_part(status: int) -> None:
    entries = [*ENTRIES[:-1], entry(BODIES - 1, status, accepted=0)]
    last = TABLE[-1]
    part = change(last, rows=5, keys=5, milli_kwh=1)
    for table in (TABLE, TABLE[:-1], [*TABLE[:-1], part]):
        assert failures(balance(entries, table)) == []
    more = change(last, rows=last.rows + 1, keys=last.keys + 1)
    assert failures(balance(entries, [*TABLE[:-1], more])) == [ROWS, BODY]


def test_body_that_was_turned_away_must_not_be_there() -> None:
    entries = [*ENTRIES[:-1], entry(BODIES - 1, 429, accepted=0)]
    assert failures(balance(entries, TABLE[:-1])) == []
    assert failures(balance(entries, TABLE)) == [ROWS, BODY]


def test_body_that_was_turned_away_at_first_must_be_there_after_its_200() -> None:
    entries = [entry(0, 429, accepted=0), *ENTRIES]
    assert failures(balance(entries, TABLE)) == []
    assert tally(*entries).certain


def test_body_of_many_pieces_is_looked_at_piece_by_piece() -> None:
    assert failures(balance([entry(0, pieces=BODIES)], TABLE)) == []
    assert failures(balance([entry(0, pieces=BODIES)], [*TABLE[:2], *TABLE[3:]])) == [ROWS, BODY]


def right_counts() -> ServiceCounts:
    sums = tally(*ENTRIES)
    return ServiceCounts(sums.accepted, 0, 0, sums.lines, dict(sums.refused))


def count_failures(counts: ServiceCounts, entries: list[Attempt] = ENTRIES) -> list[str]:
    return failures(count_checks(tally(*entries), counts))


BALANCE = "rows received = stored + rejected + failed + in flight"


def test_right_metrics_balance() -> None:
    counts = right_counts()
    assert counts.rejected_by_reason
    assert count_failures(counts) == []
    assert len(count_checks(tally(*ENTRIES), counts)) == 6


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"stored_rows": -1}, ["rows stored, by the service", BALANCE]),
        ({"stored_rows": 1}, ["rows stored, by the service", BALANCE]),
        ({"failed_rows": 1}, ["rows failed, by the service", BALANCE]),
        ({"in_flight_rows": 1}, ["rows in flight after the run, by the service", BALANCE]),
        ({"received_rows": 1}, [BALANCE, "rows received, by the service"]),
    ],
)
def test_metric_that_is_off_by_one_shows(changes: dict[str, int], names: list[str]) -> None:
    counts = right_counts()
    for name, by in changes.items():
        counts = change(counts, **{name: getattr(counts, name) + by})
    assert count_failures(counts) == names


def test_row_counted_under_another_reason_shows() -> None:
    rejected = dict(right_counts().rejected_by_reason or {})
    rejected["invalid-json"] -= 1
    rejected["text-length"] = rejected.get("text-length", 0) + 1
    counts = change(right_counts(), rejected_by_reason=rejected)
    assert count_failures(counts) == ["rows rejected, by the service"]


def test_rows_of_a_lost_answer_may_be_counted_or_not() -> None:
    entries = [*ENTRIES, entry(BODIES, 0, accepted=0)]
    right, rows = right_counts(), STOCK.piece(BODIES).rows
    received = right.received_rows or 0
    more = change(right, stored_rows=right.stored_rows + rows, received_rows=received + rows)
    too_many = change(more, stored_rows=more.stored_rows + 1, received_rows=received + rows + 1)
    assert count_failures(right, entries) == []
    assert count_failures(more, entries) == []
    assert count_failures(too_many, entries) == ["rows stored, by the service"]


def test_status_alone_is_held_to_what_it_tells() -> None:
    counts = ServiceCounts(right_counts().stored_rows, 0, 0)
    assert count_failures(counts) == []
    assert count_failures(change(counts, stored_rows=0)) == ["rows stored, by the service"]
