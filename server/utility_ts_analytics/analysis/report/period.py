"""What a report is about when nobody says: the last full week of the data."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from utility_ts_analytics.queries.balance_intervals import midnight
from utility_ts_analytics.queries.time_range import TimeRange

INTERVAL_MAX = timedelta(hours=1)
"""Longest interval of a reading: the last one of a week may start so long before its end."""


def default_period(first: datetime, last: datetime, zone: ZoneInfo) -> TimeRange:
    """Return the last whole week, Monday to Sunday in local time, that has data to its end.

    Where the data does not fill a week, all its days.

    Args:
        first: Start of the earliest reading; aware.
        last: Start of the latest reading; aware, not before `first`.
        zone: Whose midnights count.
    """
    day, name = last.astimezone(zone).date(), zone.key
    week_start = day - timedelta(days=day.weekday())
    if last < midnight(week_start + timedelta(weeks=1), name) - INTERVAL_MAX:
        week_start -= timedelta(weeks=1)
    start, end = midnight(week_start, name), midnight(week_start + timedelta(weeks=1), name)
    if first.astimezone(zone).date() <= week_start:
        return TimeRange(start, end)
    return TimeRange(
        midnight(first.astimezone(zone).date(), name), midnight(day + timedelta(days=1), name)
    )


def local_days(time_range: TimeRange, zone: ZoneInfo) -> list[date]:
    """Return the local days that the range touches, in order; never empty."""
    first = time_range.start.astimezone(zone).date()
    last = (time_range.end - timedelta(microseconds=1)).astimezone(zone).date()
    return [first + timedelta(days=place) for place in range((last - first).days + 1)]
