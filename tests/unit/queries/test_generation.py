"""The text of the queries for generation, and what they refuse."""

from datetime import UTC, datetime, timedelta

import pytest

from utility_ts_analytics.queries.generation import capacity_factor_sql, generation_by_fuel_sql
from utility_ts_analytics.queries.time_range import TimeRange

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = TimeRange(START, START + timedelta(days=1))


@pytest.mark.parametrize("sample_by", ["15m", "30m", "1h", "1d", "1w", "1M", "1y"])
def test_bucket_of_whole_intervals_is_taken(sample_by: str) -> None:
    assert f"SAMPLE BY {sample_by} ALIGN TO CALENDAR" in generation_by_fuel_sql(DAY, sample_by)


@pytest.mark.parametrize(("sample_by", "minutes"), [("10m", 15), ("1h", 1440), ("3600s", 15)])
def test_bucket_that_cuts_intervals_is_refused(sample_by: str, minutes: int) -> None:
    with pytest.raises(ValueError, match="a bucket must hold whole intervals"):
        generation_by_fuel_sql(DAY, sample_by, interval_minutes=minutes)


def test_hours_of_a_zone_are_refused() -> None:
    with pytest.raises(ValueError, match="hours are sampled in UTC"):
        generation_by_fuel_sql(DAY, "1h", zone="Europe/Berlin")


@pytest.mark.parametrize("zone", ["Atlantis", "UTC'; DROP TABLE plants; --", ""])
def test_unknown_zone_is_refused(zone: str) -> None:
    with pytest.raises(ValueError, match="as a time zone"):
        generation_by_fuel_sql(DAY, zone=zone)


def test_bad_values_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot sample by"):
        generation_by_fuel_sql(DAY, "1d; DROP TABLE plants")
    with pytest.raises(ValueError, match="an interval of 7 minutes"):
        generation_by_fuel_sql(DAY, interval_minutes=7)
    with pytest.raises(ValueError, match="an interval of 0 minutes"):
        capacity_factor_sql(DAY, interval_minutes=0)
