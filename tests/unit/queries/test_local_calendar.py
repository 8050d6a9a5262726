"""The grid has every instant of a range once, with the wall clock that Python gives it too."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.queries.query_rig import Database, rows_of

from utility_ts_analytics.queries.local_calendar import (
    LOCAL_DAY,
    LOCAL_MINUTE,
    from_whole_step,
    grid_sql,
    zone_literal,
)
from utility_ts_analytics.queries.time_range import TimeRange

LABELS = f"{LOCAL_DAY} AS local_day, {LOCAL_MINUTE} AS minute"


@pytest.mark.questdb
@pytest.mark.parametrize(
    ("zone", "start"),
    [
        ("Europe/Berlin", datetime(2024, 3, 30, 22, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2024, 10, 26, 21, tzinfo=UTC)),
        ("Australia/Adelaide", datetime(2024, 4, 6, 12, 30, tzinfo=UTC)),
        ("Australia/Adelaide", datetime(2024, 10, 5, 12, 30, tzinfo=UTC)),
        ("Australia/Lord_Howe", datetime(2024, 4, 6, 12, tzinfo=UTC)),  # half an hour of summer
        ("America/Santiago", datetime(2024, 9, 8, 0, tzinfo=UTC)),  # midnight is missing
        ("Asia/Kathmandu", datetime(2024, 1, 1, 17, tzinfo=UTC)),
        ("UTC", datetime(2024, 2, 28, tzinfo=UTC)),
    ],
    ids=lambda value: str(value).replace("/", "-").replace(" ", "T"),
)
def test_grid_has_the_wall_clock_of_each_instant(
    questdb: Database, zone: str, start: datetime
) -> None:
    asked = TimeRange(start, start + timedelta(days=2))
    step = timedelta(minutes=15)
    expected = []
    for slot in range(192):
        local = (start + slot * step).astimezone(ZoneInfo(zone)).replace(tzinfo=UTC)
        midnight = local.replace(hour=0, minute=0)
        expected.append((start + slot * step, slot, midnight, local.hour * 60 + local.minute))

    assert rows_of(questdb, f"SELECT * FROM {grid_sql(asked, 15, zone, LABELS)}") == expected


@pytest.mark.questdb
def test_last_instant_lies_before_the_end(questdb: Database) -> None:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    for minutes, count in ((1, 1), (15, 1), (16, 2), (30, 2)):
        asked = TimeRange(start, start + timedelta(minutes=minutes))
        grid = grid_sql(asked, 15, "UTC", LABELS)

        assert rows_of(questdb, f"SELECT count() FROM {grid}") == [(count,)]


@pytest.mark.parametrize(
    "zone",
    [
        "",
        "Mars/Olympus",
        "../etc/passwd",
        "/etc/localtime",
        "UTC'",
        "'UTC'",
        "UTC; --",
        "U\x00",
        "é",
    ],
)
def test_name_that_is_no_zone_is_refused(zone: str) -> None:
    with pytest.raises(ValueError, match="as a time zone"):
        zone_literal(zone)


@settings(max_examples=30)  # a look into the file system each
@given(st.text(max_size=20))
def test_any_zone_stays_one_literal_without_a_quote_inside(zone: str) -> None:
    """QuestDB unquotes a constant argument twice, so that quoting alone would not do."""
    try:
        literal = zone_literal(zone)
    except ValueError:
        return
    assert literal == f"'{zone}'"
    assert "'" not in zone


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
    st.integers(1, 1440),
)
def test_range_begins_on_a_whole_step_at_most_one_step_earlier(start: datetime, step: int) -> None:
    asked = TimeRange(start, start + timedelta(days=1))
    begun = from_whole_step(asked, step)

    assert timedelta(0) <= asked.start - begun.start < timedelta(minutes=step)
    assert (begun.start - datetime(1970, 1, 1, tzinfo=UTC)) % timedelta(minutes=step) == timedelta()
    assert begun.end == asked.end
