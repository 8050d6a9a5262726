"""Asks for what meters took: load over time, tariff periods, typical days."""

from datetime import timedelta

import polars as pl

from utility_ts_analytics.analysis.report.answers import (
    PeriodEnergy,
    SegmentLoad,
    SystemLoad,
    TypicalDay,
)
from utility_ts_analytics.analysis.report.asked import Asked
from utility_ts_analytics.analysis.report.content import Section
from utility_ts_analytics.analysis.report.sections_load import load_section
from utility_ts_analytics.analysis.report.sections_tariff import tariff_section
from utility_ts_analytics.queries.meter_usage_queries import aggregated_segment_load_sql
from utility_ts_analytics.queries.overview import system_load_sql
from utility_ts_analytics.queries.tariff_calendar import DAY_TYPES, TariffCalendar
from utility_ts_analytics.queries.time_of_use import time_of_use_sql, typical_day_sql

TOTAL = "all meters"
SEGMENTS_MAX = 5
NO_SEGMENT = "no segment known"
_BUCKETS = (
    (timedelta(days=3), "15m", "quarter of an hour"),
    (timedelta(days=35), "1h", "hour"),
    (timedelta(days=800), "1d", "day (UTC)"),
)
_PERIODS_MAX = 6


async def segment_energy(asked: Asked) -> pl.DataFrame:
    """Return energy by `group` (segment), `season` and `period`; groups with most energy first."""
    answer = await asked.frame(time_of_use_sql(asked.calendar, asked.time_range), PeriodEnergy)
    energies = answer.select(
        pl.col("segment").fill_null(NO_SEGMENT).alias("group"), "season", "period", "kwh"
    )
    order = energies.group_by("group").agg(total=pl.col("kwh").sum().abs())
    return energies.join(order, on="group", maintain_order="left").sort(
        ["total", "group"], descending=[True, False], maintain_order=True
    )


def largest_groups(energies: pl.DataFrame) -> list[str]:
    """Return the groups that are drawn, the largest first."""
    groups = energies["group"].unique(maintain_order=True).to_list()
    return [str(group) for group in groups[:SEGMENTS_MAX]]


async def gather_load(asked: Asked) -> Section:
    """Return the section on load."""
    energies = await segment_energy(asked)
    length = asked.time_range.end - asked.time_range.start
    step, name = next(
        ((step, name) for most, step, name in _BUCKETS if length <= most), ("1M", "month (UTC)")
    )
    if step == "15m" and asked.lengths.meters > 15:
        step, name = "1h", "hour"
    system = await asked.frame(system_load_sql(asked.time_range, step), SystemLoad)
    curves = [system.select("ts", pl.lit(TOTAL).alias("group"), "mean_kw")]
    groups = [group for group in largest_groups(energies) if group != NO_SEGMENT]
    if groups:
        sql = aggregated_segment_load_sql(groups, asked.time_range, step)
        segments = await asked.frame(sql, SegmentLoad)
        curves.append(segments.select("ts", pl.col("segment").alias("group"), "mean_kw"))
    return load_section(
        pl.concat(curves).sort("ts", maintain_order=True),
        total=TOTAL,
        bucket=name,
        zone=asked.zone.key,
        notes=_left_out(energies),
    )


async def gather_tariff(asked: Asked) -> Section:
    """Return the section on tariff periods and typical days."""
    energies = await segment_energy(asked)
    answer = await asked.frame(
        typical_day_sql(
            asked.calendar, asked.time_range, slot_minutes=max(15, asked.lengths.meters)
        ),
        TypicalDay,
    )
    groups = largest_groups(energies)
    minute = pl.col("local_time").str.slice(0, 2).cast(pl.Int64) * 60 + pl.col(
        "local_time"
    ).str.slice(3, 2).cast(pl.Int64)
    profile = answer.select(
        pl.col("day_type").alias("day_kind"),
        pl.col("segment").fill_null(NO_SEGMENT).alias("group"),
        minute.alias("minute"),
        "mean_kw",
    ).filter(pl.col("group").is_in(groups))
    kinds = pl.Enum(list(DAY_TYPES))
    profile = profile.sort(
        pl.col("day_kind").cast(kinds),
        pl.col("group").cast(pl.Enum(groups)),
        "minute",
    )
    drawn = energies.filter(pl.col("group").is_in(groups))
    if drawn["season"].n_unique() > 1:
        drawn = drawn.with_columns(period=pl.col("season") + pl.lit(", ") + pl.col("period"))
    notes = [_tariff_note(asked.calendar, given=asked.tariff_given), *_left_out(energies)]
    if (count := drawn["period"].n_unique()) > _PERIODS_MAX:
        notes.append(f"Drawn are {_PERIODS_MAX} periods, of {count}.")
    return tariff_section(
        drawn.group_by("group", "period", maintain_order=True).agg(pl.col("kwh").sum()),
        profile,
        periods=busiest_first(drawn),
        zone=asked.calendar.zone,
        notes=notes,
    )


def busiest_first(energies: pl.DataFrame) -> list[str]:
    """Return the periods, peak before the rest before off-peak, as far as their names say."""
    names = [str(name) for name in energies["period"].unique(maintain_order=True)]
    return sorted(names, key=_rank)[:_PERIODS_MAX]


def _rank(period: str) -> int:
    name = period.lower()
    if "off" in name or "night" in name or "low" in name:
        return 2
    return 0 if "peak" in name or "high" in name or "day" in name else 1


def _tariff_note(calendar: TariffCalendar, *, given: bool) -> str:
    text = (
        "A reading counts for the period in which its interval starts, by the wall clock of"
        f" {calendar.zone}."
    )
    if given:
        return text
    return f"No tariff was given, so day is 07:00 to 23:00 and night the rest (--tariff). {text}"


def _left_out(energies: pl.DataFrame) -> list[str]:
    count = energies["group"].n_unique()
    if count <= SEGMENTS_MAX:
        return []
    return [f"Drawn are the {SEGMENTS_MAX} segments with most energy, of {count}."]
