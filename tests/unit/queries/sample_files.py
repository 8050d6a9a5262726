"""The raw files of data-samples in DuckDB: a second way to every figure."""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
from tests.unit.queries.query_rig import SAMPLES

_TABLES = (
    "meter_usage.csv.gz",
    "generation_output.csv.gz",
    "meters.csv",
    "customers.csv",
    "plants.csv",
    "meter_feeder_map.csv",
    "meter_scale_map.csv",
)


@contextmanager
def sample_files() -> Iterator[duckdb.DuckDBPyConnection]:
    """Lend a DuckDB with a table of each file, named as QuestDB's; its clock is UTC.

    Every reference row of the samples holds all week, so that plain joins are right here.
    """
    with duckdb.connect() as files:
        files.execute("SET TimeZone = 'UTC'")
        for name in _TABLES:
            table = name.partition(".")[0]
            files.execute(f"CREATE TABLE {table} AS FROM read_csv('{SAMPLES / name}')")
        files.execute(
            "CREATE TABLE scaled AS SELECT u.ts, u.meter_id, f.feeder_id, c.segment,"
            " u.kwh * coalesce(s.scale_factor, 1) AS kwh FROM meter_usage u"
            " LEFT JOIN meter_scale_map s USING (meter_id) JOIN meter_feeder_map f USING (meter_id)"
            " JOIN meters m USING (meter_id) JOIN customers c ON c.customer_id = m.customer_id"
        )
        yield files
