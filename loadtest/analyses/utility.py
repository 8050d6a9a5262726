"""A synthetic utility of any size: readings as Parquet files, reference rows as CSV.

The same rows every time. Every feeder loses a known share, so the figures of the analyses can be
checked at any size.
"""

from collections.abc import Iterator
from dataclasses import astuple, dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb

START = date(2024, 1, 1)
_PLANT_MW = 0.12

_UTILITY = """
CREATE MACRO chance(a, b, c) AS hash(a, b, c) / 18446744073709551616.0;
CREATE MACRO normal(a, b, c) AS
    sqrt(-2 * ln(1 - chance(a, b, c || '1'))) * cos(2 * pi() * chance(a, b, c || '2'));
-- Every 20th meter has transformers. 250 meters a feeder, of which every fifth has a plant.
CREATE TABLE meter AS
    SELECT format('M-{:07}', n + 1) AS meter_id, n // 250 AS feeder,
        format('F{:03}', feeder + 1) AS feeder_id, n % 20 = 0 AS large,
        CASE WHEN large THEN 40.0 ELSE 1.0 END AS scale_factor,
        exp(-1.6 + 0.5 * normal(n, 0, 'level')) / CASE WHEN large THEN 10 ELSE 1 END AS mean_kwh
    FROM range(getvariable('meters')) AS made(n);
CREATE TABLE feeder AS
    SELECT DISTINCT feeder, feeder_id, 0.02 + (feeder + 1) % 5 / 100 AS loss_share,
        CASE WHEN feeder % 5 = 0 THEN format('PLANT-{}', feeder // 5 + 1) END AS plant_id
    FROM meter;
"""
_KIND = "CASE WHEN large THEN 'commercial' ELSE 'residential' END"
_REFERENCE = {
    "meters": f"""meter_id, replace(meter_id, 'M', 'C') AS customer_id, {_KIND} AS meter_type,
        'active' AS status FROM meter""",
    "customers": f"""replace(meter_id, 'M', 'C') AS customer_id, {_KIND} AS segment,
        upper(left({_KIND}, 1)) || '-1' AS tariff_code FROM meter""",
    "meter_feeder_map": "meter_id, feeder_id, 'SS-1' AS substation_id FROM meter",
    "meter_scale_map": "meter_id, scale_factor, 'ct_ratio' AS reason FROM meter WHERE large",
    "plants": f"""plant_id, 'HYDRO' AS fuel_type, {2 * _PLANT_MW} AS capacity_mw, 1 AS units,
        'active' AS status FROM feeder WHERE plant_id IS NOT NULL""",
    "plant_feeder_map": """plant_id, feeder_id, 'SS-1' AS substation_id FROM feeder
        WHERE plant_id IS NOT NULL""",
}
"""What follows `SELECT '2023-01-01' AS valid_from`, by table."""

_DAY = """
CREATE OR REPLACE TABLE reading AS
    SELECT getvariable('day')::TIMESTAMPTZ + n * INTERVAL '15 minutes' AS ts, meter_id, feeder,
        -- An evening peak and a smaller one in the morning; less in summer and on Sundays.
        round(mean_kwh * exp(0.25 * normal(meter_id, ts, 'noise'))
            * (0.7 + 0.5 * exp(-pow((hour - 19) / 2.5, 2)) + 0.35 * exp(-pow((hour - 9) / 3, 2)))
            * (1 + 0.2 * cos(2 * pi() * dayofyear(getvariable('day')) / 366))
            * CASE WHEN dayofweek(getvariable('day')) = 0 THEN 0.9 ELSE 1 END, 3) AS kwh,
        kwh * scale_factor AS scaled_kwh, chance(meter_id, ts, 'read') >= 0.001 AS was_read,
        CASE WHEN chance(meter_id, ts, 'flag') < 0.01 THEN 'ESTIMATED' ELSE 'VALID' END AS flag
    FROM meter, (SELECT n, (n + 0.5) / 4 AS hour FROM range(96) AS made(n));
CREATE OR REPLACE TABLE head AS
    SELECT ts, feeder_id, plant_id,
        CASE WHEN plant_id IS NULL THEN 0 ELSE getvariable('plant_mw') * 250 END AS generation_kwh,
        sum(scaled_kwh) * (1 + loss_share) - generation_kwh AS supplied_kwh
    FROM reading JOIN feeder USING (feeder) GROUP BY ts, feeder_id, plant_id, loss_share;
"""
_FILES = {
    "meter_usage": """SELECT ts, meter_id, kwh, round(kwh * 0.3, 3) AS kvarh, flag AS quality_flag
        FROM reading WHERE was_read ORDER BY ts, meter_id""",
    "generation_output": """SELECT ts, plant_id, getvariable('plant_mw') AS mw,
        'HYDRO' AS fuel_type FROM head WHERE plant_id IS NOT NULL ORDER BY ts, plant_id""",
    "network_measurements": """SELECT strftime(ts, '%Y-%m-%dT%H:%M:%SZ') AS ts,
        'SS-1-' || feeder_id AS node_id, feeder_id, 'active_power' AS quantity,
        supplied_kwh / 1000 * 4 AS value, 'MW' AS unit FROM head ORDER BY ts, feeder_id""",
}
_ENERGY = """
    SELECT (SELECT sum(supplied_kwh) FROM head), (SELECT sum(generation_kwh) FROM head),
        sum(scaled_kwh) FILTER (was_read), coalesce(sum(scaled_kwh) FILTER (NOT was_read), 0),
        count(*) FILTER (was_read)
    FROM reading"""


@dataclass(frozen=True, slots=True)
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
        self.energy = Energy()
        self._duck = duckdb.connect()
        self._duck.execute(f"SET TimeZone = 'UTC'; SET VARIABLE meters = {meters}::BIGINT")
        self._duck.execute(f"SET VARIABLE plant_mw = {_PLANT_MW}::DOUBLE")
        self._duck.execute(_UTILITY)

    def write_reference(self, folder: Path) -> None:
        """Write the reference tables, one CSV file each, as the database's columns are called."""
        for name, columns in _REFERENCE.items():
            self._write(
                f"SELECT '2023-01-01T00:00:00Z' AS valid_from, {columns} ORDER BY 2",
                folder / f"{name}.csv",
            )

    def write_days(self, folder: Path, days: int) -> Iterator[date]:
        """Write the files of one day after the other; yield each day once it is there.

        `meter_usage-<day>.parquet`, `generation_output-<day>.parquet` and
        `network_measurements-<day>.csv`; the rows of a day interval by interval.
        """
        for number in range(days):
            day = START + timedelta(days=number)
            self._duck.execute(f"SET VARIABLE day = DATE '{day}'")
            self._duck.execute(_DAY)
            for name, select in _FILES.items():
                kind = "csv" if name == "network_measurements" else "parquet"
                self._write(select, folder / f"{name}-{day}.{kind}")
            made = self._duck.execute(_ENERGY).fetchall()[0]
            self.energy = Energy(*(a + b for a, b in zip(astuple(self.energy), made, strict=True)))
            yield day

    def _write(self, select: str, path: Path) -> None:
        self._duck.execute(f"COPY ({select}) TO '{path}'")
