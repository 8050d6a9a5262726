"""The report's words and tables on what was read: gaps, and values that nobody read."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from utility_ts_analytics.analysis.report.charts_quality import gap_map, reading_flags
from utility_ts_analytics.analysis.report.content import Picture, Section, Table
from utility_ts_analytics.analysis.report.wording import count, decimal

GAPS_KEY, FLAGS_KEY = "gaps", "estimated"
_GAPS_QUESTION = "What is missing?"
_FLAGS_QUESTION = "How much was estimated?"


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
    """

    meters: int
    meters_with_gaps: int
    expected: int
    missing: int
    cells: pl.DataFrame


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
    share = 100 * (1 - gaps.missing / gaps.expected) if gaps.expected else 100.0
    if not gaps.missing:
        return Section(
            GAPS_KEY,
            _GAPS_QUESTION,
            f"Nothing: all {gaps.expected:,} readings of {count(gaps.meters, 'meter')} are there.",
            notes=notes,
        )
    finding = (
        f"{count(gaps.missing, 'reading')} of {gaps.expected:,}: {decimal(share, 2)} % are there."
        f" {gaps.meters_with_gaps:,} of {count(gaps.meters, 'meter')} were not read in full."
    )
    drawn = gaps.cells["meter_id"].n_unique()
    picture = Picture(
        GAPS_KEY,
        f"Completeness of each day ({zone}), for the {count(drawn, 'meter')} that lack most",
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
    return Section(GAPS_KEY, _GAPS_QUESTION, finding, [picture], [table], notes)


def flags_section(
    days: pl.DataFrame, *, flags: Sequence[str], zone: str, notes: Sequence[str] = ()
) -> Section:
    """Return the section on estimated readings.

    Args:
        days: `day` (local date), `readings`, and the number of readings of each flag; may be empty.
        flags: Columns of `days` that count flagged readings, at most five.
        zone: Whose days they are.
        notes: Which flags mean what.
    """
    readings = int(days["readings"].sum()) if len(days) else 0
    if not readings:
        return Section(FLAGS_KEY, _FLAGS_QUESTION, "Not known: no reading lies in this period.")
    flagged = sum(int(days[flag].sum()) for flag in flags)
    share = 100 * flagged / readings
    if not flagged:
        return Section(
            FLAGS_KEY,
            _FLAGS_QUESTION,
            f"None of {count(readings, 'reading')} has a flag that says so.",
            notes=notes,
        )
    finding = f"{decimal(share, 2)} %: {flagged:,} of {count(readings, 'reading')}."
    shares = days.select(
        "day", *((100 * pl.col(flag) / pl.col("readings")).alias(flag) for flag in flags)
    ).sort("day")
    picture = Picture(
        FLAGS_KEY,
        f"Share of estimated readings of each day ({zone})",
        f"A bar per day. {finding}",
        lambda shape: reading_flags(shape, shares, flags=flags),
    )
    rows = [
        [
            str(row["day"]),
            f"{row['readings']:,}",
            *(f"{row[flag]:,}" for flag in flags),
            decimal(100 * sum(row[flag] for flag in flags) / row["readings"], 2),
        ]
        for row in days.sort("day").iter_rows(named=True)
        if row["readings"]
    ]
    table = Table(
        "Estimated readings of each day",
        [f"Day ({zone})", "Readings", *flags, "Share, %"],
        rows,
    )
    return Section(FLAGS_KEY, _FLAGS_QUESTION, finding, [picture], [table], notes)
