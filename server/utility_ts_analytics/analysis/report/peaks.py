"""Section on peaks: the highest load of each feeder, and of all together."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
from matplotlib.figure import Figure

from utility_ts_analytics.analysis.report.content import Picture, Section, Table
from utility_ts_analytics.analysis.report.queries import (
    Queries,
    time_literal,
)
from utility_ts_analytics.analysis.report.theme import (
    AXIS,
    SERIES,
    SOFT,
    Shape,
    chart,
    name_rows,
    number,
    value_axis,
    write_beside,
)
from utility_ts_analytics.analysis.report.wording import decimal, moment, power, stamp

KEY, QUESTION = "peaks", "Do the peaks coincide?"
PEAKS_MAX = 12


def gather(queries: Queries) -> Section:
    """Return the section of a period."""
    minutes = queries.lengths.meters
    system = queries.frame("diversity", group="system", interval_minutes=minutes)
    feeders = queries.frame("diversity", group="feeder", interval_minutes=minutes)
    common = None if feeders.is_empty() or system.is_empty() else system.row(0, named=True)
    peaks = feeders.select(
        pl.col("group_name").alias("group"),
        pl.col("coincident_kw").alias("own_peak_kw"),
        pl.col("ts").alias("own_peak_ts"),
        pl.col("noncoincident_kw").alias("meters_peaks_kw"),
    ).sort(["own_peak_kw", "group"], descending=[True, False])
    notes: list[str] = []
    if common is not None:
        shared = queries.frame(
            "load",
            then=f"FROM answer WHERE ts = {time_literal(common['ts'])}",
            group="feeder",
            every=f"{minutes} minutes",
        )
        peaks = peaks.join(
            shared.select(
                pl.col("group_name").alias("group"), pl.col("mean_kw").alias("at_system_peak_kw")
            ),
            on="group",
            how="left",
            maintain_order="left",
        ).with_columns(pl.col("at_system_peak_kw").fill_null(0.0))
        notes.append(_diversity_note(common))
    if len(peaks) > PEAKS_MAX:
        notes.append(f"Drawn are the {PEAKS_MAX} highest peaks, of {len(peaks):,} feeders.")
    return peaks_section(
        peaks,
        system_kw=None if common is None else common["coincident_kw"],
        system_ts=None if common is None else common["ts"],
        zone=queries.zone.key,
        notes=notes,
    )


def _diversity_note(system: Mapping[str, Any]) -> str:
    meters, factor = system["meters"], system["diversity_factor"]
    added = power(system["noncoincident_kw"])
    text = f"The own peaks of all {meters:,} meters add up to {added}"
    if factor is None:
        return f"{text}."
    return f"{text}, {decimal(factor, 2)} times the common peak."


def peaks_section(
    peaks: pl.DataFrame,
    *,
    system_kw: float | None,
    system_ts: datetime | None,
    zone: str,
    notes: Sequence[str] = (),
) -> Section:
    """Return the section that frames give.

    Args:
        peaks: Of feeders: `group`, `own_peak_kw`, `own_peak_ts` (UTC), `at_system_peak_kw` and
            `meters_peaks_kw` (sum of the meters' own peaks); may be empty.
        system_kw: Highest load of all together; None without readings.
        system_ts: When that was.
        zone: Local time.
        notes: What was left out.
    """
    if peaks.is_empty() or system_kw is None or system_ts is None:
        return Section(KEY, QUESTION, "No reading of a meter with a feeder lies in this period.")
    local = ZoneInfo(zone)
    apart = float(peaks["own_peak_kw"].sum())
    factor = apart / system_kw if system_kw > 0 else None
    finding = (
        f"All together peaked at {power(system_kw)} on {moment(system_ts, local)}; the feeders'"
        f" own peaks add up to {power(apart)}"
    )
    finding += f", {decimal(factor, 2)} times as much." if factor is not None else "."
    picture = Picture(
        KEY,
        "Each feeder's own peak, and its load while all together peaked",
        "Two marks per feeder, joined by a line: the longer it is, the further its peak is from"
        f" the common one. {finding}",
        lambda shape: peak_spread(shape, peaks.head(PEAKS_MAX), names="Feeder"),
    )
    return Section(
        KEY,
        QUESTION,
        finding,
        [picture],
        [_peaks_table(peaks, local)],
        [
            "The sum of the own peaks divided by the common peak is the diversity factor: 1 if all"
            " peak at the same time.",
            *notes,
        ],
    )


def _peaks_table(peaks: pl.DataFrame, local: ZoneInfo) -> Table:
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
        "Feeder",
        "Own peak, kW",
        "at",
        "At the common peak, kW",
        "Sum of its meters' peaks, kW",
    ]
    return Table("Peaks by feeder", columns, rows)


@chart
def peak_spread(figure: Figure, shape: Shape, peaks: pl.DataFrame, *, names: str) -> None:
    """Draw for each group its own peak and its load while the whole has its peak.

    Args:
        figure: Empty; given by `chart`.
        shape: Size to draw for.
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
        write_beside(axes, f"{number(own)} kW", (max(own, shared), place), points=9)
    name_rows(axes, [row[0] for row in rows], 20)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(min(0.0, *shared_kw, *own_kw), reach * (1.18 if not shape.narrow else 1.32))
    value_axis(axes, "Mean load of an interval, kW", horizontal=True)
    axes.set_title(names, fontweight="normal", color=SOFT)
    figure.legend(loc="outside upper right", ncols=2, handletextpad=0.2, columnspacing=1.2)
