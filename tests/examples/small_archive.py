"""A small archive in the layout of docs/ARCHIVE.md, made by DuckDB from `data-samples/`.

The sample week is moved by 140 days, to the week in which Berlin's clocks go back (27 October
2024), and gets what the sample lacks: versions that begin and end within the week, meters without
reference rows, readings beside the grid, and a second shard.
"""

from pathlib import Path

import duckdb

SAMPLES = Path(__file__).parents[2] / "data-samples"
PERIOD = ("--from", "2024-10-21", "--to", "2024-10-28", "--zone", "Europe/Berlin")
"""From the local midnight on: two hours before the first reading, an hour after the last."""

_REFERENCE = ("meters", "customers", "meter_feeder_map", "meter_scale_map")
_DAYS = tuple(f"2024-10-{day}" for day in range(21, 28))
_READINGS = """
CREATE TABLE meter_usage AS
  SELECT (ts::TIMESTAMPTZ + INTERVAL 3360 HOURS)::TIMESTAMPTZ AS ts, meter_id, premise_id, kwh,
         kvarh, kva_demand, quality_flag, source_system, 'main' AS shard
  FROM read_csv('{0}/meter_usage.csv.gz');
"""
_CHANGES = """
INSERT INTO meter_usage (ts, meter_id, kwh, shard) VALUES
  ('2024-10-22 10:00:00Z', 'M-NEITHER', 1.5, 'other'),
  ('2024-10-22 10:03:00Z', 'M-NEITHER', 0.25, 'other'),
  ('2024-10-22 10:15:00Z', 'M-NEITHER', 1.0, 'other'),
  ('2024-10-25 23:59:59.999999Z', 'M-MAPPED', 2.0, 'other'),
  ('2024-10-26 00:00:00Z', 'M-MAPPED', 4.0, 'other');
-- Removed, and goes on sending.
INSERT INTO meters (valid_from, meter_id, customer_id, status) VALUES
  ('2024-10-24 00:07:00Z', 'M-F1-001', 'C-F1-001', 'Removed'),
  ('2024-10-25 00:00:00Z', 'M-SILENT', NULL, 'active');
-- Off its feeder for half a day, then on another.
UPDATE meter_feeder_map SET valid_to = '2024-10-23 12:00:00Z' WHERE meter_id = 'M-F1-002';
INSERT INTO meter_feeder_map (valid_from, meter_id, feeder_id, valid_to) VALUES
  ('2024-10-24 00:00:00Z', 'M-F1-002', 'F2', NULL),
  ('2024-10-22 00:07:00Z', 'M-MAPPED', 'F3', '2024-10-26 00:00:00Z');
-- A factor for a day and a half, and one that is replaced before it ends.
INSERT INTO meter_scale_map (valid_from, meter_id, scale_factor, valid_to) VALUES
  ('2024-10-22 00:00:00Z', 'M-F1-003', 10.0, '2024-10-23 12:00:00Z'),
  ('2024-10-22 06:00:00Z', 'M-F1-005', 2.0, '2024-10-26 00:00:00Z'),
  ('2024-10-23 06:00:00Z', 'M-F1-005', 3.0, NULL);
-- Another segment from an hour on, and none at all.
INSERT INTO customers (valid_from, customer_id, segment) VALUES
  ('2024-10-25 10:00:00Z', 'C-F1-004', 'commercial'),
  ('2024-10-26 00:00:00Z', 'C-F1-006', NULL);
"""


def make_archive(root: Path) -> None:
    """Write the archive below `root`, which exists."""
    duck = duckdb.connect()
    duck.execute("SET TimeZone = 'UTC'")
    duck.execute(_READINGS.format(SAMPLES))
    for table in _REFERENCE:
        duck.execute(f"CREATE TABLE {table} AS FROM read_csv('{SAMPLES}/{table}.csv')")
        for column in ("valid_from", "valid_to"):
            if (column,) in duck.execute(f"SELECT column_name FROM (DESCRIBE {table})").fetchall():
                duck.execute(f"ALTER TABLE {table} ALTER {column} TYPE TIMESTAMPTZ")
    duck.execute(_CHANGES)
    for day in _DAYS:
        for (shard,) in duck.execute(
            f"SELECT DISTINCT shard FROM meter_usage WHERE ts::DATE = '{day}'"
        ).fetchall():
            folder = root / "meter_usage" / f"day={day}"
            folder.mkdir(parents=True, exist_ok=True)
            rows = (
                f"SELECT * EXCLUDE shard FROM meter_usage WHERE ts::DATE = '{day}'"
                f" AND shard = '{shard}' ORDER BY meter_id, ts"
            )
            _write(duck, rows, folder / f"{shard}.parquet")
    for table in _REFERENCE:
        (root / table).mkdir()
        for shard in ("main", "other"):  # both have all of it
            _write(duck, f"FROM {table}", root / table / f"{shard}.parquet")
    # What a reader must pass over: a file that is being written, and the archive's own notes.
    (root / "meter_usage" / f"day={_DAYS[0]}" / ".main.parquet.new").write_bytes(b"half")
    (root / "meter_usage" / ".main.state.json").write_text("{}")


def _write(duck: duckdb.DuckDBPyConnection, rows: str, path: Path) -> None:
    duck.execute(f"COPY ({rows}) TO '{path}' (FORMAT parquet, COMPRESSION zstd)")
