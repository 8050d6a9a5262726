"""Readings as they are stored, typed: the latest ones, the load profile of a meter, range scans.

Each question is a `Query` for `database.reads`: values are bound (`$1`) where QuestDB can bind
them, and quoted elsewhere (lists of names). Only the load profile is scaled: `kwh` and `mw` of a
scan are as they were sent.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from utility_ts_analytics.database.typed_query import Query
from utility_ts_analytics.queries.literals import quote_table, quote_texts
from utility_ts_analytics.queries.meter_usage_queries import METER_TABLE, load_profile_sql
from utility_ts_analytics.queries.time_range import TimeRange

_USAGE_COLUMNS = (
    "ts, meter_id, premise_id, kwh, kvarh, kva_demand, quality_flag, source_system, event_id"
)
_GENERATION_COLUMNS = "ts, plant_id, unit_id, mw, mvar, status, fuel_type, event_id"
_DAY_MINUTES = 1440


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


def latest_reading(meter_id: str, *, table: str = METER_TABLE) -> Query[UsageRow]:
    """Return the query for the newest reading of one meter: one row, or none if it has none.

    Args:
        meter_id: As stored; any text.
        table: Of the readings, if `[meter_usage] name` gives it another name.

    Raises:
        ValueError: `meter_id` holds a character that QuestDB cannot take, or `table` is no name.
    """
    return Query(
        f"SELECT {_USAGE_COLUMNS} FROM {quote_table(table)}"  # noqa: S608 - constants, and checked
        " WHERE meter_id = $1 LATEST ON ts PARTITION BY meter_id",
        UsageRow,
        [meter_id],
    )


def latest_readings(since: datetime | None = None, *, table: str = METER_TABLE) -> Query[UsageRow]:
    """Return the query for the newest reading of each meter, ordered by `ts`, `meter_id`.

    Args:
        since: Meters that sent nothing since are left out. Without it QuestDB may have to look
            through the whole table for a meter that was removed long ago.
        table: As `latest_reading` takes it.

    Raises:
        ValueError: The time is naive, or `table` is no name.
    """
    select = f"SELECT {_USAGE_COLUMNS} FROM {quote_table(table)}"  # noqa: S608 - checked
    order = " LATEST ON ts PARTITION BY meter_id ORDER BY ts, meter_id"
    if since is None:
        return Query(f"{select}{order}", UsageRow)
    return Query(f"{select} WHERE ts >= $1{order}", UsageRow, [since])


def load_profile(
    meter_id: str,
    time_range: TimeRange,
    *,
    interval_minutes: int = 15,
    table: str = METER_TABLE,
) -> Query[LoadInterval]:
    """Return the query for the load profile of one meter as energy and as power.

    One row per stored reading, ordered by `ts`, gaps left as gaps.

    Args:
        meter_id: As stored; any text.
        time_range: Readings whose interval starts in it.
        interval_minutes: Length of each interval of this meter; a whole part of a day. The table
            does not hold it: a wrong length makes a wrong power.
        table: As `latest_reading` takes it.

    Raises:
        ValueError: `meter_id` holds a character that QuestDB cannot take, `interval_minutes` is no
            whole part of a day, or `table` is no name.
    """
    if not 1 <= interval_minutes <= _DAY_MINUTES or _DAY_MINUTES % interval_minutes:
        raise ValueError(
            f"cannot use an interval of {interval_minutes} minutes: it must be a whole part of a"
            " day, such as 15, 30 or 60"
        )
    # A number with a fraction: QuestDB divides whole numbers as such.
    hours = repr(interval_minutes / 60.0)
    profile = load_profile_sql(meter_id, time_range, table=table)
    sql = f"SELECT ts, kwh, kwh / {hours} AS mean_kw FROM (\n{profile}\n)"  # noqa: S608 - quoted
    return Query(sql, LoadInterval)


def meter_usage_scan(
    time_range: TimeRange, meter_ids: Iterable[str] | None = None, *, table: str = METER_TABLE
) -> Query[UsageRow]:
    """Return the query for all readings of a range, ordered by `ts`; for streams of any length.

    Args:
        time_range: Readings whose interval starts in it.
        meter_ids: Only those of these meters, at least one; all if None.
        table: As `latest_reading` takes it.

    Raises:
        ValueError: `meter_ids` is empty, is one text, or one of them cannot be quoted; or `table`
            is no name.
    """
    sql = _scan(table, _USAGE_COLUMNS, "meter_id", meter_ids)
    return Query(sql, UsageRow, [time_range.start, time_range.end])


def generation_output_scan(
    time_range: TimeRange,
    plant_ids: Iterable[str] | None = None,
    *,
    table: str = "generation_output",
) -> Query[GenerationRow]:
    """Return the query for all generation of a range, ordered by `ts`; for streams of any length.

    Rows of units and rows of whole plants (`unit_id` null) both, as they were sent. Do not add the
    two: the question `generation_by_fuel` takes either one or the other of a plant.

    Args:
        time_range: Readings whose interval starts in it.
        plant_ids: Only those of these plants, at least one; all if None.
        table: Of the readings, if `[generation_output] name` gives it another name.

    Raises:
        ValueError: `plant_ids` is empty, is one text, or one of them cannot be quoted; or `table`
            is no name.
    """
    sql = _scan(table, _GENERATION_COLUMNS, "plant_id", plant_ids)
    return Query(sql, GenerationRow, [time_range.start, time_range.end])


def _scan(table: str, columns: str, key: str, ids: Iterable[str] | None) -> str:
    only = "" if ids is None else f" AND {key} IN ({quote_texts(ids, f'{key}s')})"
    return (
        f"SELECT {columns} FROM {quote_table(table)}"  # noqa: S608 - constants, and quoted
        f" WHERE ts >= $1 AND ts < $2{only} ORDER BY ts"
    )
