"""The report's words and tables on generation: energy by fuel, and use of each plant's capacity."""

from collections.abc import Sequence

import polars as pl

from utility_ts_analytics.analysis.report.charts_generation import generation_by_fuel
from utility_ts_analytics.analysis.report.content import KeyFigure, Picture, Section, Table
from utility_ts_analytics.analysis.report.wording import decimal, energy, listed

KEY = "generation"
_QUESTION = "What was generated?"
_NOTES = (
    "Energy = mean power of each interval, MW, times its hours.",
    "Capacity factor = energy over what the capacity could have given in the whole period: missing"
    " readings lower it. Coverage is the share of the period with readings.",
)


def generation_section(
    days: pl.DataFrame, plants: pl.DataFrame, *, zone: str, notes: Sequence[str] = ()
) -> Section:
    """Return the section on generation.

    Args:
        days: `day` (local date), `fuel_type`, `mwh`; may be empty. Fuels are drawn in the order of
            their first appearance.
        plants: Columns of `capacity_factor_sql`, in the order in which they are drawn.
        zone: Whose days they are.
        notes: What was left out.
    """
    if days.is_empty():
        return Section(
            KEY, _QUESTION, "Not known: no row in generation_output lies in this period."
        )
    fuels = days.group_by("fuel_type", maintain_order=True).agg(pl.col("mwh").sum())
    total = float(fuels["mwh"].sum())
    parts = [f"{fuel} {energy(1000 * mwh)}" for fuel, mwh in fuels.iter_rows()]
    finding = f"{energy(1000 * total)} of energy: {listed(parts, 5)}."
    used = plants.filter(pl.col("capacity_factor").is_not_null())
    if len(used):
        best = used.sort("capacity_factor", descending=True).row(0, named=True)
        finding += (
            f" {best['plant_id']} used most of its capacity,"
            f" {decimal(100 * best['capacity_factor'])} %."
        )
    picture = Picture(
        KEY,
        f"Energy of each day ({zone}) by fuel, and how much of its capacity each plant used",
        f"Stacked bars per day, and a bar per plant for its capacity factor. {finding}",
        lambda shape: generation_by_fuel(shape, days, plants),
    )
    figure = KeyFigure(
        "Generation", energy(1000 * total), listed([str(fuel) for fuel in fuels["fuel_type"]])
    )
    return Section(
        KEY,
        _QUESTION,
        finding,
        [picture],
        [_plants_table(plants), _days_table(days, zone)],
        [*_NOTES, *notes],
        figure,
    )


def _plants_table(plants: pl.DataFrame) -> Table:
    rows = [
        [
            str(row["plant_id"]),
            decimal(row["mwh"], 3),
            decimal(row["capacity_mwh"], 3),
            decimal(_percent(row["capacity_factor"]), 2),
            decimal(row["coverage_pct"], 2),
        ]
        for row in plants.iter_rows(named=True)
    ]
    columns = [
        "Plant",
        "Energy, MWh",
        "Capacity over the period, MWh",
        "Capacity factor, %",
        "Coverage, %",
    ]
    return Table("Generation and capacity of each plant", columns, rows)


def _days_table(days: pl.DataFrame, zone: str) -> Table:
    rows = [
        [str(day), str(fuel), decimal(mwh, 3)]
        for day, fuel, mwh in days.select("day", "fuel_type", "mwh").iter_rows()
    ]
    columns = [f"Day ({zone})", "Fuel", "Energy, MWh"]
    return Table("Generation by day and fuel", columns, rows, text_columns=2)


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share
