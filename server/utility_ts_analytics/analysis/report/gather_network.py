"""Asks about the network: what feeders lost, what plants gave, and when loads are highest."""

from datetime import timedelta

import polars as pl

from utility_ts_analytics.analysis.balance_row import BalanceRow
from utility_ts_analytics.analysis.report.answers import FeederLosses
from utility_ts_analytics.analysis.report.asked import Asked
from utility_ts_analytics.analysis.report.content import Section
from utility_ts_analytics.analysis.report.period import local_days
from utility_ts_analytics.analysis.report.sections_feeders import losses_section
from utility_ts_analytics.analysis.report.sections_generation import generation_section
from utility_ts_analytics.analysis.report.sections_load import peaks_section
from utility_ts_analytics.analysis.report.wording import decimal, power
from utility_ts_analytics.queries.balance_intervals import Intervals, midnight
from utility_ts_analytics.queries.feeder_balance import feeder_balance_sql
from utility_ts_analytics.queries.generation import (
    CapacityFactor,
    FuelEnergy,
    capacity_factor_sql,
    generation_by_fuel_sql,
)
from utility_ts_analytics.queries.losses import feeder_losses_sql
from utility_ts_analytics.queries.peaks import (
    CoincidentPeak,
    Diversity,
    coincident_peaks_sql,
    diversity_sql,
)
from utility_ts_analytics.queries.time_range import TimeRange

FEEDERS_MAX = 8
PEAKS_MAX = 12
PLANTS_MAX = 12
FUEL_UNKNOWN = "fuel not known"


async def gather_losses(asked: Asked) -> Section:
    """Return the section on losses."""
    lengths = asked.lengths
    longest = max(15, lengths.meters, lengths.plants, lengths.heads)
    intervals = Intervals(f"{longest}m")
    answer = await asked.frame(
        feeder_losses_sql(asked.time_range, intervals, lengths=lengths), FeederLosses
    )
    totals = answer.sort(
        ["measured_loss_kwh", "feeder_id"], descending=[True, False], nulls_last=True
    )
    drawn = totals.filter(pl.col("known_intervals") > 0).head(FEEDERS_MAX)["feeder_id"].to_list()
    days = _no_days()
    if drawn and (whole := whole_days(asked)) is not None:
        zone = asked.zone.key
        sql = feeder_balance_sql(whole, Intervals("1d", zone), feeders=drawn, lengths=lengths)
        days = (await asked.frame(sql, BalanceRow)).select(_no_days().columns)
    return losses_section(totals, days, zone=asked.zone.key, feeders_max=FEEDERS_MAX)


async def gather_peaks(asked: Asked) -> Section:
    """Return the section on the peaks of feeders and of all together."""
    minutes = asked.lengths.meters
    system = await asked.frame(diversity_sql(asked.time_range, interval_minutes=minutes), Diversity)
    feeders = await asked.frame(
        diversity_sql(asked.time_range, "feeder", interval_minutes=minutes), Diversity
    )
    common = None if feeders.is_empty() or system.is_empty() else system.row(0, named=True)
    peaks = feeders.select(
        pl.col("group_name").alias("group"),
        pl.col("coincident_kw").alias("own_peak_kw"),
        pl.col("ts").alias("own_peak_ts"),
        pl.col("noncoincident_kw").alias("meters_peaks_kw"),
    ).sort(["own_peak_kw", "group"], descending=[True, False])
    notes: list[str] = []
    if common is not None:
        moment = TimeRange(common["ts"], common["ts"] + timedelta(minutes=minutes))
        shared = await asked.frame(
            coincident_peaks_sql(moment, "feeder", interval_minutes=minutes), CoincidentPeak
        )
        peaks = peaks.join(
            shared.select(
                pl.col("group_name").alias("group"), pl.col("peak_kw").alias("at_system_peak_kw")
            ),
            on="group",
            how="left",
            maintain_order="left",
        ).with_columns(pl.col("at_system_peak_kw").fill_null(0.0))
        notes.append(_diversity_note(Diversity(**common)))
    if len(peaks) > PEAKS_MAX:
        notes.append(f"Drawn are the {PEAKS_MAX} highest peaks, of {len(peaks):,} feeders.")
    return peaks_section(
        peaks,
        system_kw=None if common is None else common["coincident_kw"],
        system_ts=None if common is None else common["ts"],
        names="feeder",
        zone=asked.zone.key,
        drawn_max=PEAKS_MAX,
        notes=notes,
    )


def _diversity_note(system: Diversity) -> str:
    text = (
        f"The own peaks of all {system.meters:,} meters add up to {power(system.noncoincident_kw)}"
    )
    if system.diversity_factor is None:
        return f"{text}."
    return f"{text}, {decimal(system.diversity_factor, 2)} times the common peak."


async def gather_generation(asked: Asked) -> Section:
    """Return the section on generation."""
    minutes, zone = asked.lengths.plants, asked.zone.key
    answer = await asked.frame(
        generation_by_fuel_sql(asked.time_range, "1d", zone=zone, interval_minutes=minutes),
        FuelEnergy,
    )
    days = answer.select(
        pl.col("ts").dt.convert_time_zone(zone).dt.date().alias("day"),
        pl.col("fuel_type").fill_null(FUEL_UNKNOWN),
        "mwh",
    )
    order = days.group_by("fuel_type").agg(total=pl.col("mwh").sum())
    days = days.join(order, on="fuel_type").sort(
        ["total", "fuel_type", "day"], descending=[True, False, False]
    )
    plants = await asked.frame(
        capacity_factor_sql(asked.time_range, interval_minutes=minutes), CapacityFactor
    )
    plants = plants.sort(["mwh", "plant_id"], descending=[True, False], nulls_last=True)
    notes = []
    if len(plants) > PLANTS_MAX:
        notes.append(
            f"Drawn and listed are the {PLANTS_MAX} plants with most energy, of {len(plants):,}."
        )
    return generation_section(
        days.select("day", "fuel_type", "mwh"), plants.head(PLANTS_MAX), zone=zone, notes=notes
    )


def whole_days(asked: Asked) -> TimeRange | None:
    """Return the local days that lie in the period as a whole; None if none does."""
    days = local_days(asked.time_range, asked.zone)
    starts = [midnight(day, asked.zone.key) for day in (*days, days[-1] + timedelta(days=1))]
    inside = [s for s in starts if asked.time_range.start <= s <= asked.time_range.end]
    return TimeRange(inside[0], inside[-1]) if len(inside) > 1 else None


def _no_days() -> pl.DataFrame:
    return pl.DataFrame(
        schema={
            "ts": pl.Datetime("us", "UTC"),
            "feeder_id": pl.String,
            "supplied_kwh": pl.Float64,
            "generation_kwh": pl.Float64,
            "demand_kwh": pl.Float64,
            "loss_kwh": pl.Float64,
            "loss_pct": pl.Float64,
            "coverage_pct": pl.Float64,
        }
    )
