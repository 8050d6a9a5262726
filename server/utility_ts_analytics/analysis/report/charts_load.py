"""Charts of load: curves of the whole and of segments, and when which group has its peak."""

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import polars as pl
from matplotlib import dates
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from utility_ts_analytics.analysis.report.look import (
    AXIS,
    DASHES,
    INK,
    SERIES,
    SHADE,
    SOFT,
    TINT,
    Shape,
    chart,
    label,
    number,
    value_axis,
)

_SATURDAY = 5
_SPREAD = 0.065
"""Least distance of two labels at the end of curves, as a share of the axis."""


@chart
def load_curves(
    figure: Figure, shape: Shape, curves: pl.DataFrame, *, total: str, zone: str
) -> None:
    """Draw mean load over time: the whole as an area, its groups as lines.

    Args:
        figure: Given by `chart`, as is `shape`.
        shape: What it is drawn for.
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


def time_axis(axes: Axes, zone: tzinfo, *, narrow: bool) -> None:
    """Make the x axis one of days in local time."""
    axes.xaxis.axis_date(tz=zone)
    axes.margins(x=0)
    low, high = axes.get_xlim()
    days = high - low
    if days <= 9:
        axes.xaxis.set_major_locator(dates.DayLocator(tz=zone))
        form = "%a\n%-d" if narrow else "%a %-d %b"
        axes.xaxis.set_major_formatter(dates.DateFormatter(form, tz=zone))
    else:
        locator = dates.AutoDateLocator(tz=zone, minticks=3, maxticks=4 if narrow else 8)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(dates.DateFormatter("%-d %b\n%Y", tz=zone))
    for text in axes.get_xticklabels():
        text.set_horizontalalignment("left")
    axes.set_xlim(low, high)


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


@chart
def peak_spread(figure: Figure, shape: Shape, peaks: pl.DataFrame, *, names: str) -> None:
    """Draw for each group its own peak and its load while the whole has its peak.

    Args:
        figure: Given by `chart`, as is `shape`.
        shape: What it is drawn for.
        peaks: `group`, `own_peak_kw`, `at_system_peak_kw`; drawn in this order from the top.
        names: What a group is, such as "Feeder".
    """
    rows = peaks.select("group", "own_peak_kw", "at_system_peak_kw").rows()
    figure.set_figheight(0.9 + 0.36 * len(rows))
    axes = figure.add_subplot()
    for place, (_group, own, shared) in enumerate(rows):
        axes.plot([shared, own], [place, place], color=AXIS, linewidth=4, solid_capstyle="butt")
    places = range(len(rows))
    shared_kw = [row[2] for row in rows]
    own_kw = [row[1] for row in rows]
    axes.scatter(shared_kw, places, s=48, color=SERIES[0], zorder=3, label="at the system's peak")
    axes.scatter(own_kw, places, s=48, color=SERIES[1], marker="D", zorder=3, label="own peak")
    reach = max([*own_kw, *shared_kw, 0.0]) or 1.0
    for place, (_group, own, shared) in enumerate(rows):
        axes.annotate(
            f"{number(own)} kW",
            (max(own, shared), place),
            xytext=(9, 0),
            textcoords="offset points",
            color=INK,
            verticalalignment="center",
        )
    axes.set_yticks(list(places), [label(str(row[0]), 20) for row in rows])
    axes.tick_params(axis="y", labelcolor=INK, length=0)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(min(0.0, *shared_kw, *own_kw), reach * (1.18 if not shape.narrow else 1.32))
    value_axis(axes, "Mean load of an interval, kW", horizontal=True)
    axes.set_title(names, fontweight="normal", color=SOFT)
    figure.legend(loc="outside upper right", ncols=2, handletextpad=0.2, columnspacing=1.2)
