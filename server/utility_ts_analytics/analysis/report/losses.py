"""Section on losses: energy into each feeder, energy taken from it, and the difference."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

import polars as pl
from matplotlib import dates
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from utility_ts_analytics.analysis.report.content import KeyFigure, Picture, Section, Table
from utility_ts_analytics.analysis.report.period import whole_days
from utility_ts_analytics.analysis.report.queries import Queries, time_literal
from utility_ts_analytics.analysis.report.theme import (
    AXIS,
    DASHES,
    SERIES,
    SOFT,
    Shape,
    chart,
    label,
    name_rows,
    number,
    time_axis,
    value_axis,
    write_beside,
)
from utility_ts_analytics.analysis.report.wording import count, decimal, energy, listed
from utility_ts_analytics.archive.duckdb_sql import literal
from utility_ts_analytics.queries.intervals import Intervals

KEY, QUESTION = "losses", "Where is energy lost?"
FEEDERS_MAX = 8
_MEASURED = ("supplied_kwh", "generation_kwh", "demand_kwh")
_DAY_COLUMNS = ("ts", "feeder_id", *_MEASURED, "loss_kwh", "loss_pct", "coverage_pct")
_ENERGIES = ("Head, kWh", "Generation, kWh", "Meters, kWh", "Losses, kWh")
_NOTES = (
    "Measured losses = energy through the feeder's head + generation on it \N{MINUS SIGN} energy of"
    " its meters, over the intervals in which all three are known; percent of the first two.",
    "Without gaps: less the energy that missing readings likely had, each meter by its own mean."
    " Nobody can tell theft and unmetered supplies from losses in wires and transformers.",
)
_MARKERS = "osD^vPX*"
_MARKED_MAX = 40
"""Points of a line; more of them would cover it with marks."""


def gather(queries: Queries) -> Section:
    """Return the section of a period."""
    lengths = queries.lengths
    longest = max(15, lengths.meters, lengths.plants, lengths.heads)
    intervals = Intervals(f"{longest}m")
    intervals.check(queries.time_range)
    lengths.check(intervals)
    totals = _balanced(queries, "feeder_losses", f"{longest} minutes").sort(
        ["measured_loss_kwh", "feeder_id"], descending=[True, False], nulls_last=True
    )
    drawn = totals.filter(pl.col("known_intervals") > 0).head(FEEDERS_MAX)["feeder_id"].to_list()
    whole = whole_days(queries.time_range, queries.zone)
    wanted = "false"
    if drawn and whole is not None:
        wanted = (
            f"ts >= {time_literal(whole.start)} AND ts < {time_literal(whole.end)}"
            f" AND feeder_id IN ({', '.join(map(literal, drawn))})"
        )
    then = f"FROM answer WHERE {wanted} ORDER BY ts, feeder_id"
    days = _balanced(queries, "feeder_balance", "1 day", then).select(_DAY_COLUMNS)
    return losses_section(totals, days, zone=queries.zone.key, feeders_max=FEEDERS_MAX)


def _balanced(
    queries: Queries, question: str, every: str, then: str = "FROM answer"
) -> pl.DataFrame:
    return queries.frame(
        question,
        then=then,
        every=every,
        meter_minutes=queries.lengths.meters,
        plant_minutes=queries.lengths.plants,
        head_minutes=queries.lengths.heads,
    )


def losses_section(
    totals: pl.DataFrame, days: pl.DataFrame, *, zone: str, feeders_max: int
) -> Section:
    """Return the section that frames give.

    Args:
        totals: Columns of `feeder_losses`, one row per feeder, those that lose most first. May
            be empty.
        days: Of the feeders that are drawn, one row per local day that lies in the period as a
            whole: `ts` (its start, UTC), `feeder_id`, and of `feeder_balance` `supplied_kwh`,
            `generation_kwh`, `demand_kwh`, `loss_kwh`, `loss_pct`, `coverage_pct`. May be empty.
        zone: Local time of the days.
        feeders_max: Feeders drawn.
    """
    if totals.is_empty():
        return _empty("no meter or plant is mapped to a feeder, and no feeder head measured.")
    known = totals.filter(pl.col("known_intervals") > 0)
    if known.is_empty():
        return _empty(
            "in no interval are the energy through a feeder's head, its generation and its meters"
            " all known."
        )
    drawn = known.head(feeders_max).select(
        "feeder_id",
        loss_kwh=pl.col("measured_loss_kwh"),
        loss_pct=pl.col("measured_loss_pct"),
    )
    finding = _finding(known)
    picture = Picture(
        KEY,
        "Losses of each feeder, over the period and day by day",
        f"Bars of losses in percent, and a line per feeder over the days. {finding}",
        lambda shape: feeder_losses(shape, drawn, days, zone=zone),
    )
    tables = [_totals_table(totals)]
    if len(days):
        tables.append(_days_table(days, zone))
    return Section(
        KEY,
        QUESTION,
        finding,
        [picture],
        tables,
        [*_NOTES, *_left_out(totals, known, feeders_max)],
        _key_figure(known),
    )


def _empty(why: str) -> Section:
    return Section(KEY, QUESTION, f"Not known: {why}")


def _left_out(totals: pl.DataFrame, known: pl.DataFrame, feeders_max: int) -> list[str]:
    notes: list[str] = []
    if len(known) > feeders_max:
        notes.append(
            f"Drawn are the {feeders_max} feeders that lose most energy, of {len(known):,}."
        )
    missing = int((totals["interval_count"] - totals["known_intervals"]).sum())
    if missing:
        notes.append(
            f"Left out: {count(missing, 'interval')} in which something was not measured, of"
            f" {int(totals['interval_count'].sum()):,} of all feeders."
        )
    return notes


def _key_figure(known: pl.DataFrame) -> KeyFigure | None:
    lost, entered = _lost_and_entered(known)
    if entered <= 0:
        return None
    return KeyFigure("Losses", f"{decimal(100 * lost / entered)} %", energy(lost))


def _lost_and_entered(known: pl.DataFrame) -> tuple[float, float]:
    entered = known["supplied_kwh"] + known["generation_kwh"]
    return float(known["measured_loss_kwh"].sum()), float(entered.sum())


def _finding(known: pl.DataFrame) -> str:
    lost, entered = _lost_and_entered(known)
    text = f"{energy(lost)} of {energy(entered)} were lost"
    text += f", {decimal(100 * lost / entered)} %." if entered > 0 else "."
    if len(known) > 1:
        most = known.row(0, named=True)
        text += f" {most['feeder_id']} lost most energy ({energy(most['measured_loss_kwh'])})"
        shares = known.filter(pl.col("measured_loss_pct").is_not_null())
        if len(shares):
            worst = shares.sort("measured_loss_pct", descending=True).row(0, named=True)
            same = worst["feeder_id"] == most["feeder_id"]
            who = "and" if same else f"and {worst['feeder_id']}"
            text += f" {who} the largest share ({decimal(worst['measured_loss_pct'])} %)"
        text += "."
    if len(below := known.filter(pl.col("measured_loss_kwh") < 0)):
        names = listed([str(name) for name in below["feeder_id"]])
        text += f" Below zero, so something is wrong with the data: {names}."
    return text


def _totals_table(totals: pl.DataFrame) -> Table:
    rows = [
        [
            str(row["feeder_id"]),
            *(decimal(row[name]) for name in _MEASURED),
            decimal(row["measured_loss_kwh"]),
            decimal(row["measured_loss_pct"], 2),
            decimal(row["estimated_loss_kwh"]),
            decimal(row["estimated_loss_pct"], 2),
            decimal(row["coverage_pct"], 2),
            f"{row['known_intervals']:,} of {row['interval_count']:,}",
        ]
        for row in totals.iter_rows(named=True)
    ]
    gaps = ("Without gaps, kWh", "Without gaps, %", "Readings there, %", "Intervals known")
    columns = ["Feeder", *_ENERGIES, "Losses, %", *gaps]
    return Table("Balance of each feeder", columns, rows)


def _days_table(days: pl.DataFrame, zone: str) -> Table:
    local = ZoneInfo(zone)
    rows = [
        [
            f"{row['ts'].astimezone(local):%Y-%m-%d}",
            str(row["feeder_id"]),
            *(decimal(row[name]) for name in _MEASURED),
            decimal(row["loss_kwh"]),
            decimal(row["loss_pct"], 2),
            decimal(row["coverage_pct"], 2),
        ]
        for row in days.sort("ts", "feeder_id").iter_rows(named=True)
    ]
    columns = [f"Day ({zone})", "Feeder", *_ENERGIES, "Losses, %", "Readings there, %"]
    return Table("Balance of each feeder and day", columns, rows, text_columns=2)


@chart
def feeder_losses(
    figure: Figure, shape: Shape, totals: pl.DataFrame, days: pl.DataFrame, *, zone: str
) -> None:
    """Draw losses as a share of supply: bars over the period, points from day to day.

    Args:
        figure: Empty; given by `chart`.
        shape: Size to draw for.
        totals: `feeder_id`, `loss_kwh`, `loss_pct` (null where nothing entered); bars in this order
            from the top.
        days: `ts` (start of the day, UTC), `feeder_id`, `loss_pct`; only feeders of `totals` are
            drawn, null days leave a break. Without any, only bars are drawn.
        zone: Local time of the days.
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
        write_beside(axes, text, (max(share or 0.0, 0.0), place))
    axes.axvline(0, color=AXIS, linewidth=0.8)
    name_rows(axes, list(colours))
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
