"""Which intervals are expected of which meter: read from the reference tables as of then."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.analysis.questions.question_rig import Row, ask
from tests.unit.queries.query_rig import LONG_AGO, Database, store

from utility_ts_analytics.queries.time_range import TimeRange

pytestmark = pytest.mark.questdb

START = datetime(2024, 6, 3, 22, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
DAY = TimeRange(START, START + timedelta(days=1))
INSIDE = START + 10 * QUARTER


def known(database: Database, meters: Sequence[str] | None = None) -> list[Row]:
    """Stretches of one meter that touch are one here: any change about a meter may part them."""
    found: list[Row] = []
    for meter, first, end in sorted(ask(database, "expected_slots", DAY, given={"meters": meters})):
        if found and found[-1][0] == meter and found[-1][2] == first:
            found[-1] = (meter, found[-1][1], end)
        else:
            found.append((meter, first, end))
    return found


def store_known(
    database: Database,
    *,
    meters: list[tuple[datetime, str, str | None]] = (),  # type: ignore[assignment] # read only
    mapped: list[tuple[datetime, str, datetime | None]] = (),  # type: ignore[assignment]
    sent: list[tuple[datetime, str]] = (),  # type: ignore[assignment]
) -> None:
    store(
        database,
        meters=[{"valid_from": t, "meter_id": m, "status": s} for t, m, s in meters],
        meter_feeder_map=[
            {"valid_from": t, "meter_id": m, "feeder_id": "F", "valid_to": e} for t, m, e in mapped
        ],
        meter_usage=[{"ts": t, "meter_id": m, "kwh": 1.0} for t, m in sent],
    )


def test_meter_is_expected_from_its_first_version_on(questdb: Database) -> None:
    """The interval in which it becomes known is not expected, but for one that begins with it."""
    second = timedelta(seconds=1)
    store_known(
        questdb,
        meters=[
            (LONG_AGO, "a", "active"),
            (START, "b", None),
            (START + second, "c", "active"),
            (INSIDE, "d", "active"),
            (INSIDE - second, "e", "active"),
            (DAY.end - second, "f", "active"),
            (DAY.end, "g", "active"),
        ],
    )

    assert known(questdb) == [
        ("a", 0, 96),
        ("b", 0, 96),
        ("c", 1, 96),
        ("d", 10, 96),
        ("e", 10, 96),
    ]


def test_meter_is_expected_until_it_is_removed(questdb: Database) -> None:
    """And again once it is back."""
    store_known(
        questdb,
        meters=[
            (LONG_AGO, "a", "active"),
            (INSIDE, "a", "removed"),
            (INSIDE + 2 * QUARTER, "a", "active"),
            (INSIDE + 3 * QUARTER, "a", "vacant"),
            (LONG_AGO, "b", "removed"),
        ],
    )

    assert known(questdb) == [("a", 0, 10), ("a", 12, 96)]


def test_feeder_map_counts_for_meters_that_are_not_listed(questdb: Database) -> None:
    store_known(
        questdb,
        meters=[(LONG_AGO, "listed", "removed")],
        mapped=[
            (LONG_AGO, "listed", None),
            (LONG_AGO, "a", None),
            (LONG_AGO, "b", INSIDE),
            (LONG_AGO, "c", INSIDE),
            (INSIDE - 2 * QUARTER, "c", None),
            (LONG_AGO, "d", LONG_AGO),
        ],
    )

    assert known(questdb) == [("a", 0, 96), ("b", 0, 10), ("c", 0, 96)]


def test_meter_that_is_in_neither_counts_once_it_sent_something(questdb: Database) -> None:
    store_known(
        questdb,
        meters=[(LONG_AGO, "listed", "removed")],
        sent=[(INSIDE, "new"), (INSIDE, "listed"), (DAY.end, "later"), (START - QUARTER, "gone")],
    )

    assert known(questdb) == [("new", 0, 96)]


def test_only_those_asked_for_are_in_the_answer(questdb: Database) -> None:
    store_known(
        questdb,
        meters=[(LONG_AGO, "a", None), (LONG_AGO, "it's", None)],
        mapped=[(LONG_AGO, "b", None)],
        sent=[(INSIDE, "c"), (INSIDE, "d")],
    )

    assert [row[0] for row in known(questdb, ["it's", "c"])] == ["c", "it's"]
    assert [row[0] for row in known(questdb, ["b"])] == ["b"]
