"""The period of a report, and how often there are readings in it, as QuestDB's rows show them."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from utility_ts_analytics.database.pool import Connection
from utility_ts_analytics.errors import OperatorError, QuestDBUnavailable
from utility_ts_analytics.queries.intervals import READING_MINUTES, ReadingLengths, midnight
from utility_ts_analytics.queries.literals import quote_timestamp
from utility_ts_analytics.queries.time_range import TimeRange

INTERVAL_MAX = timedelta(hours=1)
"""Longest interval of a reading: the last one of a week may start so long before its end."""

Stream = Literal["meter_usage", "generation_output", "network_measurements"]
_SOURCES: dict[Stream, str] = {
    "meter_usage": "meter_id",
    "generation_output": "plant_id, unit_id",
    "network_measurements": "node_id, quantity",
}
_METER_MINUTES = (15, 30, 60)
_USUAL_MINUTES = 15
_QUERY_TIMEOUT_S = 120.0
_FUTURE_MAX = timedelta(days=1)
"""Readings later than now by more than this do not say where the data ends."""


async def data_period(
    connections: Sequence[Connection], zone: ZoneInfo, now: datetime, *, table: str
) -> TimeRange:
    """Return the last full week of the data; without data, the last full week there was.

    Args:
        connections: To every shard; left usable.
        zone: Local time of the week.
        now: Aware.
        table: Name in QuestDB of `meter_usage`.

    Raises:
        QuestDBUnavailable: No connection, or no answer in time.
    """
    firsts = [await _value(one, first_reading_sql(table)) for one in connections]
    before = now + _FUTURE_MAX
    lasts = [await _value(one, last_reading_sql(before, table)) for one in connections]
    known_firsts = [value for value in firsts if isinstance(value, datetime)]
    known_lasts = [value for value in lasts if isinstance(value, datetime)]
    if not known_firsts or not known_lasts:
        return default_period(now - timedelta(days=21), now, zone)
    first, last = min(known_firsts), max(known_lasts)
    return default_period(first.replace(tzinfo=UTC), last.replace(tzinfo=UTC), zone)


async def reading_lengths(
    connections: Sequence[Connection], time_range: TimeRange, name_of: Callable[[str], str]
) -> ReadingLengths:
    """Return how often there are readings, by the last day of the range, or by all of it.

    Args:
        connections: To every shard; left usable. The shortest time of them counts.
        time_range: Of the report.
        name_of: Returns the name in QuestDB of a table of the schema.

    Raises:
        QuestDBUnavailable: No connection, or no answer in time.
    """

    async def minutes(stream: Stream) -> int:
        found = [
            await _usual_minutes(one, time_range, stream, name_of(stream)) for one in connections
        ]
        return min((one for one in found if one is not None), default=_USUAL_MINUTES)

    meters = await minutes("meter_usage")
    plants = await minutes("generation_output")
    heads = await minutes("network_measurements")
    return ReadingLengths(
        meters=meters if meters in _METER_MINUTES else _USUAL_MINUTES,
        plants=plants if plants in READING_MINUTES else _USUAL_MINUTES,
        heads=heads if heads in READING_MINUTES else _USUAL_MINUTES,
    )


def first_reading_sql(table: str = "meter_usage") -> str:
    """Return the query for the earliest reading: its `ts`, or no row. Reads one row."""
    return f'SELECT ts FROM "{table}" LIMIT 1'  # noqa: S608 - a name of ours


def last_reading_sql(before: datetime, table: str = "meter_usage") -> str:
    """Return the query for the latest reading before a time: its `ts`, or no row.

    Args:
        before: Aware; such as now, to pass over readings of a clock that is wrong.
        table: Name in QuestDB.

    Raises:
        ValueError: The time is naive.
    """
    return f'SELECT ts FROM "{table}" WHERE ts < {quote_timestamp(before)} LIMIT -1'  # noqa: S608 - quoted


def usual_interval_sql(
    time_range: TimeRange, stream: Stream = "meter_usage", table: str | None = None
) -> str:
    """Return the query for the usual time from one reading of a source to its next one.

    Result columns, one row, or none where no source sent two readings:

    - `minutes`: whole minutes, the most frequent; the shorter of two that are as frequent.
    - `readings`: how many readings came so long after the one before.

    Args:
        time_range: Readings of it; a day is enough.
        stream: Whose sources: meters, units of plants, or measuring points.
        table: Name in QuestDB; None is that of the stream.
    """
    source = _SOURCES[stream]
    return (
        "SELECT minutes, count() AS readings\n"  # noqa: S608 - quoted, or constants
        "FROM (SELECT datediff('m', before, ts) AS minutes\n"
        f"FROM (SELECT ts, lag(ts) OVER (PARTITION BY {source} ORDER BY ts) AS before"
        f' FROM "{table or stream}" WHERE {time_range.covers_sql("ts")}))\n'
        "WHERE minutes > 0\n"
        "ORDER BY readings DESC, minutes\n"
        "LIMIT 1"
    )


def default_period(first: datetime, last: datetime, zone: ZoneInfo) -> TimeRange:
    """Return the last whole week, Monday to Sunday in local time, that has data to its end.

    Where the data does not fill a week, all its days.

    Args:
        first: Start of the earliest reading; aware.
        last: Start of the latest reading; aware, not before `first`.
        zone: Local time of the midnights.
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


def whole_days(time_range: TimeRange, zone: ZoneInfo) -> TimeRange | None:
    """Return the local days that lie in the range as a whole; None if none does."""
    days = local_days(time_range, zone)
    starts = [midnight(day, zone.key) for day in (*days, days[-1] + timedelta(days=1))]
    inside = [start for start in starts if time_range.start <= start <= time_range.end]
    return TimeRange(inside[0], inside[-1]) if len(inside) > 1 else None


async def _usual_minutes(
    connection: Connection, time_range: TimeRange, stream: Stream, table: str
) -> int | None:
    last_day = max(time_range.start, time_range.end - timedelta(days=1))
    for part in (TimeRange(last_day, time_range.end), time_range):
        minutes = await _value(connection, usual_interval_sql(part, stream, table))
        if isinstance(minutes, int):
            return minutes
    return None


async def _value(connection: Connection, sql: str) -> object:
    """Return the first value of an answer; None without rows, or if the table is not there."""
    try:
        rows = await connection.fetch(sql, timeout_s=_QUERY_TIMEOUT_S)
    except QuestDBUnavailable:
        raise
    except OperatorError:  # the sections say so
        return None
    return rows[0][0] if rows else None
