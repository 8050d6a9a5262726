"""QuestDB gives every ten minutes the period and day type that the calendar says."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.queries.query_rig import Database, rows_of
from tests.unit.queries.tariff_rig import calendar_of, day_type_at, rate_at

from utility_ts_analytics.queries.local_calendar import grid_sql
from utility_ts_analytics.queries.tariff_calendar import DAY_TYPES
from utility_ts_analytics.queries.tariff_labels import day_type_sql, name_sql, rate_sql
from utility_ts_analytics.queries.time_range import TimeRange

# Both clock changes of both zones, both changes of season, all holidays, and New Year.
SPRING = TimeRange(datetime(2024, 3, 25, tzinfo=UTC), datetime(2024, 5, 3, tzinfo=UTC))
AUTUMN = TimeRange(datetime(2024, 10, 3, tzinfo=UTC), datetime(2024, 10, 30, tzinfo=UTC))
NEW_YEAR = TimeRange(datetime(2024, 12, 30, tzinfo=UTC), datetime(2025, 1, 2, tzinfo=UTC))


@pytest.mark.questdb
@pytest.mark.parametrize("zone", ["Europe/Berlin", "Australia/Adelaide"])
@pytest.mark.parametrize("asked", [SPRING, AUTUMN, NEW_YEAR], ids=["spring", "autumn", "new-year"])
def test_every_ten_minutes_have_their_labels(
    questdb: Database, zone: str, asked: TimeRange
) -> None:
    calendar, step = calendar_of(zone), timedelta(minutes=10)
    labels = f"{rate_sql(calendar, asked)} AS rate, {day_type_sql(calendar, asked)} AS day_type"
    rows = rows_of(questdb, f"SELECT ts, rate, day_type FROM {grid_sql(asked, 10, zone, labels)}")

    assert len(rows) == (asked.end - asked.start) // step
    for index, (ts, rate, day_type) in enumerate(rows):
        at = asked.start + index * step
        assert ts == at
        assert calendar.rates[int(str(rate))] == rate_at(calendar, at), at
        assert DAY_TYPES[int(str(day_type))] == day_type_at(calendar, at), at


def test_holidays_far_from_the_range_are_left_out() -> None:
    calendar = calendar_of("UTC")
    week = TimeRange(datetime(2024, 5, 2, tzinfo=UTC), datetime(2024, 5, 9, tzinfo=UTC))

    assert re.findall(r"2024-\d\d-\d\d", day_type_sql(calendar, week)) == ["2024-05-01"]


@pytest.mark.questdb
def test_index_becomes_its_name(questdb: Database) -> None:
    """Of a column: of a constant, QuestDB unquotes a name that starts with a quote once more."""
    names = ["plain", "it's", "'quoted'", "-- ;"]
    sql = f"SELECT {name_sql('code', names)} AS name FROM (SELECT x - 1 AS code"

    assert rows_of(questdb, f"{sql} FROM long_sequence(4))") == [(name,) for name in names]
    assert name_sql("code", ["only"]) == "'only'"
