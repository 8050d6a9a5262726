"""The report's words and tables on feeders: energy in, energy taken, losses."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import polars as pl

from utility_ts_analytics.analysis.report.charts_feeders import feeder_losses
from utility_ts_analytics.analysis.report.content import Picture, Section, Table
from utility_ts_analytics.analysis.report.wording import count, decimal, energy, listed

KEY = "losses"
_QUESTION = "Where is energy lost?"
_FORMULA = (
    "Losses = energy through the feeder's head + generation on it \N{MINUS SIGN} energy of its"
    " meters; percent of the first two. Missing readings make them look too high: see coverage."
)


def losses_section(days: pl.DataFrame, *, zone: str, feeders_max: int) -> Section:
    """Return the section on losses.

    Args:
        days: One row per feeder and local day: `ts` (its start, UTC), `feeder_id`, `supplied_kwh`,
            `generation_kwh`, `demand_kwh`, `loss_kwh`, `loss_pct` (each null where not known) and
            `expected_readings`, `present_readings`. May be empty.
        zone: Whose days they are.
        feeders_max: Feeders drawn: those that lose most energy.
    """
    if days.is_empty():
        return _empty("no meter or plant is mapped to a feeder, and no feeder head measured.")
    known = days.filter(pl.col("loss_kwh").is_not_null())
    if known.is_empty():
        return _empty(
            "on no day are the energy through a feeder's head, its generation and its meters"
            " all known."
        )
    totals = _totals(known)
    drawn = totals.head(feeders_max)
    notes = [_FORMULA]
    if len(totals) > feeders_max:
        notes.append(
            f"Drawn are the {feeders_max} feeders that lose most energy, of {len(totals)}."
        )
    if unknown := len(days) - len(known):
        notes.append(
            f"Left out: {count(unknown, 'feeder day')} of {len(days):,} on which something was not"
            " measured throughout."
        )
    shown = known.filter(pl.col("feeder_id").is_in(drawn["feeder_id"].to_list()))
    finding = _finding(totals)
    picture = Picture(
        KEY,
        "Losses of each feeder, over the period and day by day",
        f"Bars of losses in percent, and a line per feeder over the days. {finding}",
        lambda shape: feeder_losses(shape, drawn, shown, zone=zone),
    )
    return Section(KEY, _QUESTION, finding, [picture], _tables(totals, shown, zone), notes)


def _empty(why: str) -> Section:
    return Section(KEY, _QUESTION, f"Not known: {why}")


def _totals(known: pl.DataFrame) -> pl.DataFrame:
    entered = pl.col("supplied_kwh") + pl.col("generation_kwh")
    sums = known.group_by("feeder_id").agg(
        pl.col("supplied_kwh", "generation_kwh", "demand_kwh", "loss_kwh").sum(),
        entered_kwh=entered.sum(),
        expected=pl.col("expected_readings").sum(),
        present=pl.col("present_readings").sum(),
        days=pl.len(),
    )
    share = pl.when(pl.col("entered_kwh") > 0).then(
        100 * pl.col("loss_kwh") / pl.col("entered_kwh")
    )
    return sums.with_columns(loss_pct=share).sort(
        ["loss_kwh", "feeder_id"], descending=[True, False]
    )


def _finding(totals: pl.DataFrame) -> str:
    lost, entered = float(totals["loss_kwh"].sum()), float(totals["entered_kwh"].sum())
    text = f"{energy(lost)} of {energy(entered)} were lost"
    text += f", {decimal(100 * lost / entered)} %." if entered > 0 else "."
    if len(totals) > 1:
        most = totals.row(0, named=True)
        text += f" {most['feeder_id']} lost most energy ({energy(most['loss_kwh'])})"
        shares = totals.filter(pl.col("loss_pct").is_not_null())
        if len(shares):
            worst = shares.sort("loss_pct", descending=True).row(0, named=True)
            same = worst["feeder_id"] == most["feeder_id"]
            who = "and" if same else f"and {worst['feeder_id']}"
            text += f" {who} the largest share ({decimal(worst['loss_pct'])} %)"
        text += "."
    if len(below := totals.filter(pl.col("loss_kwh") < 0)):
        names = listed([str(name) for name in below["feeder_id"]])
        text += f" Below zero, so something is wrong with the data: {names}."
    return text


def _tables(totals: pl.DataFrame, shown: pl.DataFrame, zone: str) -> Sequence[Table]:
    local = ZoneInfo(zone)
    energies = ("supplied_kwh", "generation_kwh", "demand_kwh", "loss_kwh")
    names = ["Head, kWh", "Generation, kWh", "Meters, kWh", "Losses, kWh", "Losses, %"]
    sums = [
        [
            str(row["feeder_id"]),
            *(decimal(row[name]) for name in energies),
            decimal(row["loss_pct"], 2),
            _share(row["present"], row["expected"]),
            str(row["days"]),
        ]
        for row in totals.iter_rows(named=True)
    ]
    days = [
        [
            f"{row['ts'].astimezone(local):%Y-%m-%d}",
            str(row["feeder_id"]),
            *(decimal(row[name]) for name in energies),
            decimal(row["loss_pct"], 2),
            _share(row["present_readings"], row["expected_readings"]),
        ]
        for row in shown.sort("ts", "feeder_id").iter_rows(named=True)
    ]
    return [
        Table("Balance of each feeder", ["Feeder", *names, "Readings there, %", "Days"], sums),
        Table(
            "Balance of each feeder and day",
            [f"Day ({zone})", "Feeder", *names, "Readings there, %"],
            days,
            text_columns=2,
        ),
    ]


def _share(present: int, expected: int) -> str:
    return decimal(100 * present / expected, 2) if expected else decimal(None)
