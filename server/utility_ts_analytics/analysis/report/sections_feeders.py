"""The report's words and tables on feeders: energy in, energy taken, losses."""

from zoneinfo import ZoneInfo

import polars as pl

from utility_ts_analytics.analysis.report.charts_feeders import feeder_losses
from utility_ts_analytics.analysis.report.content import KeyFigure, Picture, Section, Table
from utility_ts_analytics.analysis.report.wording import count, decimal, energy, listed

KEY = "losses"
_QUESTION = "Where is energy lost?"
_ENERGIES = ("Head, kWh", "Generation, kWh", "Meters, kWh", "Losses, kWh")
_NOTES = (
    "Measured losses = energy through the feeder's head + generation on it \N{MINUS SIGN} energy of"
    " its meters, over the intervals in which all three are known; percent of the first two.",
    "Without gaps: less the energy that missing readings likely had, each meter by its own mean."
    " Nobody can tell theft and unmetered supplies from losses in wires and transformers.",
)


def losses_section(
    totals: pl.DataFrame, days: pl.DataFrame, *, zone: str, feeders_max: int
) -> Section:
    """Return the section on losses.

    Args:
        totals: Columns of `feeder_losses_sql`, one row per feeder, those that lose most first. May
            be empty.
        days: Of the feeders that are drawn, one row per local day that lies in the period as a
            whole: `ts` (its start, UTC), `feeder_id`, and of `feeder_balance_sql` `supplied_kwh`,
            `generation_kwh`, `demand_kwh`, `loss_kwh`, `loss_pct`, `coverage_pct`. May be empty.
        zone: Whose days they are.
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
        _QUESTION,
        finding,
        [picture],
        tables,
        [*_NOTES, *_left_out(totals, known, feeders_max)],
        _key_figure(known),
    )


def _empty(why: str) -> Section:
    return Section(KEY, _QUESTION, f"Not known: {why}")


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
    lost = float(known["measured_loss_kwh"].sum())
    entered = float((known["supplied_kwh"] + known["generation_kwh"]).sum())
    if entered <= 0:
        return None
    return KeyFigure("Losses", f"{decimal(100 * lost / entered)} %", energy(lost))


def _finding(known: pl.DataFrame) -> str:
    lost = float(known["measured_loss_kwh"].sum())
    entered = float((known["supplied_kwh"] + known["generation_kwh"]).sum())
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
            decimal(row["supplied_kwh"]),
            decimal(row["generation_kwh"]),
            decimal(row["demand_kwh"]),
            decimal(row["measured_loss_kwh"]),
            decimal(row["measured_loss_pct"], 2),
            decimal(row["estimated_loss_kwh"]),
            decimal(row["estimated_loss_pct"], 2),
            decimal(row["coverage_pct"], 2),
            f"{row['known_intervals']:,} of {row['interval_count']:,}",
        ]
        for row in totals.iter_rows(named=True)
    ]
    columns = [
        "Feeder",
        *_ENERGIES,
        "Losses, %",
        "Without gaps, kWh",
        "Without gaps, %",
        "Readings there, %",
        "Intervals known",
    ]
    return Table("Balance of each feeder", columns, rows)


def _days_table(days: pl.DataFrame, zone: str) -> Table:
    local = ZoneInfo(zone)
    rows = [
        [
            f"{row['ts'].astimezone(local):%Y-%m-%d}",
            str(row["feeder_id"]),
            decimal(row["supplied_kwh"]),
            decimal(row["generation_kwh"]),
            decimal(row["demand_kwh"]),
            decimal(row["loss_kwh"]),
            decimal(row["loss_pct"], 2),
            decimal(row["coverage_pct"], 2),
        ]
        for row in days.sort("ts", "feeder_id").iter_rows(named=True)
    ]
    columns = [f"Day ({zone})", "Feeder", *_ENERGIES, "Losses, %", "Readings there, %"]
    return Table("Balance of each feeder and day", columns, rows, text_columns=2)
