"""Loads that peaks are looked for in: SQL text for `queries.peaks`, which has the rules."""

from collections.abc import Iterable
from typing import Literal, get_args

from utility_ts_analytics.queries.interval_length import IntervalLength
from utility_ts_analytics.queries.literals import quote_texts
from utility_ts_analytics.queries.reference_versions import (
    SCALED_KWH,
    customer_join,
    feeder_join,
    scale_join,
)
from utility_ts_analytics.queries.time_range import TimeRange

PeakGroup = Literal["system", "feeder", "segment"]
"""What loads are added up over: everything, each feeder, each segment."""

_GROUP_NAMES = {"system": "'system'", "feeder": "f.feeder_id", "segment": "c.segment"}


def group_loads_sql(
    time_range: TimeRange, group: PeakGroup, names: Iterable[str] | None, length: IntervalLength
) -> str:
    """Return the query for the energy of each group in each interval, and how many meters it is of.

    Result columns: `ts`, `group_name`, `kwh` (scaled), `meters`. Unordered.

    Raises:
        ValueError: `group` is none, or `names` is empty, one text, given for the system, or cannot
            be quoted.
    """
    return (
        f"SELECT {length.start_sql('mu.ts')} AS ts, {_group_name(group)} AS group_name,"
        f" sum({SCALED_KWH}) AS kwh, count_distinct(mu.meter_id) AS meters\n"
        f"{_readings(time_range, group, names)}"
    )


def meter_loads_sql(
    time_range: TimeRange, group: PeakGroup, names: Iterable[str] | None, length: IntervalLength
) -> str:
    """Return the query for the energy of each meter in each interval; errors as `group_loads_sql`.

    Result columns: `ts`, `group_name`, `meter_id`, `kwh` (scaled). Unordered.
    """
    return (
        f"SELECT {length.start_sql('mu.ts')} AS ts, {_group_name(group)} AS group_name,"
        f" mu.meter_id AS meter_id, sum({SCALED_KWH}) AS kwh\n"
        f"{_readings(time_range, group, names)}"
    )


def single_loads_sql(
    time_range: TimeRange, group: PeakGroup, names: Iterable[str] | None, length: IntervalLength
) -> str:
    """Return the query for the energy of each reading; columns and errors as `meter_loads_sql`.

    For joins that leave few rows: adding up all of them first takes longer.
    """
    return (
        f"SELECT {length.start_sql('mu.ts')} AS ts, {_group_name(group)} AS group_name,"
        f" mu.meter_id AS meter_id, {SCALED_KWH} AS kwh\n"
        f"{_readings(time_range, group, names)}"
    )


def comparable_sql(kwh: str) -> str:
    """Return an energy so that two which differ by their sums' order alone are equal.

    To a thousandth of a Wh. QuestDB 9.3.4 cannot round what is above 9.2e12, hence the second
    branch; `+ 0.0` makes one zero of the two there are: the scaled export of a night is -0.0.
    """
    return f"CASE WHEN abs({kwh}) < 1e9 THEN round({kwh}, 6) + 0.0 ELSE {kwh} END"


def _readings(time_range: TimeRange, group: PeakGroup, names: Iterable[str] | None) -> str:
    """Return FROM and WHERE: readings with scale factor and group."""
    joins, only = "", ""
    if group == "feeder":
        joins = feeder_join()
    elif group == "segment":
        joins = customer_join("segment")
        only = " AND c.segment IS NOT NULL"
    if names is not None:
        if group == "system":
            raise ValueError("cannot pick names of the system: it is one group")
        only = f" AND {_group_name(group)} IN ({quote_texts(names, f'{group}s')})"
    return (
        f"FROM meter_usage mu\n{joins}{scale_join()}"
        f"WHERE {time_range.covers_sql('mu.ts')} AND mu.kwh IS NOT NULL{only}"
    )


def _group_name(group: PeakGroup) -> str:
    """Return the expression for the name of a reading's group."""
    if group not in _GROUP_NAMES:
        raise ValueError(f"cannot group by {group!r}: one of {', '.join(get_args(PeakGroup))}")
    return _GROUP_NAMES[group]
