"""SQL for an overview of a period: answers of a few rows, whatever the amount of data.

Where another builder has the formula, its query is wrapped here and added up, so that there is no
second way to count. What is added up says of itself what its columns mean.
"""

from datetime import datetime
from typing import Literal

from utility_ts_analytics.queries.completeness import completeness_sql
from utility_ts_analytics.queries.literals import parse_sample_by, quote_timestamp
from utility_ts_analytics.queries.mean_power import mean_kw_sql
from utility_ts_analytics.queries.quality import estimated_share_sql
from utility_ts_analytics.queries.reference_versions import SCALED_KWH, scale_join
from utility_ts_analytics.queries.saved import SAMPLE_WEEK, SavedQuery, notes_of
from utility_ts_analytics.queries.time_range import TimeRange

Stream = Literal["meter_usage", "generation_output", "network_measurements"]
_SOURCES: dict[Stream, str] = {
    "meter_usage": "meter_id",
    "generation_output": "plant_id, unit_id",
    "network_measurements": "node_id, quantity",
}


def first_reading_sql() -> str:
    """Return the query for the earliest reading: its `ts`, or no row. Reads one row."""
    return "SELECT ts FROM meter_usage LIMIT 1"


def last_reading_sql(before: datetime) -> str:
    """Return the query for the latest reading before a time: its `ts`, or no row.

    Args:
        before: Aware; such as now, to pass over readings of a clock that is wrong.

    Raises:
        ValueError: The time is naive.
    """
    return f"SELECT ts FROM meter_usage WHERE ts < {quote_timestamp(before)} LIMIT -1"  # noqa: S608 - quoted


def usual_interval_sql(time_range: TimeRange, stream: Stream = "meter_usage") -> str:
    """Return the query for the usual time from one reading of a source to its next one.

    Result columns, one row, or none where no source sent two readings:

    - `minutes`: whole minutes, the most frequent; the shorter of two that are as frequent.
    - `readings`: how many readings came so long after the one before.

    Args:
        time_range: Readings of it; a day is enough.
        stream: Whose sources: meters, units of plants, or measuring points.
    """
    source = _SOURCES[stream]
    return (
        "SELECT minutes, count() AS readings\n"  # noqa: S608 - quoted, or constants
        "FROM (SELECT datediff('m', before, ts) AS minutes\n"
        f"FROM (SELECT ts, lag(ts) OVER (PARTITION BY {source} ORDER BY ts) AS before"
        f" FROM {stream} WHERE {time_range.covers_sql('ts')}))\n"
        "WHERE minutes > 0\n"
        "ORDER BY readings DESC, minutes\n"
        "LIMIT 1"
    )


def system_load_sql(time_range: TimeRange, sample_by: str = "1h") -> str:
    """Return the query for the load of all meters together over time.

    Result columns, one row per bucket with readings, ordered by `ts`:

    - `ts`: start of the bucket, UTC; also where the range starts inside the bucket.
    - `kwh`: scaled energy of all readings that start in it, also of meters without a customer.
    - `mean_kw`: `kwh` / hours of that part of the bucket that lies in the range.

    Missing readings are not made up for: they lower both figures.

    Args:
        time_range: Readings whose interval starts in it.
        sample_by: Bucket, such as `15m`, `1h`, `1d`, aligned to the UTC calendar; not shorter than
            the readings' own interval.

    Raises:
        ValueError: `sample_by` is no interval.
    """
    bucket = parse_sample_by(sample_by)
    return (
        f"SELECT ts, kwh, {mean_kw_sql(bucket, time_range)} AS mean_kw\n"
        "FROM (\n"
        f"SELECT mu.ts AS ts, sum({SCALED_KWH}) AS kwh\n"
        "FROM meter_usage mu\n"
        f"{scale_join()}"
        f"WHERE {time_range.covers_sql('mu.ts')}\n"
        f"SAMPLE BY {bucket.sql} ALIGN TO CALENDAR\n"
        ")\n"
        "ORDER BY ts"
    )


def completeness_totals_sql(time_range: TimeRange, zone: str, *, interval_minutes: int = 15) -> str:
    """Return the query for how much of what should have been read was read.

    Result columns, one row:

    - `meters`: meters that should have been read.
    - `with_gaps`: those of them that lack a reading.
    - `expected`, `missing`: readings, of all of them; null without any meter.

    Args:
        time_range: As `completeness_sql` takes it, as are the others.
        zone: Does not matter to the totals.
        interval_minutes: Of every meter.

    Raises:
        ValueError: As `completeness_sql`.
    """
    return (
        "SELECT count() AS meters, coalesce(sum(CASE WHEN missing > 0 THEN 1L ELSE 0L END), 0)"
        " AS with_gaps, sum(expected) AS expected, sum(missing) AS missing\n"
        f"FROM ({_by_meter(time_range, zone, interval_minutes)})\n"
        "WHERE expected > 0"
    )


def least_complete_meters_sql(
    time_range: TimeRange, zone: str, *, count: int, interval_minutes: int = 15
) -> str:
    """Return the query for the meters that lack most readings.

    Result columns, at most `count` rows, ordered by `missing` (most first), `meter_id`:

    - `meter_id`.
    - `missing`: readings, > 0.

    Args:
        time_range: As `completeness_sql` takes it, as are the others.
        zone: Does not matter.
        count: Rows, >= 1.
        interval_minutes: Of every meter.

    Raises:
        ValueError: As `completeness_sql`.
    """
    return (
        "SELECT meter_id, missing FROM (\n"  # noqa: S608 - a builder's, and a number
        f"SELECT meter_id, missing FROM ({_by_meter(time_range, zone, interval_minutes)})\n"
        "WHERE missing > 0\n"
        "ORDER BY missing DESC, meter_id\n"
        f") LIMIT {int(count)}"
    )


def estimated_days_sql(time_range: TimeRange, zone: str) -> str:
    """Return the query for how many readings of each local day were estimated.

    Result columns, one row per local day with readings, ordered by `local_day`:

    - `local_day`: date in the zone, as its midnight without a zone.
    - `readings`, `estimated`, `not_stated`: as `estimated_share_sql` counts them.

    Args:
        time_range: Readings whose interval starts in it.
        zone: Name of the local time.

    Raises:
        ValueError: The zone is unknown.
    """
    return (
        "SELECT local_day, sum(readings) AS readings, sum(estimated) AS estimated,"
        " sum(not_stated) AS not_stated\n"
        f"FROM ({estimated_share_sql(time_range, zone, by='feeder')})\n"
        "ORDER BY local_day"
    )


def _by_meter(time_range: TimeRange, zone: str, interval_minutes: int) -> str:
    days = completeness_sql(time_range, zone, interval_minutes=interval_minutes)
    return f"SELECT meter_id, sum(expected) AS expected, sum(missing) AS missing\nFROM ({days})\n"


SAVED = (
    SavedQuery(
        "system_load",
        "What is the load of all meters together, hour by hour?",
        system_load_sql(SAMPLE_WEEK),
        notes_of(system_load_sql),
    ),
)
