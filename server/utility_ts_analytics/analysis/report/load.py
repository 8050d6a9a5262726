"""Section on load: the curve of all meters and of the largest segments."""

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import polars as pl
from matplotlib import dates
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from utility_ts_analytics.analysis.report.content import KeyFigure, Picture, Section, Table
from utility_ts_analytics.analysis.report.queries import (
    NO_SEGMENT,
    Queries,
    largest_groups,
    segment_energy,
    segments_left_out,
)
from utility_ts_analytics.analysis.report.theme import (
    DASHES,
    SERIES,
    SHADE,
    TINT,
    Shape,
    chart,
    label,
    time_axis,
    value_axis,
)
from utility_ts_analytics.analysis.report.wording import decimal, moment, power, stamp
from utility_ts_analytics.archive.duckdb_sql import literal

KEY, QUESTION = "load", "How did the load run?"
TOTAL = "all meters"
_BUCKETS = (
    (timedelta(days=3), "15 minutes", "quarter of an hour"),
    (timedelta(days=35), "1 hour", "hour"),
    (timedelta(days=800), "1 day", "day (UTC)"),
)
_SATURDAY = 5
_SPREAD = 0.065
"""Least distance of two labels at the end of curves, as a share of the axis."""


def gather(queries: Queries) -> Section:
    """Return the section of a period."""
    energies = segment_energy(queries)
    length = queries.time_range.end - queries.time_range.start
    every, name = next(
        ((every, name) for most, every, name in _BUCKETS if length <= most),
        ("1 month", "month (UTC)"),
    )
    if every == "15 minutes" and queries.lengths.meters > 15:
        every, name = "1 hour", "hour"
    system = queries.frame("load", group="system", every=every, zone="UTC")
    curves = [system.select("ts", pl.lit(TOTAL).alias("group"), "mean_kw")]
    groups = [group for group in largest_groups(energies) if group != NO_SEGMENT]
    if groups:
        then = f"FROM answer WHERE group_name IN ({', '.join(map(literal, groups))})"
        segments = queries.frame("load", then=then, group="segment", every=every, zone="UTC")
        curves.append(segments.select("ts", pl.col("group_name").alias("group"), "mean_kw"))
    return load_section(
        pl.concat(curves).sort("ts", maintain_order=True),
        bucket=name,
        zone=queries.zone.key,
        notes=segments_left_out(energies),
    )


def load_section(
    curves: pl.DataFrame, *, bucket: str, zone: str, notes: Sequence[str] = ()
) -> Section:
    """Return the section that a frame gives.

    Args:
        curves: As `load_curves` takes them, the whole under `TOTAL`; may be empty.
        bucket: Of what a value is the mean, such as "hour".
        zone: Local time.
        notes: What was left out.
    """
    whole = curves.filter((pl.col("group") == TOTAL) & pl.col("mean_kw").is_not_null())
    if whole.is_empty():
        return Section(KEY, QUESTION, "No reading in meter_usage lies in this period.")
    local = ZoneInfo(zone)
    top = whole.sort("mean_kw", "ts", descending=[True, False]).row(0, named=True)
    low = whole.sort("mean_kw", "ts").row(0, named=True)
    mean = float(whole["mean_kw"].mean() or 0.0)  # type: ignore[arg-type] # of a float column
    finding = (
        f"By the {bucket}, the load peaked at {power(top['mean_kw'])}"
        f" on {moment(top['ts'], local)}."
        f" It was {power(mean)} on average and {power(low['mean_kw'])} at the lowest,"
        f" on {moment(low['ts'], local)}."
    )
    names = map(str, curves["group"].unique(maintain_order=True))
    groups = [TOTAL, *(name for name in names if name != TOTAL)]
    picture = Picture(
        KEY,
        f"Mean load of each {bucket}, {zone} time; weekends shaded",
        f"An area for {TOTAL} and a line for each group. {finding}",
        lambda shape: load_curves(shape, curves, total=TOTAL, zone=zone),
    )
    rows = _wide_rows(curves, groups, local)
    columns = [f"Start ({zone})", *(f"{group}, kW" for group in groups)]
    return Section(
        KEY,
        QUESTION,
        finding,
        [picture],
        [Table(f"Mean load of each {bucket}", columns, rows)],
        [
            "Mean load is the energy of the readings, scaled, divided by the length of the"
            f" {bucket}. What was not read is missing in it: nothing is made up.",
            *notes,
        ],
        KeyFigure(f"Highest {bucket}", power(top["mean_kw"]), moment(top["ts"], local)),
    )


def _wide_rows(curves: pl.DataFrame, groups: Sequence[str], zone: ZoneInfo) -> list[list[str]]:
    values = {(ts, group): kw for ts, group, kw in curves.select("ts", "group", "mean_kw").rows()}
    times: list[datetime] = list(curves["ts"].unique().sort())
    return [
        [stamp(ts, zone), *(decimal(values.get((ts, group))) for group in groups)] for ts in times
    ]


@chart
def load_curves(
    figure: Figure, shape: Shape, curves: pl.DataFrame, *, total: str, zone: str
) -> None:
    """Draw mean load over time: the whole as an area, its groups as lines.

    Args:
        figure: Empty; given by `chart`.
        shape: Size to draw for.
        curves: `ts` (start of the interval, UTC), `group`, `mean_kw`; in the order of `ts`. A
            group's missing intervals are no rows and leave a break.
        total: The group that is the whole.
        zone: Of the time axis; weekends are shaded by its calendar.
    """
    figure.set_figheight(3.5 if not shape.narrow else 3.4)
    axes = figure.add_subplot()
    ends: list[tuple[float, str, str]] = []
    groups = [name for name in curves["group"].unique(maintain_order=True) if name != total]
    step = _step(curves)
    for index, group in enumerate([total, *groups]):
        times, values = _broken_at_gaps(curves.filter(pl.col("group") == group), step)
        if group == total:
            axes.fill_between(times, values, color=TINT, step=None, linewidth=0)
            colour, dash, width = SERIES[0], DASHES[0], 1.8
        else:
            colour = SERIES[index % len(SERIES)]
            dash, width = DASHES[index % len(DASHES)], 1.5
        axes.plot(times, values, color=colour, linestyle=dash, linewidth=width)
        known = [value for value in values if value == value]
        if known:
            ends.append((known[-1], label(group, 18), colour))
    value_axis(axes, "Mean load, kW")
    time_axis(axes, ZoneInfo(zone), narrow=shape.narrow)
    _shade_weekends(axes, ZoneInfo(zone))
    _label_ends(axes, ends)


def _step(curves: pl.DataFrame) -> timedelta:
    times = curves["ts"].unique().sort()
    gaps = times.diff().drop_nulls()
    shortest = gaps.min() if len(gaps) else None
    return shortest if isinstance(shortest, timedelta) else timedelta(hours=1)


def _broken_at_gaps(curve: pl.DataFrame, step: timedelta) -> tuple[list[float], list[float]]:
    """Return dates as matplotlib counts them, and values with NaN where an interval is missing."""
    times: list[float] = []
    values: list[float] = []
    before: datetime | None = None
    for ts, value in curve.select("ts", "mean_kw").iter_rows():
        if before is not None and ts - before > step * 1.5:
            times.append(float(dates.date2num(before + step)))
            values.append(float("nan"))
        times.append(float(dates.date2num(ts)))
        values.append(float("nan") if value is None else float(value))
        before = ts
    return times, values


def _shade_weekends(axes: Axes, zone: tzinfo) -> None:
    low, high = axes.get_xlim()
    if high - low > 40:
        return
    day = dates.num2date(low, tz=zone).replace(hour=0, minute=0, second=0, microsecond=0)
    while dates.date2num(day) < high:
        after = day + timedelta(days=1)  # the wall clock's next midnight, also where DST changes
        if day.weekday() >= _SATURDAY:
            left, right = max(low, dates.date2num(day)), min(high, dates.date2num(after))
            axes.axvspan(left, right, color=SHADE, zorder=-2, linewidth=0)
        day = after


def _label_ends(axes: Axes, ends: Sequence[tuple[float, str, str]]) -> None:
    """Write each curve's name at its end instead of a legend, apart from each other."""
    low, high = axes.get_ylim()
    span = (high - low) or 1.0
    place = -1.0
    for value, name, colour in sorted(ends):
        place = max((value - low) / span, place + _SPREAD, 0.0)
        axes.annotate(
            name,
            (1, place),
            xycoords="axes fraction",
            xytext=(5, 0),
            textcoords="offset points",
            color=colour,
            fontweight="bold",
            verticalalignment="center",
            annotation_clip=False,
        )
