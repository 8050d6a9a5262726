"""The text of the daily questions: what is refused, and that values are quoted."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from utility_ts_analytics.queries.daily_energy import feeder_day_demand_sql, feeder_day_supply_sql
from utility_ts_analytics.queries.time_range import TimeRange

BERLIN = ZoneInfo("Europe/Berlin")


def days(first: datetime, count: int) -> TimeRange:
    return TimeRange(first, first + timedelta(days=count))


@pytest.mark.parametrize(
    ("start", "zone"),
    [
        (datetime(2024, 3, 31, tzinfo=BERLIN), "Europe/Berlin"),
        (datetime(2024, 10, 27, tzinfo=BERLIN), "Europe/Berlin"),
        (datetime(2024, 6, 2, 18, 30, tzinfo=UTC), "Asia/Kolkata"),
        # Midnight was skipped there on this day: it began at 01:00.
        (datetime(2018, 11, 4, 3, tzinfo=UTC), "America/Sao_Paulo"),
    ],
)
def test_a_range_may_start_where_a_day_of_the_zone_does(start: datetime, zone: str) -> None:
    end = (start.astimezone(ZoneInfo(zone)) + timedelta(days=1)).replace(hour=0)
    sql = feeder_day_demand_sql(TimeRange(start, end), zone=zone)
    assert f"TIME ZONE '{zone}'" in sql


@pytest.mark.parametrize(
    ("start", "zone"),
    [
        (datetime(2024, 6, 3, tzinfo=UTC), "Europe/Berlin"),
        (datetime(2024, 6, 3, tzinfo=BERLIN), "UTC"),
        (datetime(2024, 6, 3, 0, 0, 0, 1, tzinfo=UTC), "UTC"),
        (datetime(2024, 6, 3, 18, tzinfo=UTC), "Asia/Kolkata"),
    ],
)
def test_a_range_that_cuts_a_day_is_refused(start: datetime, zone: str) -> None:
    with pytest.raises(ValueError, match=f"no start of a day in {zone}"):
        feeder_day_demand_sql(days(start, 1), zone=zone)
    midnight = start.astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0)
    with pytest.raises(ValueError, match=f"no start of a day in {zone}"):
        feeder_day_demand_sql(TimeRange(midnight, midnight + timedelta(hours=30)), zone=zone)


@pytest.mark.parametrize("zone", ["Europe/Berlim", "UTC' OR '1", "../etc", ""])
def test_an_unknown_zone_is_refused(zone: str) -> None:
    with pytest.raises(ValueError, match="there is no such zone"):
        feeder_day_demand_sql(days(datetime(2024, 6, 3, tzinfo=UTC), 1), zone=zone)


@pytest.mark.parametrize("minutes", [0, -15, 1441])
def test_an_impossible_interval_is_refused(minutes: int) -> None:
    with pytest.raises(ValueError, match="1 to 1440"):
        feeder_day_supply_sql(days(datetime(2024, 6, 3, tzinfo=UTC), 1), interval_minutes=minutes)
