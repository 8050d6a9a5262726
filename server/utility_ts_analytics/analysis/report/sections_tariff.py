"""The report's words and tables on the clock: energy per tariff period, the typical day."""

from collections.abc import Sequence

import polars as pl

from utility_ts_analytics.analysis.report.charts_tariff import energy_by_period, typical_day
from utility_ts_analytics.analysis.report.content import KeyFigure, Picture, Section, Table
from utility_ts_analytics.analysis.report.wording import decimal, energy, listed, power

KEY = "tariff"
_QUESTION = "When is energy used?"


def tariff_section(
    energies: pl.DataFrame,
    profile: pl.DataFrame,
    *,
    periods: Sequence[str],
    zone: str,
    notes: Sequence[str] = (),
) -> Section:
    """Return the section on time of use.

    Args:
        energies: As `energy_by_period` takes them; may be empty.
        profile: As `typical_day` takes it; may be empty.
        periods: Of the tariff, the busiest first.
        zone: Local time.
        notes: What the periods are.
    """
    total = float(energies["kwh"].sum()) if len(energies) else 0.0
    if energies.is_empty():
        return Section(
            KEY, _QUESTION, "Not known: no reading of a meter with a customer lies in this period."
        )
    sums = {
        period: float(energies.filter(pl.col("period") == period)["kwh"].sum())
        for period in periods
    }
    shares = (
        [f"{decimal(100 * kwh / total, 0)} % in {period} time" for period, kwh in sums.items()]
        if total > 0
        else []
    )
    finding = f"Of {energy(total)}, {listed(shares, 6)}." if shares else f"{energy(total)}."
    pictures = [
        Picture(
            f"{KEY}-energy",
            "How each segment's energy splits over the tariff's periods",
            f"One bar per segment, split by period. {finding}",
            lambda shape: energy_by_period(shape, energies, periods=periods),
        )
    ]
    tables = [
        Table(
            "Energy by segment and period",
            ["Segment", *(f"{period}, kWh" for period in periods)],
            _wide(energies, periods),
        )
    ]
    if len(profile):
        pictures.append(_day_picture(profile, zone))
        tables.append(_day_table(profile))
    figure = KeyFigure("Energy", energy(total), "".join(shares[:1]))
    return Section(KEY, _QUESTION, finding, pictures, tables, notes, figure)


def _day_picture(profile: pl.DataFrame, zone: str) -> Picture:
    top = profile.sort("mean_kw", descending=True, nulls_last=True).row(0, named=True)
    return Picture(
        f"{KEY}-day",
        f"The typical day of each segment, {zone} time",
        "Mean load over the hours of the day, a line per segment, one panel per kind of"
        f" day. Highest: {top['group']}, {power(top['mean_kw'])} at"
        f" {_clock(top['minute'])}, {top['day_kind']}.",
        lambda shape: typical_day(shape, profile),
    )


def _day_table(profile: pl.DataFrame) -> Table:
    columns = ["Kind of day", "Segment", "Start", "Mean load, kW"]
    rows = [
        [str(kind), str(group), _clock(minute), decimal(kw, 2)]
        for kind, group, minute, kw in profile.select(
            "day_kind", "group", "minute", "mean_kw"
        ).iter_rows()
    ]
    return Table("Mean load over the day", columns, rows, text_columns=3)


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _wide(energies: pl.DataFrame, periods: Sequence[str]) -> list[list[str]]:
    values = {(g, p): kwh for g, p, kwh in energies.select("group", "period", "kwh").rows()}
    groups = energies["group"].unique(maintain_order=True)
    return [
        [str(group), *(decimal(values.get((group, period))) for period in periods)]
        for group in groups
    ]
