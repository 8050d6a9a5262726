"""Charts of what was read: a map of the gaps, and how readings of each day came about."""

from collections.abc import Sequence
from datetime import date, datetime

import polars as pl
from matplotlib import dates
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from utility_ts_analytics.analysis.report.look import (
    INK,
    LEVELS,
    PAPER,
    SERIES,
    TINT,
    Shape,
    chart,
    label,
    value_axis,
)

GAP_LEVELS = ("complete", "95 % or more", "50 % or more", "less", "nothing")
_SHARES = (1.0, 0.95, 0.5)
FLAG_COLOURS = (SERIES[1], SERIES[2], SERIES[3], SERIES[4], SERIES[6])


def gap_level(present: float, expected: float) -> int:
    """Return the index in `GAP_LEVELS` of so many readings out of those expected (> 0)."""
    if present <= 0:
        return len(GAP_LEVELS) - 1
    share = present / expected
    return next((level for level, least in enumerate(_SHARES) if share >= least), 3)


@chart
def gap_map(figure: Figure, shape: Shape, cells: pl.DataFrame) -> None:
    """Draw meters by days, each cell as dark as readings are missing in it.

    Cells of equal level that touch are drawn as one, so that a map without gaps is small.

    Args:
        figure: Given by `chart`, as is `shape`.
        shape: What it is drawn for.
        cells: `meter_id`, `day` (local date), `expected` and `present` (readings); meters in order
            of first appearance from the top. A day without a row is left white.
    """
    meters = list(cells["meter_id"].unique(maintain_order=True))
    days = sorted(cells["day"].unique())
    rows = {meter: place for place, meter in enumerate(meters)}
    columns = {day: place for place, day in enumerate(days)}
    figure.set_figheight(1.0 + max(0.19 * len(meters), 0.6))
    axes = figure.add_subplot()
    boxes: list[list[list[tuple[float, float]]]] = [[] for _ in GAP_LEVELS]
    levels: dict[tuple[int, int], int] = {
        (rows[meter], columns[day]): gap_level(present, expected)
        for meter, day, expected, present in cells.select(
            "meter_id", "day", "expected", "present"
        ).iter_rows()
        if expected > 0
    }
    for row in range(len(meters)):
        for left, right, level in _runs(levels, row, len(days)):
            boxes[level].append(_box(left, right, row))
    for level, shapes in enumerate(boxes):
        axes.add_collection(
            PolyCollection(shapes, facecolors=LEVELS[level], edgecolors=PAPER, linewidths=0.8)
        )
    axes.set_xlim(0, len(days))
    axes.set_ylim(len(meters), 0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.xaxis.tick_top()
    ticks = _day_ticks(len(days), 7 if not shape.narrow else 4)
    texts = [days[tick].strftime("%a %-d %b" if not shape.narrow else "%-d %b") for tick in ticks]
    axes.set_xticks([tick + 0.5 for tick in ticks], texts)
    axes.set_yticks(
        [place + 0.5 for place in range(len(meters))],
        [label(meter, 24 if not shape.narrow else 16) for meter in meters],
    )
    axes.tick_params(length=0, labelsize=shape.font_pt - 1)
    axes.tick_params(axis="y", labelcolor=INK)
    figure.legend(
        handles=[
            Patch(facecolor=colour, label=name)
            for colour, name in zip(LEVELS, GAP_LEVELS, strict=True)
        ],
        loc="outside lower left",
        ncols=5 if not shape.narrow else 3,
        handlelength=1.1,
        columnspacing=1.2,
        title="Readings there were, of those expected",
        alignment="left",
    )


def _runs(
    levels: dict[tuple[int, int], int], row: int, columns: int
) -> Sequence[tuple[int, int, int]]:
    """Return `(first column, column after the last, level)` of cells that look the same."""
    runs: list[tuple[int, int, int]] = []
    for column in range(columns):
        level = levels.get((row, column))
        if level is None:
            continue
        # Only what is complete: gaps are counted with the eye, day by day.
        if runs and level == 0 and runs[-1][1:] == (column, level):
            runs[-1] = (runs[-1][0], column + 1, level)
        else:
            runs.append((column, column + 1, level))
    return runs


def _box(left: float, right: float, row: float) -> list[tuple[float, float]]:
    return [(left, row), (right, row), (right, row + 1), (left, row + 1)]


def _day_ticks(count: int, most: int) -> list[int]:
    step = max(1, -(-count // most))
    return list(range(0, count, step))


@chart
def reading_flags(
    figure: Figure, shape: Shape, shares: pl.DataFrame, *, flags: Sequence[str]
) -> None:
    """Draw the share of flagged readings of each day, one piece of the bar per flag.

    Args:
        figure: Given by `chart`, as is `shape`.
        shape: What it is drawn for.
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
    ticks = _day_ticks(len(days), 7 if not shape.narrow else 4)
    form = "%a %-d %b" if not shape.narrow else "%-d %b"
    axes.set_xticks([places[tick] for tick in ticks], [days[tick].strftime(form) for tick in ticks])
    axes.tick_params(axis="x", length=0)
    axes.axhline(0, color=TINT, linewidth=0.8)
    figure.legend(loc="outside lower left", ncols=3, handlelength=1.1, columnspacing=1.2)
