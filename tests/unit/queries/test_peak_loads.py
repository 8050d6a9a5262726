"""Loads that peaks are looked for in; `test_peaks_results` has them as part of whole answers."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.queries.answers import Database, store

from utility_ts_analytics.queries.interval_length import IntervalLength
from utility_ts_analytics.queries.peak_loads import (
    comparable_sql,
    group_loads_sql,
    meter_loads_sql,
    single_loads_sql,
)
from utility_ts_analytics.queries.time_range import TimeRange

pytestmark = pytest.mark.questdb

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = TimeRange(NOON, NOON + timedelta(hours=1))


def ordered(database: Database, sql: str) -> list[tuple[object, ...]]:
    """The rows of a statement that promises no order."""
    return sorted((tuple(row) for row in database.query(sql)), key=str)


def test_three_views_of_the_same_energy(questdb: Database) -> None:
    """A meter with readings of five minutes, one without a value, one of a quarter."""
    five = timedelta(minutes=5)
    store(
        questdb,
        {
            "meter_usage (ts, meter_id, kwh)": [
                (NOON, "m-1", 1.0),
                (NOON + five, "m-1", 2.0),
                (NOON, "m-2", None),
                (NOON, "m-3", 4.0),
            ],
            "meter_scale_map (valid_from, meter_id, scale_factor)": [(NOON + five, "m-1", 10.0)],
        },
    )
    ts, length = "2026-03-01T12:00:00.000000Z", IntervalLength(15)

    assert questdb.query(group_loads_sql(HOUR, "system", None, length)) == [(ts, "system", 25.0, 2)]
    assert ordered(questdb, meter_loads_sql(HOUR, "system", None, length)) == [
        (ts, "system", "m-1", 21.0),
        (ts, "system", "m-3", 4.0),
    ]
    assert ordered(questdb, single_loads_sql(HOUR, "system", None, length)) == [
        (ts, "system", "m-1", 1.0),
        (ts, "system", "m-1", 20.0),
        (ts, "system", "m-3", 4.0),
    ]


@pytest.mark.parametrize(
    ("energy", "comparable"),
    [
        ("0.1 + 0.2", "0.3"),
        ("-0.0", "0.0"),
        ("-1.0000004", "-1.0"),
        ("1e15", "1.0E15"),
        ("-1e15", "-1.0E15"),
    ],
)
def test_sums_that_differ_by_their_order_are_equal(
    questdb: Database, energy: str, comparable: str
) -> None:
    ((text,),) = questdb.query(
        f"SELECT ({comparable_sql('kwh')})::string FROM (SELECT x * 0 + {energy} AS kwh"
        " FROM long_sequence(1))"
    )

    assert text == comparable
