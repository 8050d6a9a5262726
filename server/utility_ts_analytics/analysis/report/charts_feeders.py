"""Charts of feeders: how much of what entered was lost, over the period and from day to day."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

import polars as pl
from matplotlib import dates
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from utility_ts_analytics.analysis.report.charts_load import time_axis
from utility_ts_analytics.analysis.report.look import (
    AXIS,
    DASHES,
    INK,
    SERIES,
    SOFT,
    Shape,
    chart,
    label,
    number,
    value_axis,
)

_MARKERS = "osD^vPX*"
_MARKED_MAX = 40
"""Points of a line; more of them would cover it with marks."""


@chart
def feeder_losses(
    figure: Figure, shape: Shape, totals: pl.DataFrame, days: pl.DataFrame, *, zone: str
) -> None:
    """Draw losses as a share of supply: bars over the period, points from day to day.

    Args:
        figure: Given by `chart`, as is `shape`.
        shape: What it is drawn for.
        totals: `feeder_id`, `loss_kwh`, `loss_pct` (null where nothing entered); bars in this order
            from the top.
        days: `ts` (start of the day, UTC), `feeder_id`, `loss_pct`; only feeders of `totals` are
            drawn, null days leave a break. Without any, only bars are drawn.
        zone: Whose days they are.
    """
    count = len(totals)
    colours = {
        str(feeder): SERIES[index % len(SERIES)] for index, feeder in enumerate(totals["feeder_id"])
    }
    if days.is_empty():
        figure.set_figheight(1.0 + 0.36 * count)
        _total_bars(figure.add_subplot(), totals, colours)
        return
    if shape.narrow:
        figure.set_figheight(1.0 + 0.36 * count + 2.6)
        bars, lines = figure.subplots(2, 1, height_ratios=[0.9 + 0.36 * count, 2.6])
    else:
        figure.set_figheight(max(2.9, 1.0 + 0.34 * count))
        bars, lines = figure.subplots(1, 2, width_ratios=[1, 1.25])
    _total_bars(bars, totals, colours)
    _day_lines(lines, days, colours)
    time_axis(lines, ZoneInfo(zone), narrow=True)
    lines.margins(x=0.04)
    lines.autoscale(axis="x")


def _total_bars(axes: Axes, totals: pl.DataFrame, colours: Mapping[str, str]) -> None:
    shares = [share or 0.0 for share in totals["loss_pct"]]
    places = list(range(len(totals)))
    axes.barh(places, shares, height=0.6, color=[colours[str(f)] for f in totals["feeder_id"]])
    for place, row in enumerate(totals.iter_rows(named=True)):
        share = row["loss_pct"]
        text = "nothing supplied"
        if share is not None:
            text = f"{number(share)} %  ({number(row['loss_kwh'])} kWh)"
        axes.annotate(
            text,
            (max(share or 0.0, 0.0), place),
            xytext=(5, 0),
            textcoords="offset points",
            color=INK,
            verticalalignment="center",
        )
    axes.axvline(0, color=AXIS, linewidth=0.8)
    axes.set_yticks(places, [label(feeder, 16) for feeder in colours])
    axes.tick_params(axis="y", labelcolor=INK, length=0)
    axes.set_ylim(len(totals) - 0.4, -0.6)
    low, high = min(0.0, *shares, 0.0), max(0.0, *shares, 0.1)
    axes.set_xlim(low, high + (high - low) * 0.65)
    value_axis(axes, "Losses in the period, % of the energy that entered", horizontal=True)
    axes.set_title("Feeder", fontweight="normal", color=SOFT)


def _day_lines(axes: Axes, days: pl.DataFrame, colours: Mapping[str, str]) -> None:
    for index, (feeder, colour) in enumerate(colours.items()):
        own = days.filter(pl.col("feeder_id") == feeder).sort("ts")
        values = [float("nan") if share is None else share for share in own["loss_pct"]]
        times = [float(dates.date2num(ts)) for ts in own["ts"]]
        axes.plot(
            times,
            values,
            color=colour,
            linestyle=DASHES[index % len(DASHES)],
            marker=_MARKERS[index % len(_MARKERS)] if len(own) <= _MARKED_MAX else None,
            markersize=4.5,
            label=label(feeder, 16),
        )
    low, high = axes.get_ylim()
    axes.set_ylim(min(0.0, low), max(high * 1.08, 0.1))
    value_axis(axes, "Losses of each day, %")
    if len(colours) > 1:
        axes.legend(
            loc="lower left", bbox_to_anchor=(0, 0), ncols=3, handlelength=2.6, columnspacing=1.2
        )
