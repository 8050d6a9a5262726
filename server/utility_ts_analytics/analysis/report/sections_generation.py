"""The report's words and tables on generation: energy by fuel, and use of the capacity."""

from collections.abc import Sequence

import polars as pl

from utility_ts_analytics.analysis.report.charts_generation import generation_by_fuel
from utility_ts_analytics.analysis.report.content import Picture, Section, Table
from utility_ts_analytics.analysis.report.wording import decimal, energy

KEY = "generation"
_QUESTION = "What was generated?"


def generation_section(
    days: pl.DataFrame, fuels: pl.DataFrame, *, zone: str, notes: Sequence[str] = ()
) -> Section:
    """Return the section on generation.

    Args:
        days: `day` (local date), `fuel_type`, `mwh`; may be empty.
        fuels: `fuel_type`, `mwh`, `capacity_mw`, `capacity_factor` (0..1; both null where not
            known), most energy first.
        zone: Whose days they are.
        notes: How the factor is counted.
    """
    if days.is_empty() or fuels.is_empty():
        return Section(
            KEY, _QUESTION, "Not known: no row in generation_output lies in this period."
        )
    total = float(fuels["mwh"].sum())
    parts = [
        f"{row['fuel_type']} {energy(1000 * row['mwh'])}"
        + (
            f" ({decimal(100 * row['capacity_factor'])} % of its capacity)"
            if row["capacity_factor"] is not None
            else ""
        )
        for row in fuels.head(4).iter_rows(named=True)
    ]
    finding = f"{energy(1000 * total)}: {', '.join(parts)}."
    picture = Picture(
        KEY,
        f"Energy of each day ({zone}) by fuel, and the share of the capacity that was used",
        f"Stacked bars per day, and a bar per fuel for its capacity factor. {finding}",
        lambda shape: generation_by_fuel(shape, days, fuels),
    )
    tables = [
        Table(
            "Generation by fuel",
            ["Fuel", "Energy, MWh", "Capacity, MW", "Capacity factor, %"],
            [
                [
                    str(row["fuel_type"]),
                    decimal(row["mwh"], 3),
                    decimal(row["capacity_mw"], 3),
                    decimal(
                        None if row["capacity_factor"] is None else 100 * row["capacity_factor"], 2
                    ),
                ]
                for row in fuels.iter_rows(named=True)
            ],
        ),
        Table(
            "Generation by day and fuel",
            [f"Day ({zone})", "Fuel", "Energy, MWh"],
            [
                [str(day), str(fuel), decimal(mwh, 3)]
                for day, fuel, mwh in days.select("day", "fuel_type", "mwh").iter_rows()
            ],
            text_columns=2,
        ),
    ]
    return Section(KEY, _QUESTION, finding, [picture], tables, notes)
