"""Section on missing readings: a map of the meters with most gaps."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from utility_ts_analytics.analysis.report.content import KeyFigure, Picture, Section, Table
from utility_ts_analytics.analysis.report.queries import (
    Queries,
)
from utility_ts_analytics.analysis.report.theme import (
    INK,
    LEVELS,
    PAPER,
    Shape,
    chart,
    day_ticks,
    label,
)
from utility_ts_analytics.analysis.report.wording import count, decimal

KEY, QUESTION = "gaps", "What is missing?"
COLUMNS_MAX = 62
"""Columns of the gap map; more days than that are put together."""
_TOTALS_AND_WORST = """
SELECT totals.*, worst.meter_id, worst.rank, a.local_day AS day, a.expected, a.present
FROM (
  SELECT count(*) AS meters, count(*) FILTER (missing > 0) AS with_gaps,
    coalesce(sum(expected), 0) AS all_expected, coalesce(sum(missing), 0) AS all_missing
  FROM (SELECT sum(expected) AS expected, sum(missing) AS missing FROM answer GROUP BY meter_id)
  WHERE expected > 0
) totals
LEFT JOIN (
  SELECT meter_id, row_number() OVER (ORDER BY sum(missing) DESC, meter_id) AS rank
  FROM answer GROUP BY meter_id HAVING sum(missing) > 0
  ORDER BY rank LIMIT 24
) worst ON true
LEFT JOIN answer a USING (meter_id)
ORDER BY rank, day
"""
"""One row per day of the meters that lack most readings; without any, one row with the totals."""
GAP_LEVELS = ("complete", "95 % or more", "50 % or more", "less", "nothing")
_SHARES = (1.0, 0.95, 0.5)


@dataclass(frozen=True, slots=True)
class Gaps:
    """Readings there, of those expected.

    Attributes:
        meters: Meters that should have been read.
        meters_with_gaps: Those that were not read in full.
        expected: Readings that should be there.
        missing: Of these.
        cells: Of the meters with most missing, the worst first: `meter_id`, `day`, `expected`,
            `present`; all their days.
        days_per_column: Number of days, from its `day` on, that each cell covers.
    """

    meters: int
    meters_with_gaps: int
    expected: int
    missing: int
    cells: pl.DataFrame
    days_per_column: int = 1

    @property
    def present_pct(self) -> float | None:
        """Readings there of those expected, percent; None where none is expected."""
        return 100 * (1 - self.missing / self.expected) if self.expected else None


def gather(queries: Queries) -> Section:
    """Return the section of a period."""
    zone, minutes = queries.zone.key, queries.lengths.meters
    answer = queries.frame("completeness", then=_TOTALS_AND_WORST, interval_minutes=minutes)
    totals = answer.row(0, named=True)
    cells, days_per_column = cells_of(answer.drop_nulls("meter_id"))
    gaps = Gaps(
        meters=totals["meters"],
        meters_with_gaps=totals["with_gaps"],
        expected=totals["all_expected"],
        missing=totals["all_missing"],
        cells=cells,
        days_per_column=days_per_column,
    )
    note = (
        f"Expected is one reading every {minutes} minutes (the usual interval of this data) of each"
        " meter that was known then. A day of local time has 23 to 25 hours."
    )
    return gaps_section(gaps, zone=zone, notes=[note])


def cells_of(days: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Return the cells of meters in their order, and how many days each column covers.

    Args:
        days: `meter_id`, `day`, `expected`, `present`, by meter and day; may be empty.
    """
    days = days.select("meter_id", "day", "expected", "present")
    per_column = max(1, -(-days["day"].n_unique() // COLUMNS_MAX))
    first = days["day"].min()
    if per_column > 1 and first is not None:
        past = (pl.col("day") - pl.lit(first)).dt.total_days() % per_column
        days = days.with_columns(pl.col("day") - pl.duration(days=past))
        days = days.group_by("meter_id", "day", maintain_order=True).agg(
            pl.col("expected", "present").sum()
        )
    return days, per_column


def gaps_section(gaps: Gaps, *, zone: str, notes: Sequence[str] = ()) -> Section:
    """Return the section that figures give.

    Args:
        gaps: What is missing; `meters` may be 0.
        zone: Local time of the days.
        notes: What a complete day is.
    """
    if not gaps.meters:
        return Section(KEY, QUESTION, "Not known: no meter should have been read in this period.")
    if not gaps.missing:
        return Section(
            KEY,
            QUESTION,
            f"Nothing: all {gaps.expected:,} readings of {count(gaps.meters, 'meter')} are there.",
            notes=notes,
            figure=KeyFigure("Readings there", "100 %", f"{gaps.expected:,}"),
        )
    share = decimal(gaps.present_pct, 2)
    finding = (
        f"{count(gaps.missing, 'reading')} of {gaps.expected:,}: {share} % are there."
        f" {gaps.meters_with_gaps:,} of {count(gaps.meters, 'meter')} were not read in full."
    )
    drawn = gaps.cells["meter_id"].n_unique()
    picture = Picture(
        KEY,
        f"Completeness of {_columns(gaps.days_per_column)} ({zone}), for"
        f" {'the meter' if drawn == 1 else f'the {drawn:,} meters'} with most missing",
        f"A map of meters by days; the darker a cell, the more is missing. {finding}",
        lambda shape: gap_map(shape, gaps.cells),
    )
    lacking = gaps.cells.filter(pl.col("present") < pl.col("expected"))
    rows = [
        [str(meter), str(day), f"{expected:,}", f"{present:,}", f"{expected - present:,}"]
        for meter, day, expected, present in lacking.select(
            "meter_id", "day", "expected", "present"
        ).iter_rows()
    ]
    table = Table(
        f"Days with gaps of {count(drawn, 'meter')}",
        ["Meter", f"Day ({zone})", "Expected", "There", "Missing"],
        rows,
        text_columns=2,
    )
    if drawn < gaps.meters_with_gaps:
        notes = [
            *notes,
            f"Drawn and listed are the {drawn:,} meters that lack most, of"
            f" {gaps.meters_with_gaps:,} with gaps.",
        ]
    figure = KeyFigure(
        "Readings there",
        f"{decimal(gaps.present_pct, 2)} %",
        f"{gaps.missing:,} of {gaps.expected:,} missing",
    )
    return Section(KEY, QUESTION, finding, [picture], [table], notes, figure)


def _columns(days: int) -> str:
    return "each day" if days == 1 else f"every {days} days"


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
        figure: Empty; given by `chart`.
        shape: Size to draw for.
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
    ticks = day_ticks(len(days), 7 if not shape.narrow else 4)
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
