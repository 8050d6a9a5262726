"""Charts of generation: energy of each day by fuel, and how much of each capacity was used."""

from collections.abc import Mapping
from datetime import date

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from utility_ts_analytics.analysis.report.look import (
    INK,
    PAPER,
    SERIES,
    SHADE,
    Shape,
    chart,
    label,
    number,
    value_axis,
)

_WELL_KNOWN = {"SOLAR": SERIES[4], "HYDRO": SERIES[0], "WIND": SERIES[2], "GAS": SERIES[6]}


@chart
def generation_by_fuel(
    figure: Figure, shape: Shape, days: pl.DataFrame, plants: pl.DataFrame
) -> None:
    """Draw the energy of each day by fuel, and beside it each plant's capacity factor.

    Args:
        figure: Given by `chart`, as is `shape`.
        shape: What it is drawn for.
        days: `day` (local date), `fuel_type`, `mwh`; fuels stand on each other in the order of
            their first appearance.
        plants: `plant_id`, `capacity_factor` (0..1; null where it is not known), in the order from
            the top.
    """
    names = [str(fuel) for fuel in days["fuel_type"].unique(maintain_order=True)]
    count = len(plants)
    free = iter([colour for colour in SERIES if colour not in _WELL_KNOWN.values()] * len(names))
    colours = {name: _WELL_KNOWN.get(name.upper()) or next(free) for name in names}
    if shape.narrow:
        figure.set_figheight(3.6 + 0.36 * count)
        bars, factors = figure.subplots(2, 1, height_ratios=[2.5, 0.8 + 0.36 * count])
    else:
        figure.set_figheight(max(2.7, 0.9 + 0.36 * count))
        bars, factors = figure.subplots(1, 2, width_ratios=[1.5, 1])
    _stacked_days(bars, days, colours, most=4 if shape.narrow else 7)
    _capacity_bars(factors, plants)
    handles, texts = bars.get_legend_handles_labels()
    figure.legend(handles, texts, loc="outside lower left", ncols=4, handlelength=1.1)


def _stacked_days(axes: Axes, days: pl.DataFrame, colours: Mapping[str, str], *, most: int) -> None:
    dates: list[date] = sorted(days["day"].unique())
    energy = {(day, fuel): mwh for day, fuel, mwh in days.select("day", "fuel_type", "mwh").rows()}
    base = [0.0] * len(dates)
    for fuel, colour in colours.items():
        heights = [float(energy.get((day, fuel)) or 0.0) for day in dates]
        axes.bar(
            range(len(dates)),
            heights,
            0.7,
            bottom=base,
            color=colour,
            edgecolor=PAPER,
            linewidth=0.6,
            label=label(fuel, 16),
        )
        base = [low + height for low, height in zip(base, heights, strict=True)]
    step = max(1, -(-len(dates) // most))
    ticks = range(0, len(dates), step)
    form = "%a\n%-d %b" if most > 4 else "%-d %b"
    axes.set_xticks(list(ticks), [dates[tick].strftime(form) for tick in ticks])
    axes.tick_params(axis="x", length=0)
    value_axis(axes, "Energy of each day, MWh")


def _capacity_bars(axes: Axes, plants: pl.DataFrame) -> None:
    places = list(range(len(plants)))
    shares = [100 * (factor or 0.0) for factor in plants["capacity_factor"]]
    axes.barh(places, [100.0] * len(places), height=0.55, color=SHADE)
    axes.barh(places, shares, height=0.55, color=SERIES[6])
    for place, factor in enumerate(plants["capacity_factor"]):
        text = "not known" if factor is None else f"{number(100 * factor)} %"
        axes.annotate(
            text,
            (max(100 * (factor or 0.0), 0.0), place),
            xytext=(5, 0),
            textcoords="offset points",
            color=INK,
            verticalalignment="center",
        )
    axes.set_yticks(places, [label(str(plant), 16) for plant in plants["plant_id"]])
    axes.tick_params(axis="y", labelcolor=INK, length=0)
    axes.set_ylim(len(places) - 0.4, -0.6)
    axes.set_xlim(0, max([100.0, *shares]))
    value_axis(axes, "Capacity factor, %", horizontal=True)
