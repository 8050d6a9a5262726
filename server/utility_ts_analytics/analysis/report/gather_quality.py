"""Asks what was read of what should have been, and how much of it was estimated."""

import polars as pl

from utility_ts_analytics.analysis.report.answers import (
    CompletenessTotals,
    EstimatedDay,
    MeterDay,
    MeterGaps,
)
from utility_ts_analytics.analysis.report.asked import Asked
from utility_ts_analytics.analysis.report.content import Section
from utility_ts_analytics.analysis.report.sections_quality import (
    Gaps,
    estimated_section,
    gaps_section,
)
from utility_ts_analytics.queries.completeness import completeness_sql
from utility_ts_analytics.queries.overview import (
    completeness_totals_sql,
    estimated_days_sql,
    least_complete_meters_sql,
)

METERS_MAX = 24
COLUMNS_MAX = 62
"""Columns of the gap map; more days than that are put together."""


async def gather_gaps(asked: Asked) -> Section:
    """Return the section on missing readings."""
    zone, minutes = asked.zone.key, asked.lengths.meters
    totals = await asked.frame(
        completeness_totals_sql(asked.time_range, zone, interval_minutes=minutes),
        CompletenessTotals,
    )
    row = totals.row(0, named=True)
    worst = await asked.frame(
        least_complete_meters_sql(
            asked.time_range, zone, count=METERS_MAX, interval_minutes=minutes
        ),
        MeterGaps,
    )
    cells, days_per_column = _no_cells(), 1
    if len(worst):
        names = worst["meter_id"].to_list()
        answer = await asked.frame(
            completeness_sql(asked.time_range, zone, interval_minutes=minutes, meters=names),
            MeterDay,
        )
        cells, days_per_column = cells_of(answer, names)
    gaps = Gaps(
        meters=row["meters"],
        meters_with_gaps=row["with_gaps"],
        expected=row["expected"] or 0,
        missing=row["missing"] or 0,
        cells=cells,
        days_per_column=days_per_column,
    )
    note = (
        f"Expected is one reading every {minutes} minutes (the usual interval of this data) of each"
        " meter that was known then. A day of local time has 23 to 25 hours."
    )
    return gaps_section(gaps, zone=zone, notes=[note])


def _no_cells() -> pl.DataFrame:
    return pl.DataFrame(
        schema={"meter_id": pl.String, "day": pl.Date, "expected": pl.Int64, "present": pl.Int64}
    )


def cells_of(answer: pl.DataFrame, names: list[str]) -> tuple[pl.DataFrame, int]:
    """Return the cells in the order of `names`, and how many days each column stands for."""
    days = answer.select(
        "meter_id", pl.col("local_day").dt.date().alias("day"), "expected", "present"
    )
    per_column = max(1, -(-days["day"].n_unique() // COLUMNS_MAX))
    first = days["day"].min()
    if per_column > 1 and first is not None:
        past = (pl.col("day") - pl.lit(first)).dt.total_days() % per_column
        days = days.with_columns(pl.col("day") - pl.duration(days=past))
        days = days.group_by("meter_id", "day").agg(pl.col("expected", "present").sum())
    return days.sort(pl.col("meter_id").cast(pl.Enum(names)), "day"), per_column


async def gather_estimated(asked: Asked) -> Section:
    """Return the section on estimated readings."""
    answer = await asked.frame(estimated_days_sql(asked.time_range, asked.zone.key), EstimatedDay)
    days = answer.select(
        pl.col("local_day").dt.date().alias("day"), "readings", "estimated", "not_stated"
    )
    return estimated_section(days, zone=asked.zone.key)
