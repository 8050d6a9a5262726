"""The typical day in the section on tariffs: mean load over the hours, by kind of day."""

from collections.abc import Mapping, Sequence

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from utility_ts_analytics.analysis.report.content import Picture, Table
from utility_ts_analytics.analysis.report.queries import NO_SEGMENT, Queries
from utility_ts_analytics.analysis.report.theme import (
    DASHES,
    SERIES,
    SOFT,
    Shape,
    chart,
    label,
    value_axis,
)
from utility_ts_analytics.analysis.report.wording import decimal, power
from utility_ts_analytics.queries.tariff_calendar import DAY_TYPES


def day_profile(queries: Queries, groups: Sequence[str]) -> pl.DataFrame:
    """Return the mean load over the day of some segments.

    Columns, by kind of day, segment and time: `day_kind`, `group`, `minute` (of the local day,
    start of the interval, 0..1439), `mean_kw`.
    """
    answer = queries.frame(
        "typical_day",
        group="segment",
        slot_minutes=max(15, queries.lengths.meters),
        zone=queries.calendar.zone,
    )
    hour, minute = (pl.col("local_time").str.slice(at, 2).cast(pl.Int64) for at in (0, 3))
    return (
        answer.select(
            pl.col("day_type").alias("day_kind"),
            pl.col("group_name").fill_null(NO_SEGMENT).alias("group"),
            (hour * 60 + minute).alias("minute"),
            "mean_kw",
        )
        .filter(pl.col("group").is_in(groups))
        .sort(
            pl.col("day_kind").cast(pl.Enum(list(DAY_TYPES))),
            pl.col("group").cast(pl.Enum(groups)),
            "minute",
        )
    )


def day_picture(profile: pl.DataFrame, zone: str) -> Picture:
    """Return the chart of the typical day; `profile` has rows."""
    top = profile.sort("mean_kw", descending=True, nulls_last=True).row(0, named=True)
    return Picture(
        "tariff-day",
        f"The typical day of each segment, {zone} time",
        "Mean load over the hours of the day, a line per segment, one panel per kind of"
        f" day. Highest: {top['group']}, {power(top['mean_kw'])} at"
        f" {_clock(top['minute'])}, {top['day_kind']}.",
        lambda shape: typical_day(shape, profile),
    )


def day_table(profile: pl.DataFrame) -> Table:
    """Return the figures behind the chart."""
    columns = ["Kind of day", "Segment", "Start", "Mean load, kW"]
    rows = [
        [str(kind), str(group), _clock(minute), decimal(kw, 2)]
        for kind, group, minute, kw in profile.select(
            "day_kind", "group", "minute", "mean_kw"
        ).iter_rows()
    ]
    return Table("Mean load over the day", columns, rows, text_columns=3)


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


@chart
def typical_day(figure: Figure, shape: Shape, profile: pl.DataFrame) -> None:
    """Draw the mean load over the hours of the day, one panel per kind of day.

    Args:
        figure: Empty; given by `chart`.
        shape: Size to draw for.
        profile: As `day_profile` returns it; kinds and groups in order of appearance.
    """
    kinds = list(profile["day_kind"].unique(maintain_order=True))
    groups = list(profile["group"].unique(maintain_order=True))
    figure.set_figheight(2.9 if not shape.narrow else 2.3 * len(kinds) + 0.4)
    grid = (len(kinds), 1) if shape.narrow else (1, len(kinds))
    panels = figure.subplots(*grid, sharey=True, squeeze=False).flatten()
    colours = {group: SERIES[index % len(SERIES)] for index, group in enumerate(groups)}
    for panel, kind in zip(panels, kinds, strict=True):
        _day_panel(panel, profile.filter(pl.col("day_kind") == kind), colours)
        value_axis(panel, "")
        panel.set_title(f"{label(kind)}: mean load, kW", fontweight="normal", color=SOFT)
    if len(groups) > 1:
        handles, names = panels[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower left", ncols=3, handlelength=2.6)


def _day_panel(axes: Axes, profile: pl.DataFrame, colours: Mapping[str, str]) -> None:
    for index, (group, colour) in enumerate(colours.items()):
        own = profile.filter(pl.col("group") == group)
        hours = [minute / 60 for minute in own["minute"]]
        axes.plot(
            hours,
            list(own["mean_kw"]),
            color=colour,
            linestyle=DASHES[index % len(DASHES)],
            drawstyle="steps-post",
            label=label(str(group), 18),
        )
    axes.set_xlim(0, 24)
    # No label at 24:00: it would touch the next panel's first.
    axes.set_xticks(range(0, 25, 6), [f"{hour:02}:00" for hour in range(0, 24, 6)] + [""])
    low, _ = axes.get_ylim()
    axes.set_ylim(bottom=min(0.0, low))
