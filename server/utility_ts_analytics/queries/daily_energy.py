"""SQL for the daily questions, over the materialized views of `sql/views`.

Pure functions: values in, text out, every value quoted by `queries.literals`. What one meter or
node adds up to is stored in the views; the feeder and the scale factor of a meter are joined when
the question is asked: a view does not follow changes in tables that it joins, and mappings are
corrected in hindsight.

The views hold whole days of the zone that they were applied with (`schema apply --views --zone`),
a day from an hour after its end on, and later rows of it within 15 minutes.
"""

from utility_ts_analytics.queries.intervals import Intervals
from utility_ts_analytics.queries.literals import quote_table, quote_text, quote_timestamp
from utility_ts_analytics.queries.meter_usage_queries import (
    METER_TABLE,
    SCALED_KWH,
    feeder_join,
    scale_join,
)
from utility_ts_analytics.queries.time_range import TimeRange

_MAPS = (("meter_feeder_map", "feeder_id"), ("meter_scale_map", "scale_factor"))


def feeder_day_demand_sql(
    time_range: TimeRange, *, zone: str = "UTC", table: str = METER_TABLE
) -> str:
    """Return the query for the energy that the meters of each feeder took, day by day.

    Exact, whenever a meter moved or its factor changed: meters without such a change inside the
    range are read from `meter_usage_daily`, the others from their readings, each of which belongs
    to the mapping and the factor of its own `ts`. The result is that of `meter_usage` alone.

    Result columns, one row per day and feeder with readings, ordered by `ts`, `feeder_id`:

    - `ts`: start of the day, as UTC.
    - `feeder_id`: on which the meters were; meters without a mapping at the time are in no row.
    - `demand_kwh`: sum of kwh x scale factor (1 without one), kWh; exports count negative where
      their factor is.
    - `meters`: how many of them have readings.
    - `intervals`: how many readings were added; complete is `meters` x 96, on the days when the
      clock changes 92 or 100. Missing ones are not made up for.

    Args:
        time_range: Whole days of `zone` that have ended.
        zone: IANA name of the zone that the views were applied with.
        table: Of the readings, if `[meter_usage] name` gives it another name.

    Raises:
        ValueError: There is no such zone, the range starts or ends inside a day, or `table` is no
            name.
    """
    _require_whole_days(time_range, zone)
    start, end = quote_timestamp(time_range.start), quote_timestamp(time_range.end)
    changed = " UNION ".join(
        f"SELECT meter_id FROM {table} WHERE {column} > {start} AND {column} < {end}"  # noqa: S608
        for table, _ in _MAPS
        for column in ("valid_from", "valid_to")
    )
    return (
        "SELECT ts, feeder_id, sum(kwh) AS demand_kwh, count_distinct(meter_id) AS meters,"
        " sum(intervals) AS intervals\n"
        "FROM (\n"
        f"SELECT mu.ts AS ts, f.feeder_id AS feeder_id, mu.meter_id AS meter_id,"
        f" {SCALED_KWH} AS kwh, mu.intervals AS intervals\n"
        f"FROM {quote_table(f'{table}_daily')} mu\n"
        f"{feeder_join()}{scale_join()}"
        f"WHERE {time_range.covers_sql('mu.ts')} AND mu.meter_id NOT IN ({changed})\n"
        "UNION ALL\n"
        "SELECT mu.ts AS ts, f.feeder_id AS feeder_id, mu.meter_id AS meter_id,"
        f" sum({SCALED_KWH}) AS kwh, count(mu.kwh) AS intervals\n"
        f"FROM {quote_table(table)} mu\n"
        f"{feeder_join()}{scale_join()}"
        f"WHERE {time_range.covers_sql('mu.ts')} AND mu.meter_id IN ({changed})\n"
        f"SAMPLE BY 1d ALIGN TO CALENDAR TIME ZONE {quote_text(zone)}\n"
        ")\n"
        "ORDER BY ts, feeder_id"
    )


def feeder_day_supply_sql(time_range: TimeRange, *, interval_minutes: int = 15) -> str:
    """Return the query for the energy that entered each feeder at its head, day by day.

    Result columns, one row per day and node with measurements of active power in MW, ordered by
    `ts`, `node_id`:

    - `ts`: start of the day, as UTC.
    - `node_id`, `feeder_id`: the node, and the feeder of its last interval of the day.
    - `supplied_kwh`: mean MW x hours of the interval x 1000, added; negative where fed back.
    - `intervals`: how many were added; missing ones are not made up for.

    Args:
        time_range: Days of the views' zone that start in it.
        interval_minutes: Length of the intervals of the measurements, 1..1440; it is not stored.

    Raises:
        ValueError: `interval_minutes` is out of range.
    """
    if not 1 <= interval_minutes <= 1440:
        msg = f"cannot make energy of means over {interval_minutes} minutes: give 1 to 1440"
        raise ValueError(msg)
    return (
        f"SELECT ts, node_id, feeder_id, mw_sum * 1000.0 * {interval_minutes} / 60.0"
        " AS supplied_kwh, intervals\n"
        "FROM network_measurements_daily\n"
        f"WHERE {time_range.covers_sql('ts')}\n"
        "ORDER BY ts, node_id"
    )


def _require_whole_days(time_range: TimeRange, zone: str) -> None:
    try:
        days = Intervals("1d", zone)
    except ValueError as cause:
        msg = f"cannot query days of zone {zone!r}: there is no such zone"
        raise ValueError(msg) from cause
    for edge in (time_range.start, time_range.end):
        if not days.is_start(edge):
            msg = f"cannot query whole days: {edge.isoformat()} is no start of a day in {zone}"
            raise ValueError(msg)
