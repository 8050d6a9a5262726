"""Figures of the sample week, computed by DuckDB from the raw files: nothing of ours is asked."""

from datetime import datetime
from pathlib import Path

import duckdb

SAMPLES = Path(__file__).parents[4] / "data-samples"
_VIEWS = """
CREATE TABLE readings AS
  SELECT u.ts::TIMESTAMP AS ts, u.ts::TIMESTAMP + INTERVAL 2 HOUR AS local, u.meter_id,
         kwh * coalesce(s.scale_factor, 1.0) AS kwh, quality_flag, segment, feeder_id
  FROM read_csv('{0}/meter_usage.csv.gz') u
  JOIN read_csv('{0}/meters.csv') m USING (meter_id)
  JOIN read_csv('{0}/customers.csv') c USING (customer_id)
  JOIN read_csv('{0}/meter_feeder_map.csv') f USING (meter_id)
  LEFT JOIN read_csv('{0}/meter_scale_map.csv') s USING (meter_id);
CREATE TABLE heads AS
  SELECT ts::TIMESTAMP AS ts, feeder_id, value * 250 AS kwh
  FROM read_csv('{0}/network_measurements.csv');
CREATE TABLE plants AS
  SELECT ts::TIMESTAMP AS ts, g.plant_id, g.fuel_type, feeder_id, mw / 4 AS mwh, capacity_mw
  FROM read_csv('{0}/generation_output.csv.gz') g
  JOIN read_csv('{0}/plant_feeder_map.csv') USING (plant_id)
  JOIN read_csv('{0}/plants.csv') p USING (plant_id);
"""
"""Local time of the sample is two hours ahead all week."""


class SampleOracle:
    """Answers as plain Python values; times are naive and UTC."""

    def __init__(self) -> None:
        self._duck = duckdb.connect()
        self._duck.execute("SET TimeZone = 'UTC'")
        self._duck.execute(_VIEWS.format(SAMPLES))

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        return self._duck.execute(sql).fetchall()

    def hourly_kw(self, segment: str | None = None) -> dict[datetime, float]:
        """Mean load of each hour: the hour's kWh."""
        where = f"WHERE segment = '{segment}'" if segment else ""
        return self._pairs(
            f"SELECT date_trunc('hour', ts), sum(kwh) FROM readings {where} GROUP BY 1"
        )

    def losses(self) -> dict[str, tuple[float, float, float, float]]:
        """By feeder: energy at the head, of plants, of meters, and lost, kWh."""
        found = self.rows(
            "SELECT feeder_id, h, coalesce(g, 0), m, h + coalesce(g, 0) - m"
            " FROM (SELECT feeder_id, sum(kwh) AS h FROM heads GROUP BY 1)"
            " JOIN (SELECT feeder_id, sum(kwh) AS m FROM readings GROUP BY 1) USING (feeder_id)"
            " LEFT JOIN (SELECT feeder_id, sum(mwh) * 1000 AS g FROM plants GROUP BY 1)"
            " USING (feeder_id)"
        )
        return {str(row[0]): tuple(map(_number, row[1:])) for row in found}  # type: ignore[misc]

    def segment_kwh(self, condition: str) -> dict[str, float]:
        """Energy by segment of the readings that meet a condition on `local`."""
        return self._named(f"SELECT segment, sum(kwh) FROM readings WHERE {condition} GROUP BY 1")

    def typical_kw(self, segment: str, time: str) -> float:
        """Mean load of a segment on working days in the quarter hour that starts at `time`."""
        [(kw,)] = self.rows(
            f"SELECT sum(kwh) * 4 / 5 FROM readings WHERE segment = '{segment}'"
            f" AND dayofweek(local) BETWEEN 1 AND 5 AND strftime(local, '%H:%M') = '{time}'"
        )
        return _number(kw)

    def feeder_peaks(self) -> dict[str, float]:
        return self._named(
            "SELECT feeder_id, max(kwh) * 4 FROM"
            " (SELECT ts, feeder_id, sum(kwh) AS kwh FROM readings GROUP BY 1, 2) GROUP BY 1"
        )

    def system_peak(self) -> tuple[datetime, float]:
        [(ts, kw)] = self.rows(
            "SELECT ts, sum(kwh) * 4 FROM readings GROUP BY 1 ORDER BY 2 DESC LIMIT 1"
        )
        assert isinstance(ts, datetime)
        return ts, _number(kw)

    def fuel_mwh(self) -> dict[str, float]:
        return self._named("SELECT fuel_type, sum(mwh) FROM plants GROUP BY 1")

    def capacity_factors(self) -> dict[str, float]:
        return self._named(
            "SELECT plant_id, sum(mwh) / (any_value(capacity_mw) * 168) FROM plants GROUP BY 1"
        )

    def estimated(self) -> dict[str, tuple[int, int]]:
        """By UTC day: readings, and those that are estimated."""
        found = self.rows(
            "SELECT ts::DATE, count(*), count(*) FILTER (quality_flag = 'ESTIMATED')"
            " FROM readings GROUP BY 1"
        )
        return {str(day): (int(_number(n)), int(_number(e))) for day, n, e in found}

    def missing(self) -> dict[tuple[str, str], int]:
        """By meter and UTC day: quarter hours without a reading, where there are any."""
        found = self.rows(
            "SELECT meter_id, ts::DATE, 96 - count(*) FROM readings"
            " GROUP BY 1, 2 HAVING count(*) < 96"
        )
        return {(str(meter), str(day)): int(_number(n)) for meter, day, n in found}

    def _pairs(self, sql: str) -> dict[datetime, float]:
        return {ts: _number(v) for ts, v in self.rows(sql) if isinstance(ts, datetime)}

    def _named(self, sql: str) -> dict[str, float]:
        return {str(name): _number(value) for name, value in self.rows(sql)}


def _number(value: object) -> float:
    assert isinstance(value, int | float), value
    return float(value)
