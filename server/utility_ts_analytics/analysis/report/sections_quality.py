"""The report's words and tables on what was read: gaps, and values that nobody read."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from utility_ts_analytics.analysis.report.charts_quality import gap_map, reading_flags
from utility_ts_analytics.analysis.report.content import KeyFigure, Picture, Section, Table
from utility_ts_analytics.analysis.report.wording import count, decimal
from utility_ts_analytics.queries.quality import ESTIMATED_FLAGS

GAPS_KEY, ESTIMATED_KEY = "gaps", "estimated"
_GAPS_QUESTION = "What is missing?"
_ESTIMATED_QUESTION = "How much was estimated?"


@dataclass(frozen=True, slots=True)
class Gaps:
    """What was read of what should have been.

    Attributes:
        meters: Meters that should have been read.
        meters_with_gaps: Those that were not read in full.
        expected: Readings that should be there.
        missing: Of these.
        cells: Of the meters with most missing, the worst first: `meter_id`, `day`, `expected`,
            `present`; all their days.
        days_per_column: How many days a `day` of the cells stands for, from it on.
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


def gaps_section(gaps: Gaps, *, zone: str, notes: Sequence[str] = ()) -> Section:
    """Return the section on missing readings.

    Args:
        gaps: What is missing; `meters` may be 0.
        zone: Whose days they are.
        notes: What a complete day is.
    """
    if not gaps.meters:
        return Section(
            GAPS_KEY, _GAPS_QUESTION, "Not known: no meter should have been read in this period."
        )
    if not gaps.missing:
        return Section(
            GAPS_KEY,
            _GAPS_QUESTION,
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
        GAPS_KEY,
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
    return Section(GAPS_KEY, _GAPS_QUESTION, finding, [picture], [table], notes, figure)


def _columns(days: int) -> str:
    return "each day" if days == 1 else f"every {days} days"


def estimated_section(days: pl.DataFrame, *, zone: str) -> Section:
    """Return the section on estimated readings.

    Args:
        days: `day` (local date), `readings`, `estimated`, `not_stated`, as `estimated_share_sql`
            counts them. May be empty.
        zone: Whose days they are.
    """
    readings = int(days["readings"].sum()) if len(days) else 0
    if not readings:
        return Section(
            ESTIMATED_KEY, _ESTIMATED_QUESTION, "Not known: no reading lies in this period."
        )
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
        ESTIMATED_KEY,
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
        ESTIMATED_KEY,
        _ESTIMATED_QUESTION,
        finding,
        [picture],
        [Table("Estimated readings of each day", columns, rows)],
        [f"Estimated are readings with one of the flags {', '.join(ESTIMATED_FLAGS)}."],
        KeyFigure(
            "Estimated",
            f"{decimal(100 * estimated / readings, 2)} %",
            f"{estimated:,} of {readings:,} readings",
        ),
    )
