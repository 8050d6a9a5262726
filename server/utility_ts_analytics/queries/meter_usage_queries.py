"""SQL for questions about meter readings: load of one meter, load of customer segments.

Pure functions: values in, text out, every value quoted by `queries.literals`. Readings are scaled
and attributed as of their own time, from reference rows with validity:

- A reading belongs to the row of `meters`, `customers` and `meter_scale_map` with the latest
  `valid_from` at or before its `ts`. A reading from before its meter or customer was known belongs
  to no segment.
- A scale factor counts in [`valid_from`, `valid_to`); a null `valid_to` still holds. A meter
  without a factor at that time counts as 1.0.

Each version is joined with the start of the next one, so that the versions of a key never overlap
and no reading is counted twice. (An ASOF JOIN finds the same rows, but took over 30 s for 1.4
million readings of 2,000 meters where this takes 1.4 s: QuestDB 9.3.4 looks for each reading's
version row by row.)

A reading's `ts` is the start of its interval. Energy is in kWh; mean power over an interval is
kW = kWh / hours of the interval.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from utility_ts_analytics.queries.literals import (
    in_utc,
    parse_sample_by,
    quote_text,
    quote_timestamp,
)

_KWH = "mu.kwh * coalesce(msm.scale_factor, 1.0)"
_MICROSECONDS_PER_HOUR = "3600000000.0"


@dataclass(frozen=True, slots=True)
class TimeRange:
    """The half-open range [`start`, `end`) of time.

    Attributes:
        start: First instant inside; aware; kept in UTC whatever zone was given.
        end: First instant outside; aware, later than `start`; kept in UTC.

    Raises:
        ValueError: A time is naive, or `end` is not later than `start`.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        # In UTC first: Python compares two times of one zone by their wall clocks, and so takes the
        # two passes of the repeated autumn hour for one.
        object.__setattr__(self, "start", in_utc(self.start))
        object.__setattr__(self, "end", in_utc(self.end))
        if self.end <= self.start:
            msg = (
                f"cannot make a time range from {self.start.isoformat()} to {self.end.isoformat()}:"
                " it must end later than it starts"
            )
            raise ValueError(msg)


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
    # QuestDB does not carry the condition on `mu` over to the versions: said twice, the window
    # runs over this meter's rows alone.
    only = f" WHERE meter_id = {meter}"
    return (
        f"SELECT mu.ts AS ts, {_KWH} AS kwh\n"
        "FROM meter_usage mu\n"
        f"{_scale_join(only)}"
        f"WHERE mu.meter_id = {meter} AND {_within(time_range)}\n"
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
    part_start = f"greatest(ts, {quote_timestamp(time_range.start)}::timestamp)"
    part_end = (
        f"least(dateadd('{bucket.unit}', {bucket.count}, ts),"
        f" {quote_timestamp(time_range.end)}::timestamp)"
    )
    return (
        "SELECT ts, segment, kwh,"
        f" kwh * {_MICROSECONDS_PER_HOUR} / datediff('u', {part_start}, {part_end}) AS mean_kw\n"
        "FROM (\n"
        f"SELECT mu.ts AS ts, c.segment AS segment, sum({_KWH}) AS kwh\n"
        "FROM meter_usage mu\n"
        f"JOIN {_versions('meters', 'meter_id', 'customer_id')} m"
        f" ON m.meter_id = mu.meter_id AND {_valid('m')}\n"
        f"JOIN {_versions('customers', 'customer_id', 'segment')} c"
        f" ON c.customer_id = m.customer_id AND {_valid('c')}\n"
        f"{_scale_join()}"
        f"WHERE {_within(time_range)} AND c.segment IN ({names})\n"
        f"SAMPLE BY {bucket.sql} ALIGN TO CALENDAR\n"
        ")\n"
        "ORDER BY ts, segment"
    )


def _within(time_range: TimeRange) -> str:
    # Not BETWEEN: QuestDB includes both its bounds.
    start, end = quote_timestamp(time_range.start), quote_timestamp(time_range.end)
    return f"mu.ts >= {start} AND mu.ts < {end}"


def _scale_join(where: str = "") -> str:
    versions = _versions("meter_scale_map", "meter_id", "scale_factor, valid_to", where)
    return (
        f"LEFT JOIN {versions} msm ON msm.meter_id = mu.meter_id AND {_valid('msm')}"
        " AND (msm.valid_to IS NULL OR mu.ts < msm.valid_to)\n"
    )


def _versions(table: str, key: str, columns: str, where: str = "") -> str:
    """A sub-query: the rows of a reference table, each with the start of its key's next version."""
    return (  # every part is a constant of this module or was quoted by the caller
        f"(SELECT {key}, {columns}, valid_from,"  # noqa: S608
        f" lead(valid_from) OVER (PARTITION BY {key} ORDER BY valid_from) AS next_from"
        f" FROM {table}{where})"
    )


def _valid(alias: str) -> str:
    return (
        f"mu.ts >= {alias}.valid_from AND ({alias}.next_from IS NULL OR mu.ts < {alias}.next_from)"
    )
