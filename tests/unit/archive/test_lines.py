"""Lines that QuestDB reads as the very values; the round trip is in `test_restore`."""

from pathlib import Path

import duckdb
import pytest

from utility_ts_analytics.archive.engine import Engine
from utility_ts_analytics.archive.lines import archived_lines, count_own_ids
from utility_ts_analytics.archive.tables import archive_tables
from utility_ts_analytics.database.table_spec import ColumnSpec

TABLES = {table.name: table for table in archive_tables({})}


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine(memory_mib=128, spill=tmp_path / ".spill")


def lines(engine: Engine, table: str, path: Path, columns: tuple[ColumnSpec, ...]) -> bytes:
    return b"".join(archived_lines(engine, TABLES[table], columns, path))


def test_text_is_escaped_null_is_left_out_and_time_orders(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    duckdb.sql(
        "COPY (SELECT * FROM (VALUES (make_timestamp(2)::TIMESTAMPTZ, 'b', NULL, 3, NULL),"
        r" (make_timestamp(1)::TIMESTAMPTZ, 'a', 'x \ \" ' || chr(10), NULL, 0.1))"
        f" t(valid_from, plant_id, name, units, capacity_mw)) TO '{path}'"
    )
    columns = (
        ColumnSpec("valid_from", "TIMESTAMP"),
        ColumnSpec("plant_id", "SYMBOL"),
        ColumnSpec("name", "VARCHAR"),
        ColumnSpec("units", "INT"),
        ColumnSpec("capacity_mw", "DOUBLE"),
    )
    assert lines(engine, "plants", path, columns) == (
        b'plants plant_id="a",name="x \\\\ \\\\\\" \\\n",capacity_mw=0.1 1000\n'
        b'plants plant_id="b",units=3i 2000\n'
    )


READING_COLUMNS = (
    ColumnSpec("ts", "TIMESTAMP"),
    ColumnSpec("meter_id", "SYMBOL"),
    ColumnSpec("kwh", "DOUBLE"),
)


def readings(path: Path, *rows: str) -> Path:
    duckdb.sql(
        "COPY (SELECT ts::TIMESTAMPTZ AS ts, meter_id, kwh::DOUBLE AS kwh FROM"
        f" (VALUES {', '.join(rows)}) t(ts, meter_id, kwh)) TO '{path}'"
    )
    return path


def test_readings_get_their_event_ids_again(engine: Engine, tmp_path: Path) -> None:
    path = readings(tmp_path / "a.parquet", "(TIMESTAMP '2024-03-01', 'm', 1.5)")
    line = lines(engine, "meter_usage", path, READING_COLUMNS)
    assert b'event_id="' in line
    assert b'meter_id="m"' in line


def test_rows_that_break_a_rule_of_readings_are_not_lost(engine: Engine, tmp_path: Path) -> None:
    path = readings(
        tmp_path / "a.parquet",
        "(TIMESTAMP '1970-01-02', 'old', 1.5)",
        "(TIMESTAMP '2024-03-01', 'fine', 1.5)",
        "(TIMESTAMP '2024-03-01', 'without', NULL)",
    )
    text = lines(engine, "meter_usage", path, READING_COLUMNS)
    assert text.count(b'event_id="') == 1
    assert b'meter_usage meter_id="old",kwh=1.5 86400000000000\n' in text
    assert b'meter_usage meter_id="without" ' in text


def test_columns_that_the_stream_does_not_know_are_restored(engine: Engine, tmp_path: Path) -> None:
    path = readings(tmp_path / "a.parquet", "(TIMESTAMP '2024-03-01', 'm', 1.5)")
    more = tmp_path / "b.parquet"
    duckdb.sql(f"COPY (SELECT *, 230.0 AS voltage FROM '{path}') TO '{more}'")
    text = lines(engine, "meter_usage", more, (*READING_COLUMNS, ColumnSpec("voltage", "DOUBLE")))
    assert b"voltage=230.0 " in text


def test_ids_of_clients_are_counted_and_derived_ones_are_not(
    engine: Engine, tmp_path: Path
) -> None:
    own = "0f0f0f0f-0000-4000-8000-000000000001"
    full = tmp_path / "full.parquet"
    path = readings(tmp_path / "a.parquet", "(TIMESTAMP '2024-03-01', 'm', 1.5)")
    line = lines(engine, "meter_usage", path, READING_COLUMNS)
    derived = line.partition(b'event_id="')[2][:36].decode()
    missing = ", ".join(
        f"NULL::{kind} AS {name}"
        for name, kind in (
            ("premise_id", "VARCHAR"),
            ("kvarh", "DOUBLE"),
            ("kva_demand", "DOUBLE"),
            ("quality_flag", "VARCHAR"),
            ("source_system", "VARCHAR"),
        )
    )
    duckdb.sql(
        f"COPY (SELECT *, {missing}, unnest(['{own}', '{derived}', NULL])::UUID AS event_id"
        f" FROM '{path}') TO '{full}'"
    )
    assert count_own_ids(engine, TABLES["meter_usage"], full) == 1
    # A row that no service of ours wrote gets no id in a restore: any id of it would be lost.
    odd = tmp_path / "odd.parquet"
    duckdb.sql(f"COPY (SELECT * REPLACE (NULL::DOUBLE AS kwh) FROM '{full}') TO '{odd}'")
    assert count_own_ids(engine, TABLES["meter_usage"], odd) == 2
