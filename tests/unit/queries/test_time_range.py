"""What a range of time keeps, refuses and writes into SQL."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from utility_ts_analytics.queries.time_range import TimeRange

START = datetime(2026, 3, 1, tzinfo=UTC)


def test_range_is_kept_in_utc() -> None:
    berlin = ZoneInfo("Europe/Berlin")

    kept = TimeRange(
        datetime(2026, 7, 1, tzinfo=berlin), datetime(2026, 7, 1, 2, 30, tzinfo=berlin)
    )

    assert kept == TimeRange(
        datetime(2026, 6, 30, 22, tzinfo=UTC), datetime(2026, 7, 1, 0, 30, tzinfo=UTC)
    )


def test_range_over_the_repeated_autumn_hour_lasts_an_hour() -> None:
    once = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))

    kept = TimeRange(once, once.replace(fold=1))

    assert kept.end - kept.start == timedelta(hours=1)


@pytest.mark.parametrize("length", [timedelta(0), timedelta(microseconds=-1)])
def test_range_that_does_not_end_later_is_refused(length: timedelta) -> None:
    with pytest.raises(ValueError, match="end later than it starts"):
        TimeRange(START, START + length)


def test_range_with_a_naive_time_is_refused() -> None:
    naive = START.replace(tzinfo=None)

    with pytest.raises(ValueError, match="no time zone"):
        TimeRange(naive, START + timedelta(days=1))
    with pytest.raises(ValueError, match="no time zone"):
        TimeRange(START, naive + timedelta(days=1))


def test_condition_includes_the_start_and_not_the_end() -> None:
    one_hour = TimeRange(START, START + timedelta(hours=1))

    assert one_hour.covers_sql("mu.ts") == (
        "mu.ts >= '2026-03-01T00:00:00.000000Z' AND mu.ts < '2026-03-01T01:00:00.000000Z'"
    )
