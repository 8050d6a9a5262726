"""SQL about the rows that `feeder_energy_balance` holds already."""

from collections.abc import Iterable
from datetime import timedelta

from utility_ts_analytics.queries.balance_intervals import Intervals
from utility_ts_analytics.queries.literals import quote_texts, quote_timestamp
from utility_ts_analytics.queries.time_range import TimeRange

_DAY_LONGEST = timedelta(hours=26)


def clashing_rows_sql(
    time_range: TimeRange, intervals: Intervals, *, feeders: Iterable[str] = ()
) -> str:
    """Return the query for stored rows that overlap the range and are not of these intervals.

    A row of another length is not replaced by rows of this one, since the key is the start; the
    energy would be there twice.

    Result columns, one row per length, none if all is well: `interval_minutes`, `first_ts`,
    `last_ts`, `row_count`.

    Args:
        time_range: As it will be written.
        intervals: As it will be written.
        feeders: Only these; none means all.
    """
    start, end = quote_timestamp(time_range.start), quote_timestamp(time_range.end)
    earliest = quote_timestamp(time_range.start - _DAY_LONGEST)
    same = f"interval_minutes = {intervals.minutes_sql('ts')} AND {intervals.start_sql('ts')} = ts"
    return (
        "SELECT interval_minutes, min(ts) AS first_ts, max(ts) AS last_ts, count() AS row_count\n"
        f"FROM feeder_energy_balance WHERE ts >= {earliest} AND ts < {end}"
        f" AND (ts >= {start} OR dateadd('m', interval_minutes, ts) > {start})"
        f" AND NOT ({same}){_only(feeders)}\n"
        "GROUP BY interval_minutes ORDER BY interval_minutes"
    )


def stored_keys_sql(time_range: TimeRange, *, feeders: Iterable[str] = ()) -> str:
    """Return the query for the keys that are stored in the range: `ts`, `feeder_id`, by time.

    Args:
        time_range: Rows that start in it.
        feeders: Only these; none means all.
    """
    return (  # every part is a constant or was quoted
        "SELECT ts, feeder_id FROM feeder_energy_balance"  # noqa: S608
        f" WHERE {time_range.covers_sql('ts')}{_only(feeders)} ORDER BY ts"
    )


def _only(feeders: Iterable[str]) -> str:
    names = tuple(feeders)
    return f" AND feeder_id IN ({quote_texts(names, 'feeders')})" if names else ""
