from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from utility_ts_analytics.analysis.report.period import default_period, local_days
from utility_ts_analytics.queries.time_range import TimeRange

BERLIN = ZoneInfo("Europe/Berlin")
UTC_ZONE = ZoneInfo("UTC")


def _utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc] # year, month, day...


@pytest.mark.parametrize(
    ("first", "last", "days"),
    [
        # Exactly the sample's week.
        (_utc(2024, 6, 3), _utc(2024, 6, 9, 23, 45), ("2024-06-03", "2024-06-10")),
        # The week under way is left out.
        (_utc(2024, 1, 1), _utc(2024, 6, 12, 9), ("2024-06-03", "2024-06-10")),
        # Hourly readings end a week with the one of 23:00; half an hour earlier it is not full.
        (_utc(2024, 1, 1), _utc(2024, 6, 9, 23), ("2024-06-03", "2024-06-10")),
        (_utc(2024, 1, 1), _utc(2024, 6, 9, 22, 30), ("2024-05-27", "2024-06-03")),
        # Less than a week: all days of it.
        (_utc(2024, 6, 5, 8), _utc(2024, 6, 7, 9), ("2024-06-05", "2024-06-08")),
        (_utc(2024, 6, 5, 8), _utc(2024, 6, 12, 9), ("2024-06-05", "2024-06-13")),
        (_utc(2024, 6, 5, 8), _utc(2024, 6, 5, 8), ("2024-06-05", "2024-06-06")),
    ],
)
def test_default_is_the_last_full_week(
    first: datetime, last: datetime, days: tuple[str, str]
) -> None:
    start, end = (datetime.fromisoformat(f"{day}T00:00:00Z") for day in days)
    assert default_period(first, last, UTC_ZONE) == TimeRange(start, end)


def test_weeks_are_of_the_local_calendar() -> None:
    period = default_period(_utc(2024, 6, 3), _utc(2024, 6, 9, 23, 45), BERLIN)
    assert period.start == datetime(2024, 6, 3, tzinfo=BERLIN)
    assert period.end == datetime(2024, 6, 10, tzinfo=BERLIN)


def test_week_with_a_change_of_the_clock_is_an_hour_longer() -> None:
    period = default_period(_utc(2024, 1, 1), _utc(2024, 10, 28), BERLIN)
    assert period.end - period.start == timedelta(days=7, hours=1)
    assert len(local_days(period, BERLIN)) == 7


def test_local_days_are_those_touched() -> None:
    period = TimeRange(_utc(2024, 6, 3, 22), _utc(2024, 6, 5, 22))
    assert local_days(period, BERLIN) == [date(2024, 6, 4), date(2024, 6, 5)]
    assert local_days(period, UTC_ZONE) == [date(2024, 6, 3), date(2024, 6, 4), date(2024, 6, 5)]
