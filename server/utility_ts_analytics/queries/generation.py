"""SQL for generation: energy by fuel over time, and the capacity factor of each plant.

The rules:

- **Energy.** `mw` is the mean over its interval: MWh = MW * hours of the interval.
- **Mixed intervals.** Several readings of a unit within `interval_minutes` are averaged, which is
  right for readings of shorter intervals; one of a longer interval would count for its first part
  only. So `interval_minutes` must be the longest in use, and a multiple of the others.
- **Units and plants.** A row without `unit_id` is the plant as a whole. Where a plant has one in an
  interval, that one counts and the plant's unit rows there do not; elsewhere the units are added
  up. So nothing counts twice, also where a plant changes from one kind to the other.
- **Fuel.** Of the reading (the last that names one, where several are averaged), else of the
  plant's row in `plants` at that time, else null.
- **Capacity.** Of the plant's row in `plants` at the time; a null is "not known".
- **Missing is missing.** An interval without readings counts as nothing generated in `mwh`.
- Storage that charges has `mw` below 0, and lowers the energy.
"""

from datetime import datetime

from msgspec import Struct

from utility_ts_analytics.queries.interval_length import IntervalLength
from utility_ts_analytics.queries.literals import (
    SampleInterval,
    parse_sample_by,
    quote_timestamp,
)
from utility_ts_analytics.queries.local_calendar import zone_literal
from utility_ts_analytics.queries.reference_versions import valid, versions
from utility_ts_analytics.queries.saved import (
    SAMPLE_WEEK,
    SAMPLE_ZONE,
    SavedQuery,
    notes_of,
)
from utility_ts_analytics.queries.time_range import TimeRange

_MICROSECONDS_PER_HOUR = "3600000000.0"
_UNIT_MINUTES = {"m": 1, "h": 60}


class FuelEnergy(Struct, frozen=True):
    """A row of `generation_by_fuel_sql`."""

    ts: datetime
    fuel_type: str | None
    mwh: float
    mean_mw: float


class CapacityFactor(Struct, frozen=True):
    """A row of `capacity_factor_sql`."""

    plant_id: str
    mwh: float | None
    capacity_mwh: float | None
    capacity_factor: float | None
    hours_with_data: float
    coverage_pct: float
    capacity_factor_with_data: float | None


def generation_by_fuel_sql(
    time_range: TimeRange,
    sample_by: str = "1d",
    *,
    zone: str = "UTC",
    interval_minutes: int = 15,
) -> str:
    """Return the query for the energy and the mean power that came from each fuel.

    Result columns, one row per bucket and fuel with readings, ordered by `ts`, `fuel_type`:

    - `ts`: start of the bucket, UTC; also where the range starts inside the bucket.
    - `fuel_type`: as sent, or of the plant; null = neither is known.
    - `mwh`: sum over units and intervals of MW * hours of the interval.
    - `mean_mw`: `mwh` / hours of that part of the bucket that lies in the range.

    Args:
        time_range: Readings whose interval starts in it.
        sample_by: Bucket, a whole number of intervals, such as `15m`, `1h`, `1d`, `1M`.
        zone: Local time whose days, weeks, months or years the buckets are, of 23 and 25 hours
            too where the clock is changed. Buckets of minutes and hours are in UTC.
        interval_minutes: Length of an interval; a whole part of a day.

    Raises:
        ValueError: `sample_by` is no interval or no multiple of the interval, `zone` is unknown or
            given for buckets of hours, or `interval_minutes` is no whole part of a day.
    """
    length, bucket = IntervalLength(interval_minutes), parse_sample_by(sample_by)
    _check_bucket(bucket, length, zone)
    align = f" TIME ZONE {zone_literal(zone)}" if zone != "UTC" else ""
    end = f"dateadd('{bucket.unit}', {bucket.count}, ts)"
    if align:
        local = f"dateadd('{bucket.unit}', {bucket.count}, to_timezone(ts, {zone_literal(zone)}))"
        end = f"to_utc({local}, {zone_literal(zone)})"
    first = f"greatest(ts, {quote_timestamp(time_range.start)}::timestamp)"
    last = f"least({end}, {quote_timestamp(time_range.end)}::timestamp)"
    return (
        "SELECT ts, fuel_type, mwh,"  # noqa: S608 - quoted, or constants
        f" mwh * {_MICROSECONDS_PER_HOUR} / datediff('u', {first}, {last}) AS mean_mw\nFROM (\n"
        f"SELECT ts, fuel_type, sum(mw) * {length.hours_sql} AS mwh FROM (\nSELECT * FROM (\n"
        "SELECT g.ts AS ts, coalesce(g.fuel_type, p.fuel_type) AS fuel_type, g.mw AS mw\n"
        f"FROM (\n{_counted(time_range, length)}\n) g\n"
        f"LEFT JOIN {versions('plants', 'plant_id', 'fuel_type')} p"
        f" ON p.plant_id = g.plant_id AND {valid('p', at='g.ts')}\n"
        f") ORDER BY ts\n) TIMESTAMP(ts)\nSAMPLE BY {bucket.sql} ALIGN TO CALENDAR{align}\n)\n"
        "ORDER BY ts, fuel_type"
    )


def capacity_factor_sql(time_range: TimeRange, *, interval_minutes: int = 15) -> str:
    """Return the query for how much of its capacity each plant made use of.

    Result columns, one row per plant that has readings or a capacity in the range, ordered by
    `plant_id`; shares from 0 to 1, above 1 where a plant gave more than it is rated for:

    - `plant_id`: the plant.
    - `mwh`: energy, of all readings; null = no reading.
    - `capacity_mwh`: sum over the versions of its capacity of MW * hours that they hold in the
      range; null = not known. Hours before the first version do not count.
    - `capacity_factor`: energy while a capacity was known / `capacity_mwh`: missing readings lower
      it. Null without readings, or where the capacity is 0 or not known.
    - `hours_with_data`: hours of the intervals with a reading of the plant or of any of its units.
    - `coverage_pct`: `hours_with_data` / hours of the range * 100.
    - `capacity_factor_with_data`: energy while a capacity was known / (capacity * hours) of those
      intervals only: what the plant did while it was seen.

    Args:
        time_range: Readings whose interval starts in it.
        interval_minutes: Length of an interval; a whole part of a day.

    Raises:
        ValueError: `interval_minutes` is no whole part of a day.
    """
    length = IntervalLength(interval_minutes)
    hours = f"{(time_range.end - time_range.start).total_seconds() / 3600.0!r}"
    return (
        "SELECT plant_id, mwh, capacity_mwh,"
        " CASE WHEN capacity_mwh > 0.0 THEN rated_mwh / capacity_mwh END AS capacity_factor,"
        f" hours_with_data, hours_with_data / {hours} * 100.0 AS coverage_pct,"
        " CASE WHEN seen_mwh > 0.0 THEN rated_mwh / seen_mwh END AS capacity_factor_with_data\n"
        "FROM (\nSELECT plant_id, sum(mwh) AS mwh, sum(rated_mwh) AS rated_mwh,"
        " sum(seen_mwh) AS seen_mwh, sum(hours_with_data) AS hours_with_data,"
        " sum(capacity_mwh) AS capacity_mwh\n"
        f"FROM (\n{_generated(time_range, length)}\nUNION ALL\n{_rated(time_range)}\n)\n)\n"
        "ORDER BY plant_id"
    )


def _counted(time_range: TimeRange, length: IntervalLength) -> str:
    """Return the query for `ts`, `plant_id`, `fuel_type`, `mw` of all that counts, once."""
    units = (
        f"SELECT {length.start_sql('ts')} AS ts, plant_id, unit_id, avg(mw) AS mw,"
        " last_not_null(fuel_type) AS fuel_type\n"
        f"FROM generation_output WHERE {time_range.covers_sql('ts')} AND mw IS NOT NULL"
    )
    return (
        "SELECT ts, plant_id, fuel_type, mw FROM (\n"  # noqa: S608
        "SELECT ts, plant_id, unit_id, fuel_type, mw,"
        " max(CASE WHEN unit_id IS NULL THEN 1.0 ELSE 0.0 END)"
        " OVER (PARTITION BY ts, plant_id) AS whole\n"
        f"FROM (\n{units}\n)\n) WHERE unit_id IS NULL OR whole = 0.0"
    )


def _generated(time_range: TimeRange, length: IntervalLength) -> str:
    """Return the query for what each plant with readings gave, and could have given meanwhile."""
    hours = length.hours_sql
    return (
        f"SELECT plant_id, sum(mw) * {hours} AS mwh,"  # noqa: S608
        f" sum(CASE WHEN capacity_mw IS NOT NULL THEN mw END) * {hours} AS rated_mwh,"
        f" sum(capacity_mw) * {hours} AS seen_mwh, count() * {hours} AS hours_with_data,"
        " null::double AS capacity_mwh\nFROM (\n"
        "SELECT g.plant_id AS plant_id, g.mw AS mw, p.capacity_mw AS capacity_mw\n"
        "FROM (\nSELECT ts, plant_id, sum(mw) AS mw"
        f" FROM (\n{_counted(time_range, length)}\n)\n) g\n"
        f"LEFT JOIN {versions('plants', 'plant_id', 'capacity_mw')} p"
        f" ON p.plant_id = g.plant_id AND {valid('p', at='g.ts')}\n)"
    )


def _rated(time_range: TimeRange) -> str:
    """Return the query for what each plant with a known capacity could have given."""
    start, end = (f"{quote_timestamp(t)}::timestamp" for t in (time_range.start, time_range.end))
    held = (
        f"datediff('u', greatest(valid_from, {start}), least(coalesce(next_from, {end}), {end}))"
        f" / {_MICROSECONDS_PER_HOUR}"
    )
    return (
        "SELECT plant_id, null::double AS mwh, null::double AS rated_mwh,"
        f" null::double AS seen_mwh, 0.0 AS hours_with_data, sum(capacity_mw * {held})"
        " AS capacity_mwh\n"
        f"FROM {versions('plants', 'plant_id', 'capacity_mw')}"
        f" WHERE capacity_mw IS NOT NULL AND valid_from < {end}"
        f" AND (next_from IS NULL OR next_from > {start})"
    )


def _check_bucket(bucket: SampleInterval, length: IntervalLength, zone: str) -> None:
    """Refuse buckets that would cut intervals, or that a time zone would merge."""
    minutes = _UNIT_MINUTES.get(bucket.unit, 0) * bucket.count
    if bucket.unit == "s" or minutes % length.minutes:
        raise ValueError(
            f"cannot sample intervals of {length.minutes} minutes by {bucket.sql}: a bucket must"
            " hold whole intervals"
        )
    if minutes and zone != "UTC":
        # QuestDB 9.3.4 merges the repeated hour of autumn there (facts in docs/ANALYSES.md).
        raise ValueError(f"cannot sample by {bucket.sql} in {zone}: hours are sampled in UTC")


SAVED: tuple[SavedQuery, ...] = (
    SavedQuery(
        "generation_by_fuel",
        "How much energy came from each fuel, day by day?",
        generation_by_fuel_sql(SAMPLE_WEEK, zone=SAMPLE_ZONE),
        notes_of(generation_by_fuel_sql),
    ),
    SavedQuery(
        "capacity_factor",
        "How much of its capacity did each plant make use of?",
        capacity_factor_sql(SAMPLE_WEEK),
        notes_of(capacity_factor_sql),
    ),
)
