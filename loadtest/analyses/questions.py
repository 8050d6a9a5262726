"""The analyses as they are asked of a made utility, and whether the answers are right."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
from loadtest.analyses.utility import MadeUtility
from loadtest.questdb_rest import QuestDBRest

from utility_ts_analytics.queries.completeness import completeness_sql, gaps_sql
from utility_ts_analytics.queries.feeder_balance import feeder_balance_sql
from utility_ts_analytics.queries.feeder_loading import feeder_loading_sql
from utility_ts_analytics.queries.generation import capacity_factor_sql, generation_by_fuel_sql
from utility_ts_analytics.queries.losses import feeder_losses_sql, loss_by_load_sql
from utility_ts_analytics.queries.meter_usage_queries import (
    aggregated_segment_load_sql,
    load_profile_sql,
)
from utility_ts_analytics.queries.peaks import coincident_peaks_sql, diversity_sql
from utility_ts_analytics.queries.quality import estimated_share_sql
from utility_ts_analytics.queries.readings import latest_readings_sql
from utility_ts_analytics.queries.tariff_file import read_tariff
from utility_ts_analytics.queries.time_of_use import time_of_use_sql, typical_day_sql
from utility_ts_analytics.queries.time_range import TimeRange

_TARIFF = Path(__file__).parents[2] / "tariffs" / "seasonal-three-period.toml"
_ZONE = "UTC"
_TOLERANCE = 1e-6
"""Of an energy, relative: kWh of the made utility are added up in another order."""


class _Balance(msgspec.Struct, array_like=True, frozen=True):
    supplied: float
    generation: float
    demand: float
    loss: float


def questions(utility: MadeUtility, period: TimeRange) -> Mapping[str, str]:
    """Return every query, over the whole period and all meters, by name."""
    meter, tariff = utility.meter_id(utility.meters // 2), read_tariff(_TARIFF)
    return {
        "load profile of a meter": load_profile_sql(meter, period),
        "latest reading of every meter": latest_readings_sql(),
        "load of segments, by hour": aggregated_segment_load_sql(
            ["residential", "commercial"], period
        ),
        "time of use, by segment": time_of_use_sql(tariff, period),
        "typical day, by segment": typical_day_sql(tariff, period),
        "coincident peak of feeders": coincident_peaks_sql(period, "feeder"),
        "diversity of feeders": diversity_sql(period, "feeder"),
        "completeness, by meter and day": completeness_sql(period, _ZONE),
        "gaps": gaps_sql(period),
        "estimated share, by meter and day": estimated_share_sql(period, _ZONE),
        "feeder balance, 15 min": feeder_balance_sql(period),
        "losses of feeders": feeder_losses_sql(period),
        "losses by load": loss_by_load_sql(period),
        "loading of feeders": feeder_loading_sql(period),
        "generation by fuel and day": generation_by_fuel_sql(period),
        "capacity factor": capacity_factor_sql(period),
    }


def faults(rest: QuestDBRest, utility: MadeUtility, period: TimeRange) -> list[str]:
    """Return what differs from what is known of the made utility, one line each."""
    known = utility.energy
    found = []
    stored = rest.count("SELECT count() FROM meter_usage")
    if stored != known.rows:
        found.append(f"{stored:,} readings are stored, {known.rows:,} were made")
    balance = rest.rows(
        "SELECT sum(supplied_kwh), sum(generation_kwh), sum(demand_kwh), sum(loss_kwh)"  # noqa: S608
        f" FROM feeder_energy_balance WHERE {period.covers_sql('ts')}",
        _Balance,
    )[0]
    wanted = _Balance(
        known.supplied,
        known.generation,
        known.demand,
        known.supplied + known.generation - known.demand,
    )
    for name in balance.__struct_fields__:
        is_, should_be = getattr(balance, name), getattr(wanted, name)
        if abs(is_ - should_be) > _TOLERANCE * abs(should_be):
            found.append(f"{name} of the balance is {is_:,.3f} kWh, made were {should_be:,.3f}")
    return found
