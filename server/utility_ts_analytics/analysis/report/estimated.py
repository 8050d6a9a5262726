"""Section on estimated readings: their share of each day."""

import re
from collections.abc import Sequence
from datetime import date, datetime

import polars as pl
from matplotlib import dates
from matplotlib.figure import Figure

from utility_ts_analytics.analysis.catalogue import all_questions
from utility_ts_analytics.analysis.report.content import KeyFigure, Picture, Section, Table
from utility_ts_analytics.analysis.report.queries import (
    Queries,
)
from utility_ts_analytics.analysis.report.theme import (
    SERIES,
    TINT,
    Shape,
    chart,
    day_ticks,
    label,
    value_axis,
)
from utility_ts_analytics.analysis.report.wording import (
    decimal,
)

KEY, QUESTION = "estimated", "How much was estimated?"
FLAG_COLOURS = (SERIES[1], SERIES[2], SERIES[3], SERIES[4], SERIES[6])


def gather(queries: Queries) -> Section:
    """Return the section of a period."""
    days = queries.frame(
        "estimated_share",
        then="SELECT local_day AS day, readings, estimated, not_stated FROM answer ORDER BY day",
        group="system",
    )
    return estimated_section(days, zone=queries.zone.key)


def estimated_section(days: pl.DataFrame, *, zone: str) -> Section:
    """Return the section that a frame gives.

    Args:
        days: `day` (local date), `readings`, `estimated`, `not_stated`, as `estimated_share`
            counts them. May be empty.
        zone: Local time of the days.
    """
    readings = int(days["readings"].sum()) if len(days) else 0
    if not readings:
        return Section(KEY, QUESTION, "Not known: no reading lies in this period.")
    estimated, silent = int(days["estimated"].sum()), int(days["not_stated"].sum())
    finding = (
        f"{decimal(100 * estimated / readings, 2)} % of the readings:"
        f" {estimated:,} of {readings:,}."
    )
    if silent:
        finding += f" {decimal(100 * silent / readings, 2)} % do not say how they came about."
    flags = [flag for flag in ("estimated", "not stated") if flag == "estimated" or silent]
    shares = days.select(
        "day",
        (100 * pl.col("estimated") / pl.col("readings")).alias("estimated"),
        (100 * pl.col("not_stated") / pl.col("readings")).alias("not stated"),
    )
    picture = Picture(
        KEY,
        f"Share of estimated readings of each day ({zone})",
        f"A bar per day. {finding}",
        lambda shape: reading_flags(shape, shares, flags=flags),
    )
    rows = [
        [
            str(row["day"]),
            f"{row['readings']:,}",
            f"{row['estimated']:,}",
            f"{row['not_stated']:,}",
            decimal(100 * row["estimated"] / row["readings"], 2),
        ]
        for row in days.iter_rows(named=True)
    ]
    columns = [f"Day ({zone})", "Readings", "Estimated", "Without a flag", "Estimated, %"]
    return Section(
        KEY,
        QUESTION,
        finding,
        [picture],
        [Table("Estimated readings of each day", columns, rows)],
        [f"Estimated are readings with one of the flags {', '.join(_estimated_flags())}."],
        KeyFigure(
            "Estimated",
            f"{decimal(100 * estimated / readings, 2)} %",
            f"{estimated:,} of {readings:,} readings",
        ),
    )


def _estimated_flags() -> list[str]:
    """Return the flags that the question takes by default."""
    return re.findall(r"'([^']*)'", all_questions()["estimated_share"].defaults["estimated_flags"])


@chart
def reading_flags(
    figure: Figure, shape: Shape, shares: pl.DataFrame, *, flags: Sequence[str]
) -> None:
    """Draw the share of flagged readings of each day, one piece of the bar per flag.

    Args:
        figure: Empty; given by `chart`.
        shape: Size to draw for.
        shares: `day` (local date) and one column per flag, percent of the day's readings.
        flags: Names of these columns, from the bottom of a bar up; at most five.
    """
    figure.set_figheight(2.6)
    axes = figure.add_subplot()
    days: list[date] = list(shares["day"])
    places = [float(dates.date2num(datetime(day.year, day.month, day.day))) for day in days]  # noqa: DTZ001
    base = [0.0] * len(days)
    for index, flag in enumerate(flags):
        heights = [value or 0.0 for value in shares[flag]]
        colour = FLAG_COLOURS[index % len(FLAG_COLOURS)]
        axes.bar(places, heights, 0.7, bottom=base, color=colour, label=label(flag, 20))
        base = [low + height for low, height in zip(base, heights, strict=True)]
    axes.set_ylim(0, max([*base, 0.1]) * 1.15)
    value_axis(axes, "Share of the day's readings, %")
    ticks = day_ticks(len(days), 7 if not shape.narrow else 4)
    form = "%a %-d %b" if not shape.narrow else "%-d %b"
    axes.set_xticks([places[tick] for tick in ticks], [days[tick].strftime(form) for tick in ticks])
    axes.tick_params(axis="x", length=0)
    axes.axhline(0, color=TINT, linewidth=0.8)
    figure.legend(loc="outside lower left", ncols=3, handlelength=1.1, columnspacing=1.2)
