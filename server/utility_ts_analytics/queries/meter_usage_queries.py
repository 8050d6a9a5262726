"""SQL for questions about meter readings: load of one meter, load of customer segments.

Pure functions: values in, text out, every value quoted by `queries.literals`. Readings are scaled
and attributed as of their own time, from reference rows with validity:

- A reading belongs to the row of `meters`, `customers` and `meter_scale_map` with the latest
  `valid_from` at or before its `ts`. A reading from before its meter or customer was known belongs
  to no segment.
- A scale factor counts in [`valid_from`, `valid_to`); a null `valid_to` still holds. A meter
  without a factor at that time counts as 1.0.

A reading's `ts` is the start of its interval. Energy is in kWh; mean power over an interval is
kW = kWh / hours of the interval.
"""

from collections.abc import Iterable

from utility_ts_analytics.queries.literals import parse_sample_by, quote_text
from utility_ts_analytics.queries.mean_power import mean_kw_sql
from utility_ts_analytics.queries.reference_versions import SCALED_KWH, customer_join, scale_join
from utility_ts_analytics.queries.saved import SAMPLE_WEEK, SavedQuery, notes_of
from utility_ts_analytics.queries.time_range import TimeRange

__all__ = ["SAVED", "TimeRange", "aggregated_segment_load_sql", "load_profile_sql"]


def load_profile_sql(meter_id: str, time_range: TimeRange) -> str:
    """Return the query for the load profile of one meter.

    Result columns, one row per stored reading, ordered by `ts`, gaps left as gaps:

    - `ts`: start of the interval, UTC.
    - `kwh`: energy of the interval, scaled. Mean kW of a 15-minute interval is `kwh` * 4.

    Args:
        meter_id: As stored; any text.
        time_range: Readings whose interval starts in it.

    Raises:
        ValueError: `meter_id` holds a character that QuestDB cannot take.
    """
    meter = quote_text(meter_id)
    only = f" WHERE meter_id = {meter}"
    return (
        f"SELECT mu.ts AS ts, {SCALED_KWH} AS kwh\n"
        "FROM meter_usage mu\n"
        f"{scale_join(only)}"
        f"WHERE mu.meter_id = {meter} AND {time_range.covers_sql('mu.ts')}\n"
        "ORDER BY ts"
    )


def aggregated_segment_load_sql(
    segments: Iterable[str], time_range: TimeRange, sample_by: str = "1h"
) -> str:
    """Return the query for the load of customer segments over time.

    Result columns, one row per bucket and segment with readings, ordered by `ts`, `segment`:

    - `ts`: start of the bucket, UTC; also where the range starts inside the bucket.
    - `segment`: of the customer at the time of the reading.
    - `kwh`: scaled energy of all readings of the segment in the bucket.
    - `mean_kw`: `kwh` / hours of that part of the bucket that lies in the range.

    Missing readings are not made up for: they lower both figures.

    Args:
        segments: At least one; as stored in `customers.segment`.
        time_range: Readings whose interval starts in it.
        sample_by: Bucket, such as `15m`, `1h`, `1d`, `1M`, aligned to the UTC calendar.

    Raises:
        ValueError: There is no segment, `segments` is one text, a segment holds a character that
            QuestDB cannot take, or `sample_by` is no interval.
    """
    if isinstance(segments, str):
        # A text is an iterable of texts too: it would silently ask for one-letter segments.
        msg = f"cannot query segments: give a list of names, not the one text {segments!r}"
        raise ValueError(msg)  # noqa: TRY004 - one error class for every bad value, as documented
    names = ", ".join(quote_text(segment) for segment in segments)
    if not names:
        msg = "cannot query segments: the list is empty, name at least one"
        raise ValueError(msg)
    bucket = parse_sample_by(sample_by)
    return (
        f"SELECT ts, segment, kwh, {mean_kw_sql(bucket, time_range)} AS mean_kw\n"
        "FROM (\n"
        f"SELECT mu.ts AS ts, c.segment AS segment, sum({SCALED_KWH}) AS kwh\n"
        "FROM meter_usage mu\n"
        f"{customer_join('segment')}{scale_join()}"
        f"WHERE {time_range.covers_sql('mu.ts')} AND c.segment IN ({names})\n"
        f"SAMPLE BY {bucket.sql} ALIGN TO CALENDAR\n"
        ")\n"
        "ORDER BY ts, segment"
    )


SAVED = (
    SavedQuery(
        "load_profile",
        "How much energy went through one meter, interval by interval?",
        load_profile_sql("M-F1-001", SAMPLE_WEEK),
        notes_of(load_profile_sql),
    ),
    SavedQuery(
        "segment_load",
        "How much energy did each customer segment take, hour by hour?",
        aggregated_segment_load_sql(["commercial", "residential"], SAMPLE_WEEK),
        notes_of(aggregated_segment_load_sql),
    ),
)
