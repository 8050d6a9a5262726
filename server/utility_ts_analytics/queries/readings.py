"""Readings as they are stored, typed: the latest ones, the load profile of a meter, range scans.

Each question is a `Query` for `database.reads`: `$1` stands for a value where QuestDB can bind it,
a quoted literal elsewhere (lists of names). Nothing is scaled here but the load profile: `kwh` and
`mw` of a scan are what was sent.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from utility_ts_analytics.database.typed_query import Query
from utility_ts_analytics.queries.interval_length import IntervalLength
from utility_ts_analytics.queries.literals import quote_texts
from utility_ts_analytics.queries.meter_usage_queries import load_profile_sql
from utility_ts_analytics.queries.saved import SAMPLE_WEEK, SavedQuery, notes_of
from utility_ts_analytics.queries.time_range import TimeRange

_USAGE_COLUMNS = (
    "ts, meter_id, premise_id, kwh, kvarh, kva_demand, quality_flag, source_system, event_id"
)
_GENERATION_COLUMNS = "ts, plant_id, unit_id, mw, mvar, status, fuel_type, event_id"


class UsageRow(Struct, frozen=True):
    """One row of `meter_usage`; units and null rules as in `sql/schema`."""

    ts: datetime
    meter_id: str
    premise_id: str | None
    kwh: float
    kvarh: float | None
    kva_demand: float | None
    quality_flag: str | None
    source_system: str | None
    event_id: UUID | None


class GenerationRow(Struct, frozen=True):
    """One row of `generation_output`; units and null rules as in `sql/schema`."""

    ts: datetime
    plant_id: str
    unit_id: str | None
    mw: float
    mvar: float | None
    status: str | None
    fuel_type: str | None
    event_id: UUID | None


class LoadInterval(Struct, frozen=True):
    """One interval of a load profile.

    Attributes:
        ts: Start, UTC.
        kwh: Energy in it, scaled; below 0 for a register of exports.
        mean_kw: Mean power over it.
    """

    ts: datetime
    kwh: float
    mean_kw: float


def latest_reading(meter_id: str) -> Query[UsageRow]:
    """Return the query for the newest reading of one meter: one row, or none if it has none.

    Args:
        meter_id: As stored; any text.

    Raises:
        ValueError: `meter_id` holds a character that QuestDB cannot take.
    """
    return Query(
        f"SELECT {_USAGE_COLUMNS} FROM meter_usage"  # noqa: S608 - constants
        " WHERE meter_id = $1 LATEST ON ts PARTITION BY meter_id",
        UsageRow,
        [meter_id],
    )


def latest_readings(since: datetime | None = None) -> Query[UsageRow]:
    """Return the query for the newest reading of each meter, ordered by `ts`, `meter_id`.

    Args:
        since: Meters that sent nothing since are left out. Without it QuestDB may have to look
            through the whole table for a meter that was removed long ago.

    Raises:
        ValueError: The time is naive.
    """
    if since is None:
        return Query(latest_readings_sql(), UsageRow)
    return Query(_latest_of(" WHERE ts >= $1"), UsageRow, [since])


def latest_readings_sql() -> str:
    """Return the query for the newest reading of each meter.

    Result columns, one row per meter that ever sent one, ordered by `ts`, `meter_id`: `ts` (start
    of the interval, UTC), `meter_id`, `premise_id`, `kwh` (not scaled), `kvarh`, `kva_demand`,
    `quality_flag`, `source_system`, `event_id`, as they are stored; null where nothing was sent.
    """
    return _latest_of("")


def load_profile(
    meter_id: str, time_range: TimeRange, *, interval_minutes: int = 15
) -> Query[LoadInterval]:
    """Return the query of `load_profile_kw_sql`, typed; arguments and errors as there."""
    return Query(
        load_profile_kw_sql(meter_id, time_range, interval_minutes=interval_minutes), LoadInterval
    )


def load_profile_kw_sql(meter_id: str, time_range: TimeRange, *, interval_minutes: int = 15) -> str:
    """Return the query for the load profile of one meter as energy and as power.

    Result columns, one row per stored reading, ordered by `ts`, gaps left as gaps:

    - `ts`: start of the interval, UTC.
    - `kwh`: energy of the interval, times the scale factor of its time; below 0 where that is.
    - `mean_kw`: `kwh` / hours of an interval.

    Args:
        meter_id: As stored; any text.
        time_range: Readings whose interval starts in it.
        interval_minutes: How long each interval of this meter is; a whole part of a day. The
            table does not know: a wrong length makes a wrong power.

    Raises:
        ValueError: `meter_id` holds a character that QuestDB cannot take, or `interval_minutes`
            is no whole part of a day.
    """
    hours = IntervalLength(interval_minutes).hours_sql
    profile = load_profile_sql(meter_id, time_range)
    return f"SELECT ts, kwh, kwh / {hours} AS mean_kw FROM (\n{profile}\n)"  # noqa: S608


def meter_usage_scan(
    time_range: TimeRange, meter_ids: Iterable[str] | None = None
) -> Query[UsageRow]:
    """Return the query for all readings of a range, ordered by `ts`; for streams of any length.

    Args:
        time_range: Readings whose interval starts in it.
        meter_ids: Only those of these meters, at least one; all if None.

    Raises:
        ValueError: `meter_ids` is empty, is one text, or one of them cannot be quoted.
    """
    sql = _scan("meter_usage", _USAGE_COLUMNS, "meter_id", meter_ids)
    return Query(sql, UsageRow, [time_range.start, time_range.end])


def generation_output_scan(
    time_range: TimeRange, plant_ids: Iterable[str] | None = None
) -> Query[GenerationRow]:
    """Return the query for all generation of a range, ordered by `ts`; for streams of any length.

    Rows of units and rows of whole plants (`unit_id` null) both, as they were sent: see
    `queries.generation` before adding them up.

    Args:
        time_range: Readings whose interval starts in it.
        plant_ids: Only those of these plants, at least one; all if None.

    Raises:
        ValueError: `plant_ids` is empty, is one text, or one of them cannot be quoted.
    """
    sql = _scan("generation_output", _GENERATION_COLUMNS, "plant_id", plant_ids)
    return Query(sql, GenerationRow, [time_range.start, time_range.end])


def _latest_of(where: str) -> str:
    return (
        f"SELECT {_USAGE_COLUMNS} FROM meter_usage{where}"  # noqa: S608 - constants
        " LATEST ON ts PARTITION BY meter_id ORDER BY ts, meter_id"
    )


def _scan(table: str, columns: str, key: str, ids: Iterable[str] | None) -> str:
    only = "" if ids is None else f" AND {key} IN ({quote_texts(ids, f'{key}s')})"
    return (
        f"SELECT {columns} FROM {table}"  # noqa: S608 - constants, and quoted
        f" WHERE ts >= $1 AND ts < $2{only} ORDER BY ts"
    )


SAVED: tuple[SavedQuery, ...] = (
    SavedQuery(
        "latest_readings",
        "What did each meter send last?",
        latest_readings_sql(),
        notes_of(latest_readings_sql),
    ),
    SavedQuery(
        "load_profile_kw",
        "What power did one meter draw, interval by interval?",
        load_profile_kw_sql("M-F1-001", SAMPLE_WEEK),
        notes_of(load_profile_kw_sql),
    ),
)
