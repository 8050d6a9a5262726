"""The small utility behind `data-samples/`: its feeders, meters and plants, and its sun."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

FEEDERS = {"F1": 0.025, "F2": 0.04, "F3": 0.06}
"""Technical losses of each feeder as a share of what its meters count."""

LATITUDE_DEG = 48.1
LONGITUDE_DEG = 11.6
DAY_OF_YEAR = 155
"""Of the first day of the week, 2024-06-03."""

CLOUDS = (0.95, 0.8, 0.4, 0.55, 0.9, 1.0, 0.7)
"""Share of the clear sky's power on each day of the week."""

Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Meter:
    """One register of one meter.

    Attributes:
        meter_id: Also names the feeder.
        premise_id: Shared by both registers of a net-metering site.
        feeder_id: What it hangs on.
        segment: Of its customer.
        profile: Name of the BDEW profile that it follows.
        mwh_per_year: Consumption of the site, MWh per year.
        register: `total`, or `import` and `export` at a net-metering site.
        scale_factor: kWh at the feeder per kWh on the register: a transformer's ratio, or -1 for
            what flows back.
        roof_kwp: Peak power of the site's solar roof, kW.
    """

    meter_id: str
    premise_id: str
    feeder_id: str
    segment: str
    profile: str
    mwh_per_year: float
    register: str = "total"
    scale_factor: float = 1.0
    roof_kwp: float = 0.0

    def as_row(self, valid_from: str) -> Row:
        """Return the row of `meters`."""
        kinds = {"residential": "household", "commercial": "commercial", "solar": "net_metering"}
        return {
            "valid_from": valid_from,
            "meter_id": self.meter_id,
            "premise_id": self.premise_id,
            "customer_id": self._customer_id,
            "meter_type": kinds[self.segment],
            "register": self.register,
            "phase": "ABC",
            "rated_kva": 30 if self.segment != "commercial" else 110,
            "status": "active",
        }

    def customer_row(self, valid_from: str) -> Row:
        """Return the row of `customers`."""
        tariffs = {"residential": "R-1", "commercial": "C-1", "solar": "R-NET"}
        return {
            "valid_from": valid_from,
            "customer_id": self._customer_id,
            "premise_id": self.premise_id,
            "segment": "commercial" if self.segment == "commercial" else "residential",
            "tariff_code": tariffs[self.segment],
            "region": "SS-1",
        }

    def feeder_row(self, valid_from: str) -> Row:
        """Return the row of `meter_feeder_map`."""
        return {
            "valid_from": valid_from,
            "meter_id": self.meter_id,
            "feeder_id": self.feeder_id,
            "substation_id": "SS-1",
            "transformer_id": f"T-{self.feeder_id}-{int(self.premise_id[-3:]) // 20 + 1}",
            "valid_to": "",
        }

    def scale_row(self, valid_from: str) -> Row:
        """Return the row of `meter_scale_map`."""
        reason = "export register" if self.scale_factor < 0 else "current transformer"
        return {
            "valid_from": valid_from,
            "meter_id": self.meter_id,
            "scale_factor": self.scale_factor,
            "reason": reason,
            "valid_to": "",
        }

    @property
    def _customer_id(self) -> str:
        return self.premise_id.replace("P-", "C-", 1)


@dataclass(frozen=True, slots=True)
class Plant:
    """One plant of equal units.

    Attributes:
        plant_id: Its name in the readings.
        feeder_id: What it feeds.
        fuel_type: `HYDRO` or `SOLAR`.
        capacity_mw: Of all units together, MW.
        units: Number of units.
    """

    plant_id: str
    feeder_id: str
    fuel_type: str
    capacity_mw: float
    units: int

    def as_row(self, valid_from: str) -> Row:
        """Return the row of `plants`."""
        return {
            "valid_from": valid_from,
            "plant_id": self.plant_id,
            "name": self.plant_id.replace("-", " ").title(),
            "fuel_type": self.fuel_type,
            "capacity_mw": self.capacity_mw,
            "units": self.units,
            "status": "active",
        }


PLANTS = (
    Plant("PLANT-HYDRO", "F1", "HYDRO", 0.012, 1),
    Plant("PLANT-SOLAR", "F3", "SOLAR", 0.04, 2),
)


def make_meters() -> Sequence[Meter]:
    """Return the 200 registers of the utility, feeder by feeder."""
    return [
        *_feeder("F1", households=80, commercial=0, profile="g0", solar=10),
        *_feeder("F2", households=40, commercial=20, profile="g1", solar=0),
        *_feeder("F3", households=24, commercial=6, profile="g3", solar=5),
    ]


def _feeder(
    feeder: str, *, households: int, commercial: int, profile: str, solar: int
) -> Sequence[Meter]:
    meters = []
    for number in range(1, households + commercial + solar + 1):
        meter_id, premise_id = f"M-{feeder}-{number:03}", f"P-{feeder}-{number:03}"
        if number <= households:
            mwh = 2.2 + (number % 7) * 0.5
            meters.append(Meter(meter_id, premise_id, feeder, "residential", "h0_dyn", mwh))
        elif number <= households + commercial:
            mwh = 18.0 + (number % 5) * 9
            ratio = 40.0 if number % 2 else 1.0
            meters.append(
                Meter(meter_id, premise_id, feeder, "commercial", profile, mwh, scale_factor=ratio)
            )
        else:
            site = (premise_id, feeder, "solar", "h0_dyn", 4.5)
            kwp = 6.0 + number % 4
            meters.append(Meter(f"{meter_id}-IMP", *site, "import", 1.0, kwp))
            meters.append(Meter(f"{meter_id}-EXP", *site, "export", -1.0, kwp))
    return meters


def sun_share(interval: int) -> float:
    """Return the solar power of an interval as a share of the peak, 0..1.

    Sine of the sun's elevation in the middle of the interval, with Cooper's declination and
    without the equation of time, under that day's clouds.
    """
    day, quarter = divmod(interval, 96)
    declination = math.radians(
        23.45 * math.sin(math.radians(360 / 365 * (284 + DAY_OF_YEAR + day)))
    )
    hour_angle = math.radians((quarter + 0.5) / 4 * 15 - 180 + LONGITUDE_DEG)
    latitude = math.radians(LATITUDE_DEG)
    sine = math.sin(latitude) * math.sin(declination) + math.cos(latitude) * math.cos(
        declination
    ) * math.cos(hour_angle)
    return max(0.0, sine) * CLOUDS[day]


def roof_kwh(interval: int, kwp: float) -> float:
    """Return what a solar roof delivers in an interval, kWh."""
    return 0.8 * kwp * sun_share(interval) / 4


def plant_mw(plant: Plant, interval: int) -> float:
    """Return the mean power of one unit of a plant in an interval, MW, four decimals."""
    share = 0.85 * sun_share(interval) if plant.fuel_type == "SOLAR" else 0.7
    if plant.fuel_type == "HYDRO":
        share += 0.05 * math.sin(2 * math.pi * interval / 672)
    return round(plant.capacity_mw / plant.units * share, 4)
