"""Charts by the clock: energy per tariff period, and what a typical day looks like."""

from collections.abc import Mapping, Sequence

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from utility_ts_analytics.analysis.report.look import (
    DASHES,
    INK,
    PAPER,
    SERIES,
    SOFT,
    Shape,
    chart,
    label,
    number,
    value_axis,
)

_MIDDLE_COLOURS = (SERIES[4], SERIES[2], SERIES[3], SERIES[6])
_LABEL_PCT_MIN = 9.0
_NARROW_LABEL_PCT_MIN = 14.0


@chart
def energy_by_period(
    figure: Figure, shape: Shape, energy: pl.DataFrame, *, periods: Sequence[str]
) -> None:
    """Draw for each group how its energy splits over the tariff's periods.

    Args:
        figure: Given by `chart`, as is `shape`.
        shape: What it is drawn for.
        energy: `group`, `period`, `kwh`; groups in order of first appearance from the top. Only
            energy above 0 has a width.
        periods: In the order in which they stand in a bar, at most six: the busiest first, the
            quietest last.
    """
    groups = list(energy["group"].unique(maintain_order=True))
    figure.set_figheight(1.15 + 0.42 * len(groups))
    axes = figure.add_subplot()
    left = [0.0] * len(groups)
    totals = [_kwh(energy, group) for group in groups]
    for index, period in enumerate(periods):
        colour = _period_colour(index, len(periods))
        shares = [
            100 * max(0.0, _kwh(energy, group, period)) / total if total > 0 else 0.0
            for group, total in zip(groups, totals, strict=True)
        ]
        axes.barh(
            range(len(groups)),
            shares,
            left=left,
            height=0.62,
            color=colour,
            edgecolor=PAPER,
            linewidth=1,
            label=label(period, 20),
        )
        _label_shares(axes, left, shares, narrow=shape.narrow)
        left = [start + share for start, share in zip(left, shares, strict=True)]
    for place, total in enumerate(totals):
        axes.annotate(
            f"{number(total)} kWh",
            (100, place),
            xytext=(5, 0),
            textcoords="offset points",
            color=INK,
            verticalalignment="center",
            annotation_clip=False,
        )
    axes.set_yticks(range(len(groups)), [label(str(group), 18) for group in groups])
    axes.tick_params(axis="y", labelcolor=INK, length=0)
    axes.set_ylim(len(groups) - 0.5, -0.5)
    axes.set_xlim(0, 100)
    value_axis(axes, "Share of the group's energy, %", horizontal=True)
    figure.legend(
        loc="outside upper left",
        ncols=3 if shape.narrow else 6,
        handlelength=1.1,
        columnspacing=1.2,
    )


def _label_shares(
    axes: Axes, left: Sequence[float], shares: Sequence[float], *, narrow: bool
) -> None:
    """Write each share into its piece of the bar, where there is room for it."""
    least = _NARROW_LABEL_PCT_MIN if narrow else _LABEL_PCT_MIN
    for place, (start, share) in enumerate(zip(left, shares, strict=True)):
        if share >= least:
            axes.text(
                start + share / 2,
                place,
                f"{share:.0f} %",
                color=PAPER,
                fontweight="bold",
                horizontalalignment="center",
                verticalalignment="center",
            )


def _period_colour(index: int, count: int) -> str:
    """Return orange for the first, blue for the last, and others for those in between."""
    if index == count - 1:
        return SERIES[0]
    return SERIES[1] if index == 0 else _MIDDLE_COLOURS[(index - 1) % len(_MIDDLE_COLOURS)]


def _kwh(energy: pl.DataFrame, group: str, period: str | None = None) -> float:
    chosen = energy.filter(pl.col("group") == group)
    if period is not None:
        chosen = chosen.filter(pl.col("period") == period)
    return float(chosen["kwh"].sum())


@chart
def typical_day(figure: Figure, shape: Shape, profile: pl.DataFrame) -> None:
    """Draw the mean load over the hours of the day, one panel per kind of day.

    Args:
        figure: Given by `chart`, as is `shape`.
        shape: What it is drawn for.
        profile: `day_kind`, `group`, `minute` (of the local day, start of the interval, 0..1439)
            and `mean_kw`, in the order of `minute`; kinds and groups in order of appearance.
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
