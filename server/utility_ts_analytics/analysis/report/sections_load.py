"""The report's words and tables on load: its run over time, and the peaks of groups."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import polars as pl

from utility_ts_analytics.analysis.report.charts_load import load_curves, peak_spread
from utility_ts_analytics.analysis.report.content import KeyFigure, Picture, Section, Table
from utility_ts_analytics.analysis.report.wording import decimal, moment, power, stamp

LOAD_KEY, PEAKS_KEY = "load", "peaks"
_LOAD_QUESTION = "How did the load run?"
_PEAKS_QUESTION = "Do the peaks coincide?"


def load_section(
    curves: pl.DataFrame, *, total: str, bucket: str, zone: str, notes: Sequence[str] = ()
) -> Section:
    """Return the section on load over time.

    Args:
        curves: As `load_curves` takes them; may be empty.
        total: The group that is the whole.
        bucket: Of what a value is the mean, such as "hour".
        zone: Local time.
        notes: What was left out.
    """
    whole = curves.filter((pl.col("group") == total) & pl.col("mean_kw").is_not_null())
    if whole.is_empty():
        return Section(LOAD_KEY, _LOAD_QUESTION, "No reading in meter_usage lies in this period.")
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
    groups = [str(name) for name in curves["group"].unique(maintain_order=True)]
    picture = Picture(
        LOAD_KEY,
        f"Mean load of each {bucket}, {zone} time; weekends shaded",
        f"An area for {total} and a line for each group. {finding}",
        lambda shape: load_curves(shape, curves, total=total, zone=zone),
    )
    rows = _wide_rows(curves, [total, *(g for g in groups if g != total)], local)
    columns = [f"Start ({zone})", f"{total}, kW", *(f"{g}, kW" for g in groups if g != total)]
    return Section(
        LOAD_KEY,
        _LOAD_QUESTION,
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


def peaks_section(
    peaks: pl.DataFrame,
    *,
    system_kw: float | None,
    system_ts: datetime | None,
    names: str,
    zone: str,
    drawn_max: int,
    notes: Sequence[str] = (),
) -> Section:
    """Return the section on coincident and non-coincident peaks.

    Args:
        peaks: `group`, `own_peak_kw`, `own_peak_ts` (UTC), `at_system_peak_kw` and
            `meters_peaks_kw` (sum of the meters' own peaks); may be empty.
        system_kw: Highest load of all together; None without readings.
        system_ts: When that was.
        names: What a group is, such as "feeder".
        zone: Local time.
        drawn_max: Groups drawn, from the first on.
        notes: What was left out.
    """
    if peaks.is_empty() or system_kw is None or system_ts is None:
        return Section(
            PEAKS_KEY,
            _PEAKS_QUESTION,
            f"No reading of a meter with a {names} lies in this period.",
        )
    local = ZoneInfo(zone)
    apart = float(peaks["own_peak_kw"].sum())
    factor = apart / system_kw if system_kw > 0 else None
    finding = (
        f"All together peaked at {power(system_kw)} on {moment(system_ts, local)}; the {names}s'"
        f" own peaks add up to {power(apart)}"
    )
    finding += f", {decimal(factor, 2)} times as much." if factor is not None else "."
    picture = Picture(
        PEAKS_KEY,
        f"Each {names}'s own peak, and its load while all together peaked",
        f"Two marks per {names}, joined by a line: the longer it is, the further its peak is from"
        f" the common one. {finding}",
        lambda shape: peak_spread(shape, peaks.head(drawn_max), names=names.capitalize()),
    )
    return Section(
        PEAKS_KEY,
        _PEAKS_QUESTION,
        finding,
        [picture],
        [_peaks_table(peaks, names, local)],
        [
            "The sum of the own peaks divided by the common peak is the diversity factor: 1 if all"
            " peak at the same time.",
            *notes,
        ],
    )


def _peaks_table(peaks: pl.DataFrame, names: str, local: ZoneInfo) -> Table:
    rows = [
        [
            str(row["group"]),
            decimal(row["own_peak_kw"]),
            stamp(row["own_peak_ts"], local),
            decimal(row["at_system_peak_kw"]),
            decimal(row["meters_peaks_kw"]),
        ]
        for row in peaks.iter_rows(named=True)
    ]
    columns = [
        names.capitalize(),
        "Own peak, kW",
        "at",
        "At the common peak, kW",
        "Sum of its meters' peaks, kW",
    ]
    return Table(f"Peaks by {names}", columns, rows)
