"""SQL for completeness: which readings should be there, which are, and where the gaps lie.

The intervals of a range are counted from its start: `ts` of a reading is on the grid if it is the
start plus a whole number of intervals. An interval counts as present if a reading starts in it,
on the grid or off it. Which meters are expected is told by `queries.known_meters`.
"""

from collections.abc import Iterable
from datetime import timedelta

from utility_ts_analytics.queries.known_meters import known_slots_sql
from utility_ts_analytics.queries.literals import quote_texts, quote_timestamp
from utility_ts_analytics.queries.local_calendar import LOCAL_DAY, grid_sql
from utility_ts_analytics.queries.saved import SAMPLE_WEEK, SAMPLE_ZONE, SavedQuery, notes_of
from utility_ts_analytics.queries.time_range import TimeRange

INTERVAL_MINUTES = (15, 30, 60)
"""Lengths of metering intervals that the queries know."""


def completeness_sql(
    time_range: TimeRange,
    zone: str,
    *,
    interval_minutes: int = 15,
    meters: Iterable[str] | None = None,
) -> str:
    """Return the query for the completeness of each meter and local day.

    Result columns, one row per local day and meter that was expected or sent something on it,
    ordered by `local_day`, `meter_id`:

    - `local_day`: date in the zone, as its midnight without a zone. The first and last day are
      only as long as their parts in the range.
    - `meter_id`.
    - `expected`: intervals of that day in the range while the meter was known. A whole day has
      92, 96 or 100 quarter hours, by the clock changes of the zone. A meter is known by `meters`
      (unless its status is `inactive`, `removed` or `retired`), by `meter_feeder_map` if `meters`
      lacks it, and for all of the range if both lack it and it sent something.
    - `present`: expected intervals in which a reading starts. A meter that sent nothing has 0.
    - `missing`: `expected` - `present`.
    - `present_pct`: 100 * `present` / `expected`; null where nothing was expected.
    - `off_grid`: readings that do not start with an interval.
    - `doubled`: readings beyond the first of their interval. (A reading sent twice is one row.)
    - `unexpected`: readings from intervals in which the meter was not known.

    Readings of the day = `present` + `doubled` + `unexpected`.

    Args:
        time_range: A whole number of intervals, from where the grid starts. Best from midnight to
            midnight of the zone.
        zone: Name of the local time, such as `Europe/Berlin`.
        interval_minutes: Of every meter: 15, 30 or 60.
        meters: Only these; None for all.

    Raises:
        ValueError: The zone is unknown, the interval is another, the range is no whole number of
            them, or `meters` is empty or cannot be quoted.
    """
    _check_grid(time_range, interval_minutes)
    names = None if meters is None else quote_texts(meters, "meters")
    grid = grid_sql(time_range, interval_minutes, zone, f"{LOCAL_DAY} AS local_day")
    return (  # every part is a number, a constant or quoted
        f"WITH known AS {known_slots_sql(time_range, interval_minutes, names)},\n"
        f"grid AS {grid}\n"
        "SELECT local_day, meter_id, expected, present, expected - present AS missing,"
        " CASE WHEN expected > 0 THEN 100.0 * present / expected END AS present_pct,"
        " off_grid, doubled, unexpected\n"
        "FROM (\n"
        "SELECT local_day, meter_id, sum(expected) AS expected, sum(present) AS present,"
        " sum(off_grid) AS off_grid, sum(doubled) AS doubled, sum(unexpected) AS unexpected\n"
        "FROM (\n"
        f"{_EXPECTED_BY_DAY}"
        "UNION ALL\n"
        f"{_sent_by_day(time_range, names)}"
        ")\n"
        ")\n"
        "ORDER BY local_day, meter_id"
    )


def gaps_sql(
    time_range: TimeRange, *, interval_minutes: int = 15, meters: Iterable[str] | None = None
) -> str:
    """Return the query for the gaps of each meter.

    Result columns, one row per gap, ordered by `meter_id`, `gap_start`:

    - `meter_id`.
    - `gap_start`: start of the first missing interval, UTC.
    - `gap_end`: end of the last missing one, UTC.
    - `missing`: expected intervals without a reading. Less than `gap_end` - `gap_start` holds
      where the meter was not known for a part in between.
    - `place`: `inside` (between two readings of the range), `start` (before the first one), `end`
      (after the last one) or `all` (the meter sent nothing in the range).

    Intervals and meters are expected as in `completeness_sql`, so that `missing` adds up to the
    same. Nothing is said about gaps before the range or after it.

    Args:
        time_range: A whole number of intervals, from where the grid starts.
        interval_minutes: Of every meter: 15, 30 or 60.
        meters: Only these; None for all.

    Raises:
        ValueError: The interval is another, the range is no whole number of them, or `meters` is
            empty or cannot be quoted.
    """
    _check_grid(time_range, interval_minutes)
    names = None if meters is None else quote_texts(meters, "meters")
    start, step = quote_timestamp(time_range.start), interval_minutes * 60_000_000

    def slot(time: str) -> str:
        return f"datediff('u', {start}::timestamp, {time}) / {step}"

    return (  # every part is a number, a constant or quoted
        f"WITH known AS {known_slots_sql(time_range, interval_minutes, names)},\n"  # noqa: S608
        f"ends AS (SELECT meter_id::varchar AS meter_id, {slot('min(ts)')} AS first,"
        f" {slot('max(ts)')} AS last FROM meter_usage"
        f" WHERE {time_range.covers_sql('ts')}{_among(names)})\n"
        f"SELECT meter_id, {start}::timestamp + lo * {step} AS gap_start,"
        f" {start}::timestamp + hi * {step} AS gap_end, missing, place\n"
        "FROM (\n"
        "SELECT k.meter_id AS meter_id, g.place AS place, g.lo AS gap,"
        " min(greatest(k.lo, g.lo)) AS lo, max(least(k.hi, g.hi)) AS hi,"
        " sum(least(k.hi, g.hi) - greatest(k.lo, g.lo)) AS missing\n"
        "FROM known k JOIN (\n"
        f"{_silences(time_range, names, interval_minutes)}"
        ") g ON g.meter_id = k.meter_id\n"
        "WHERE k.lo < g.hi AND g.lo < k.hi\n"
        ")\n"
        "ORDER BY meter_id, gap_start"
    )


_EXPECTED_BY_DAY = (
    "SELECT d.local_day AS local_day, k.meter_id AS meter_id,"
    " sum(least(k.hi, d.hi) - greatest(k.lo, d.lo)) AS expected,"
    " 0L AS present, 0L AS off_grid, 0L AS doubled, 0L AS unexpected\n"
    "FROM known k CROSS JOIN"
    " (SELECT local_day, min(slot) AS lo, max(slot) + 1 AS hi FROM grid) d\n"
    "WHERE k.lo < d.hi AND d.lo < k.hi\n"
)
"""Rows of `known` and `grid`, without what was sent."""


def _sent_by_day(time_range: TimeRange, names: str | None) -> str:
    """Return what was sent on each local day, without what was expected."""
    return (  # quoted, both
        "SELECT g.local_day AS local_day, mu.meter_id::varchar AS meter_id, 0L AS expected,"
        " sum(CASE WHEN k.lo IS NULL OR mu.before >= g.ts THEN 0L ELSE 1L END) AS present,"
        " sum(CASE WHEN mu.ts = g.ts THEN 0L ELSE 1L END) AS off_grid,"
        " sum(CASE WHEN k.lo IS NOT NULL AND mu.before >= g.ts THEN 1L ELSE 0L END) AS doubled,"
        " sum(CASE WHEN k.lo IS NULL THEN 1L ELSE 0L END) AS unexpected\n"
        f"FROM {_readings(time_range, names)} mu\n"
        "ASOF JOIN grid g\n"
        "LEFT JOIN known k ON k.meter_id = mu.meter_id AND g.slot >= k.lo AND g.slot < k.hi\n"
    )


def _silences(time_range: TimeRange, names: str | None, interval_minutes: int) -> str:
    """Return every stretch without readings in the range, whether the meter was known or not."""
    start, step = quote_timestamp(time_range.start), interval_minutes * 60_000_000
    count = (time_range.end - time_range.start) // timedelta(minutes=interval_minutes)
    before = f"datediff('u', {start}::timestamp, before) / {step}"
    slot = f"datediff('u', {start}::timestamp, ts) / {step}"
    return (  # every part is a number, a constant or quoted
        "SELECT meter_id::varchar AS meter_id, slot_before + 1 AS lo, slot AS hi,"  # noqa: S608
        f" 'inside' AS place FROM (SELECT meter_id, {slot} AS slot,"
        f" {before} AS slot_before FROM {_readings(time_range, names)})"
        " WHERE slot > slot_before + 1\n"
        "UNION ALL\n"
        "SELECT meter_id, 0L AS lo, first AS hi, 'start' AS place FROM ends\n"
        "UNION ALL\n"
        f"SELECT meter_id, last + 1 AS lo, {count}L AS hi, 'end' AS place FROM ends\n"
        "UNION ALL\n"
        f"SELECT DISTINCT k.meter_id AS meter_id, 0L AS lo, {count}L AS hi, 'all' AS place"
        " FROM known k LEFT JOIN ends e ON e.meter_id = k.meter_id WHERE e.meter_id IS NULL\n"
    )


def _readings(time_range: TimeRange, names: str | None) -> str:
    """Return the readings of the range in brackets, each with the time of its meter's last one.

    `lag` over a table in the order of time is streamed: it holds one row per meter.
    """
    return (  # quoted, both
        "(SELECT * FROM (SELECT ts, meter_id,"  # noqa: S608
        " lag(ts) OVER (PARTITION BY meter_id ORDER BY ts) AS before"
        f" FROM meter_usage WHERE {time_range.covers_sql('ts')}{_among(names)}) TIMESTAMP(ts))"
    )


def _among(names: str | None) -> str:
    return "" if names is None else f" AND meter_id IN ({names})"


def _check_grid(time_range: TimeRange, interval_minutes: int) -> None:
    if interval_minutes not in INTERVAL_MINUTES:
        known = ", ".join(map(str, INTERVAL_MINUTES))
        raise ValueError(
            f"cannot count intervals of {interval_minutes!r} minutes: give one of {known}"
        )
    if (time_range.end - time_range.start) % timedelta(minutes=interval_minutes):
        raise ValueError(
            f"cannot count intervals from {time_range.start.isoformat()} to"
            f" {time_range.end.isoformat()}: it is no whole number of {interval_minutes} minutes"
        )


SAVED = (
    SavedQuery(
        "completeness",
        "How many of the readings that should be there are there, meter by meter and day by day?",
        completeness_sql(SAMPLE_WEEK, SAMPLE_ZONE),
        notes_of(completeness_sql),
    ),
    SavedQuery(
        "gaps",
        "When did which meter send nothing?",
        gaps_sql(SAMPLE_WEEK),
        notes_of(gaps_sql),
    ),
)
