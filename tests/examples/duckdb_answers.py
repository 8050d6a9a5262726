"""The same questions as `examples/spark/`, in plain DuckDB SQL and by another way.

Reference rows are found by ASOF joins, and completeness asks of each interval of each meter whether
it was due: slow for a year, and easy to follow.
"""

from pathlib import Path

import duckdb

START = "TIMESTAMPTZ '2024-10-21 00:00 Europe/Berlin'"
END = "TIMESTAMPTZ '2024-10-28 00:00 Europe/Berlin'"

_VIEWS = """
CREATE VIEW sent AS SELECT ts, meter_id, kwh FROM read_parquet('{0}/meter_usage/*/*.parquet')
  WHERE ts >= {1} AND ts < {2};
CREATE VIEW meters AS SELECT DISTINCT * FROM read_parquet('{0}/meters/*.parquet');
CREATE VIEW customers AS SELECT DISTINCT * FROM read_parquet('{0}/customers/*.parquet');
CREATE VIEW mapped AS SELECT DISTINCT * FROM read_parquet('{0}/meter_feeder_map/*.parquet');
CREATE VIEW factors AS SELECT DISTINCT * FROM read_parquet('{0}/meter_scale_map/*.parquet');
CREATE VIEW scaled AS
  SELECT r.ts, r.meter_id,
         r.kwh * CASE WHEN f.meter_id IS NOT NULL AND r.ts < coalesce(f.valid_to, 'infinity')
                      THEN f.scale_factor ELSE 1 END AS kwh
  FROM sent r ASOF LEFT JOIN factors f ON f.meter_id = r.meter_id AND r.ts >= f.valid_from;
"""

ANSWERS = {
    "segment_load": """
SELECT date_trunc('hour', ts) AS ts, segment, sum(kwh) AS kwh, sum(kwh) AS mean_kw
FROM (FROM scaled r ASOF JOIN meters m ON m.meter_id = r.meter_id AND r.ts >= m.valid_from
      SELECT r.ts, r.kwh, m.customer_id) r
ASOF JOIN customers c ON c.customer_id = r.customer_id AND r.ts >= c.valid_from
WHERE segment IS NOT NULL GROUP BY ALL ORDER BY ts, segment
""",
    "feeder_demand": """
SELECT time_bucket(INTERVAL 15 MINUTES, r.ts) AS ts, feeder_id, sum(kwh) AS kwh,
       sum(kwh) * 4 AS mean_kw, count(DISTINCT r.meter_id) AS meters
FROM scaled r ASOF JOIN mapped f ON f.meter_id = r.meter_id AND r.ts >= f.valid_from
WHERE r.ts < coalesce(f.valid_to, 'infinity') GROUP BY ALL ORDER BY ts, feeder_id
""",
    "completeness": """
WITH slots AS (
  SELECT slot, meter_id
  FROM generate_series({1}, {2} - INTERVAL 1 SECOND, INTERVAL 15 MINUTES) AS s(slot),
       (SELECT meter_id FROM meters UNION SELECT meter_id FROM mapped
        UNION SELECT meter_id FROM sent)
), due AS (
  SELECT s.slot, s.meter_id,
         CASE WHEN s.meter_id IN (SELECT meter_id FROM meters)
              THEN m.meter_id IS NOT NULL
                   AND coalesce(lower(m.status), '') NOT IN ('inactive', 'removed', 'retired')
              WHEN s.meter_id IN (SELECT meter_id FROM mapped)
              THEN f.meter_id IS NOT NULL AND s.slot < coalesce(f.valid_to, 'infinity')
              ELSE true END AS expected
  FROM slots s
  ASOF LEFT JOIN meters m ON m.meter_id = s.meter_id AND s.slot >= m.valid_from
  ASOF LEFT JOIN mapped f ON f.meter_id = s.meter_id AND s.slot >= f.valid_from
), there AS (
  SELECT time_bucket(INTERVAL 15 MINUTES, ts) AS slot, meter_id, count(*) AS n,
         count(*) FILTER (ts <> time_bucket(INTERVAL 15 MINUTES, ts)) AS off_grid
  FROM sent GROUP BY ALL
)
SELECT timezone('Europe/Berlin', slot)::DATE AS local_day, meter_id,
       count(*) FILTER (expected) AS expected, count(n) FILTER (expected) AS present,
       count(*) FILTER (expected AND n IS NULL) AS missing,
       CASE WHEN count(*) FILTER (expected) > 0
            THEN 100.0 * count(n) FILTER (expected) / count(*) FILTER (expected) END AS present_pct,
       coalesce(sum(off_grid), 0)::BIGINT AS off_grid,
       coalesce(sum(n - 1) FILTER (expected), 0)::BIGINT AS doubled,
       coalesce(sum(n) FILTER (NOT expected), 0)::BIGINT AS unexpected
FROM due LEFT JOIN there USING (slot, meter_id)
GROUP BY ALL HAVING count(*) FILTER (expected OR n IS NOT NULL) > 0 ORDER BY local_day, meter_id
""",
}


class DuckAnswers:
    """What DuckDB says of one archive, for the week of `small_archive.PERIOD`."""

    def __init__(self, archive: Path) -> None:
        self._archive = archive
        self._duck = duckdb.connect()
        self._duck.execute("SET TimeZone = 'UTC'")
        self._duck.execute(_VIEWS.format(archive, START, END))

    def rows(self, question: str) -> list[tuple[object, ...]]:
        """Return the answer to a question, in its order."""
        return self._duck.sql(ANSWERS[question].format(self._archive, START, END)).fetchall()

    def written(self, files: Path, order: str) -> list[tuple[object, ...]]:
        """Return the rows of the Parquet files that another program wrote into a folder."""
        return self._duck.sql(f"FROM read_parquet('{files}/*.parquet') ORDER BY {order}").fetchall()
