"""Section on generation: energy of each day by fuel, and use of each plant's capacity."""

from collections.abc import Mapping, Sequence
from datetime import date

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from utility_ts_analytics.analysis.report.content import KeyFigure, Picture, Section, Table
from utility_ts_analytics.analysis.report.queries import (
    Queries,
)
from utility_ts_analytics.analysis.report.theme import (
    PAPER,
    SERIES,
    SHADE,
    Shape,
    chart,
    day_ticks,
    label,
    name_rows,
    number,
    value_axis,
    write_beside,
)
from utility_ts_analytics.analysis.report.wording import decimal, energy, listed

KEY, QUESTION = "generation", "What was generated?"
PLANTS_MAX = 12
FUEL_UNKNOWN = "fuel not known"
_NOTES = (
    "Energy = mean power of each interval, MW, times its hours.",
    "Capacity factor = energy over what the capacity could have given in the whole period: missing"
    " readings lower it. Coverage is the share of the period with readings.",
)
_WELL_KNOWN = {"SOLAR": SERIES[4], "HYDRO": SERIES[0], "WIND": SERIES[2], "GAS": SERIES[6]}


def gather(queries: Queries) -> Section:
    """Return the section of a period."""
    minutes, zone = queries.lengths.plants, queries.zone.key
    answer = queries.frame("generation_by_fuel", every="1 day", interval_minutes=minutes)
    days = answer.select(
        pl.col("ts").dt.convert_time_zone(zone).dt.date().alias("day"),
        pl.col("fuel_type").fill_null(FUEL_UNKNOWN),
        "mwh",
    )
    order = days.group_by("fuel_type").agg(total=pl.col("mwh").sum())
    days = days.join(order, on="fuel_type").sort(
        ["total", "fuel_type", "day"], descending=[True, False, False]
    )
    plants = queries.frame("capacity_factor", interval_minutes=minutes)
    plants = plants.sort(["mwh", "plant_id"], descending=[True, False], nulls_last=True)
    notes = []
    if len(plants) > PLANTS_MAX:
        notes.append(
            f"Drawn and listed are the {PLANTS_MAX} plants with most energy, of {len(plants):,}."
        )
    return generation_section(
        days.select("day", "fuel_type", "mwh"), plants.head(PLANTS_MAX), zone=zone, notes=notes
    )


def generation_section(
    days: pl.DataFrame, plants: pl.DataFrame, *, zone: str, notes: Sequence[str] = ()
) -> Section:
    """Return the section that frames give.

    Args:
        days: `day` (local date), `fuel_type`, `mwh`; may be empty. Fuels are drawn in the order of
            their first appearance.
        plants: Columns of `capacity_factor`, in the order in which they are drawn.
        zone: Local time of the days.
        notes: What was left out.
    """
    if days.is_empty():
        return Section(KEY, QUESTION, "Not known: no row in generation_output lies in this period.")
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
        QUESTION,
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


@chart
def generation_by_fuel(
    figure: Figure, shape: Shape, days: pl.DataFrame, plants: pl.DataFrame
) -> None:
    """Draw the energy of each day by fuel, and beside it each plant's capacity factor.

    Args:
        figure: Empty; given by `chart`.
        shape: Size to draw for.
        days: `day` (local date), `fuel_type`, `mwh`; fuels stand on each other in the order of
            their first appearance.
        plants: `plant_id`, `capacity_factor` (0..1; null where it is not known), in the order from
            the top.
    """
    names = [str(fuel) for fuel in days["fuel_type"].unique(maintain_order=True)]
    count = len(plants)
    free = iter([colour for colour in SERIES if colour not in _WELL_KNOWN.values()] * len(names))
    colours = {name: _WELL_KNOWN.get(name.upper()) or next(free) for name in names}
    if shape.narrow:
        figure.set_figheight(3.6 + 0.36 * count)
        bars, factors = figure.subplots(2, 1, height_ratios=[2.5, 0.8 + 0.36 * count])
    else:
        figure.set_figheight(max(2.7, 0.9 + 0.36 * count))
        bars, factors = figure.subplots(1, 2, width_ratios=[1.5, 1])
    _stacked_days(bars, days, colours, most=4 if shape.narrow else 7)
    _capacity_bars(factors, plants)
    handles, texts = bars.get_legend_handles_labels()
    figure.legend(handles, texts, loc="outside lower left", ncols=4, handlelength=1.1)


def _stacked_days(axes: Axes, days: pl.DataFrame, colours: Mapping[str, str], *, most: int) -> None:
    dates: list[date] = sorted(days["day"].unique())
    energy = {(day, fuel): mwh for day, fuel, mwh in days.select("day", "fuel_type", "mwh").rows()}
    base = [0.0] * len(dates)
    for fuel, colour in colours.items():
        heights = [float(energy.get((day, fuel)) or 0.0) for day in dates]
        axes.bar(
            range(len(dates)),
            heights,
            0.7,
            bottom=base,
            color=colour,
            edgecolor=PAPER,
            linewidth=0.6,
            label=label(fuel, 16),
        )
        base = [low + height for low, height in zip(base, heights, strict=True)]
    ticks = day_ticks(len(dates), most)
    form = "%a\n%-d %b" if most > 4 else "%-d %b"
    axes.set_xticks(ticks, [dates[tick].strftime(form) for tick in ticks])
    axes.tick_params(axis="x", length=0)
    value_axis(axes, "Energy of each day, MWh")


def _capacity_bars(axes: Axes, plants: pl.DataFrame) -> None:
    places = list(range(len(plants)))
    shares = [100 * (factor or 0.0) for factor in plants["capacity_factor"]]
    axes.barh(places, [100.0] * len(places), height=0.55, color=SHADE)
    axes.barh(places, shares, height=0.55, color=SERIES[6])
    for place, factor in enumerate(plants["capacity_factor"]):
        text = "not known" if factor is None else f"{number(100 * factor)} %"
        write_beside(axes, text, (max(100 * (factor or 0.0), 0.0), place))
    name_rows(axes, list(plants["plant_id"]))
    axes.set_ylim(len(places) - 0.4, -0.6)
    axes.set_xlim(0, max([100.0, *shares]))
    value_axis(axes, "Capacity factor, %", horizontal=True)
