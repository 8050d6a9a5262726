"""A synthetic utility of any size: readings as Parquet files, reference rows as CSV.

The same bytes every time. Every feeder loses a known share (`Feeder.loss_share`), so the figures of
the analyses can be checked at any size.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

START = date(2024, 1, 1)
INTERVALS = 96
"""Of a day; 15 minutes each, in UTC."""

_METERS_PER_FEEDER = 250
_FEEDERS_PER_PLANT = 5
_PLANT_MW = 0.12
_RATIO = 40.0
_MISSING_SHARE = 0.001
_ESTIMATED_SHARE = 0.01
_QUARTER_HOUR = 0.25
_SEED = 20240101
_VALID_FROM = "2023-01-01T00:00:00Z"

_SCHEMA = pa.schema(
    [
        pa.field("ts", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("meter_id", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("kwh", pa.float64(), nullable=False),
        pa.field("kvarh", pa.float64()),
        pa.field("quality_flag", pa.dictionary(pa.int8(), pa.string())),
    ]
)


@dataclass(frozen=True, slots=True)
class Feeder:
    """One feeder; `loss_share` is its losses as a share of the energy that its meters count."""

    feeder_id: str
    loss_share: float


@dataclass(slots=True)
class Energy:
    """Energy of all feeders over all days made so far, kWh.

    Attributes:
        supplied: That entered at the heads.
        generation: Of the plants.
        demand: Of the readings, scaled.
        missing: Of the intervals that were never read, scaled.
        rows: Readings.
    """

    supplied: float = 0.0
    generation: float = 0.0
    demand: float = 0.0
    missing: float = 0.0
    rows: int = 0


class MadeUtility:
    """Meters on feeders, with plants."""

    def __init__(self, meters: int) -> None:
        self.meters = meters
        feeders = -(-meters // _METERS_PER_FEEDER)
        self.feeders = [
            Feeder(f"F{number:03}", 0.02 + number % 5 / 100) for number in range(1, feeders + 1)
        ]
        rng = np.random.default_rng(_SEED)
        self._level = rng.lognormal(-1.6, 0.5, meters)
        """Mean kWh of an interval, before scaling."""
        number = np.arange(meters)
        self._feeder_of = number // _METERS_PER_FEEDER
        self._scale = np.where(number % 20 == 0, _RATIO, 1.0)
        self._level /= np.where(number % 20 == 0, 10.0, 1.0)
        self._meter_ids = pa.array([self.meter_id(index) for index in range(meters)])
        self._shares = np.array([feeder.loss_share for feeder in self.feeders])
        self._plant_of = {
            index: f"PLANT-{index // _FEEDERS_PER_PLANT + 1}"
            for index in range(0, feeders, _FEEDERS_PER_PLANT)
        }
        self.energy = Energy()

    @staticmethod
    def meter_id(index: int) -> str:
        """Return the name of a meter."""
        return f"M-{index + 1:07}"

    def write_reference(self, folder: Path) -> None:
        """Write the reference tables, one CSV file each, as the database's columns are called."""
        ids = [self.meter_id(index) for index in range(self.meters)]
        segment = ["commercial" if scale > 1 else "residential" for scale in self._scale]
        feeder = [self.feeders[index].feeder_id for index in self._feeder_of]
        _write_csv(
            folder / "meters.csv",
            ("valid_from", "meter_id", "customer_id", "meter_type", "status"),
            [
                (_VALID_FROM, meter, meter.replace("M", "C"), kind, "active")
                for meter, kind in zip(ids, segment, strict=True)
            ],
        )
        _write_csv(
            folder / "customers.csv",
            ("valid_from", "customer_id", "segment", "tariff_code"),
            [
                (_VALID_FROM, meter.replace("M", "C"), kind, kind[0].upper() + "-1")
                for meter, kind in zip(ids, segment, strict=True)
            ],
        )
        _write_csv(
            folder / "meter_feeder_map.csv",
            ("valid_from", "meter_id", "feeder_id", "substation_id"),
            [(_VALID_FROM, m, f, "SS-1") for m, f in zip(ids, feeder, strict=True)],
        )
        _write_csv(
            folder / "meter_scale_map.csv",
            ("valid_from", "meter_id", "scale_factor", "reason"),
            [
                (_VALID_FROM, meter, scale, "ct_ratio")
                for meter, scale in zip(ids, self._scale, strict=True)
                if scale != 1.0
            ],
        )
        plants = sorted(self._plant_of.items())
        _write_csv(
            folder / "plants.csv",
            ("valid_from", "plant_id", "fuel_type", "capacity_mw", "units", "status"),
            [(_VALID_FROM, plant, "HYDRO", 2 * _PLANT_MW, 1, "active") for _, plant in plants],
        )
        _write_csv(
            folder / "plant_feeder_map.csv",
            ("valid_from", "plant_id", "feeder_id", "substation_id"),
            [(_VALID_FROM, p, self.feeders[f].feeder_id, "SS-1") for f, p in plants],
        )

    def write_days(self, folder: Path, days: int) -> Iterator[date]:
        """Write the files of one day after the other; yield each day once it is there.

        `meter_usage-<day>.parquet`, `generation_output-<day>.parquet` and
        `network_measurements-<day>.csv`; the rows of a day interval by interval.
        """
        for number in range(days):
            day = START + timedelta(days=number)
            self._write_day(folder, day, np.random.default_rng([_SEED, number]))
            yield day

    def _write_day(self, folder: Path, day: date, rng: np.random.Generator) -> None:
        kwh = np.round(
            self._level
            * _day_shape(day)[:, None]
            * rng.lognormal(0, 0.25, (INTERVALS, self.meters)),
            3,
        )
        there = rng.random(kwh.shape) >= _MISSING_SHARE
        true = kwh * self._scale
        demand = np.stack(
            [np.bincount(self._feeder_of, weights=row, minlength=len(self.feeders)) for row in true]
        )
        generation = np.zeros_like(demand)
        generation[:, list(self._plant_of)] = _PLANT_MW * 1000 * _QUARTER_HOUR
        supplied = demand * (1 + self._shares) - generation
        self._write_readings(folder / f"meter_usage-{day}.parquet", day, kwh, there, rng)
        self._write_generation(folder / f"generation_output-{day}.parquet", day)
        self._write_heads(folder / f"network_measurements-{day}.csv", day, supplied)
        self.energy.supplied += float(supplied.sum())
        self.energy.generation += float(generation.sum())
        self.energy.demand += float(true[there].sum())
        self.energy.missing += float(true[~there].sum())
        self.energy.rows += int(there.sum())

    def _write_readings(
        self, path: Path, day: date, kwh: np.ndarray, there: np.ndarray, rng: np.random.Generator
    ) -> None:
        interval, meter = np.nonzero(there)
        count = len(meter)
        flags = pa.DictionaryArray.from_arrays(
            (rng.random(count) < _ESTIMATED_SHARE).astype(np.int8), ["VALID", "ESTIMATED"]
        )
        columns = [
            pa.array(_starts(day)[interval], pa.timestamp("us", tz="UTC")),
            pa.DictionaryArray.from_arrays(meter.astype(np.int32), self._meter_ids),
            pa.array(kwh[there]),
            pa.array(np.round(kwh[there] * 0.3, 3)),
            flags,
        ]
        pq.write_table(pa.table(columns, schema=_SCHEMA), path)

    def _write_generation(self, path: Path, day: date) -> None:
        plants = list(self._plant_of.values())
        starts = np.repeat(_starts(day), len(plants))
        table = pa.table(
            {
                "ts": pa.array(starts, pa.timestamp("us", tz="UTC")),
                "plant_id": plants * INTERVALS,
                "mw": [_PLANT_MW] * len(starts),
                "fuel_type": ["HYDRO"] * len(starts),
            }
        )
        pq.write_table(table, path)

    def _write_heads(self, path: Path, day: date, supplied: np.ndarray) -> None:
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        _write_csv(
            path,
            ("ts", "node_id", "feeder_id", "quantity", "value", "unit"),
            [
                (
                    (midnight + index * timedelta(minutes=15)).isoformat(),
                    f"SS-1-{feeder.feeder_id}",
                    feeder.feeder_id,
                    "active_power",
                    supplied[index, number] / 1000 / _QUARTER_HOUR,
                    "MW",
                )
                for index in range(INTERVALS)
                for number, feeder in enumerate(self.feeders)
            ],
        )


def _day_shape(day: date) -> np.ndarray:
    """Return the load of each interval relative to the mean: an evening peak, less on Sundays."""
    hours = (np.arange(INTERVALS) + 0.5) * _QUARTER_HOUR
    shape = (
        0.7 + 0.5 * np.exp(-(((hours - 19) / 2.5) ** 2)) + 0.35 * np.exp(-(((hours - 9) / 3) ** 2))
    )
    season = 1 + 0.2 * np.cos(2 * np.pi * day.timetuple().tm_yday / 366)
    return np.asarray(shape * season * (0.9 if day.weekday() == 6 else 1.0))


def _starts(day: date) -> np.ndarray:
    return np.datetime64(day, "us") + np.arange(INTERVALS) * np.timedelta64(15, "m")


def _write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
