"""The example mappings, from the command to the rows in the tables; every instant worked out by
hand."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.process.running_load import Loader, loader
from tests.process.running_service import QuestDBPorts
from tests.process.stored_tables import StoredTables, Value

pytestmark = [pytest.mark.process, pytest.mark.questdb]

MAPPINGS = Path(__file__).parents[2] / "mappings"


@pytest.fixture
def load(questdb: QuestDBPorts, tables: StoredTables, tmp_path: Path) -> Loader:
    for table in ("meter_usage", "generation_output"):
        tables.execute(f"TRUNCATE TABLE {table}")
    return loader(tmp_path, questdb)


def loaded(load: Loader, mapping: str, sample: str, into: str = "meter_usage") -> int:
    """Load a sample twice and return the rows of one load."""
    arguments = (str(MAPPINGS / "samples" / sample), "--mapping", str(MAPPINGS / mapping))
    accepted: int = load.facts(*arguments, into=into)["accepted"]
    assert load.facts(*arguments, into=into)["accepted"] == accepted
    return accepted


def stored(tables: StoredTables, sql: str, table: str = "meter_usage") -> Sequence[Sequence[Value]]:
    tables.wait_applied(table)
    return tables.execute(sql)


def steps(first: str, count: int, minutes: int) -> list[str]:
    start = datetime.fromisoformat(first)
    return [
        (start + timedelta(minutes=minutes * index)).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
        for index in range(count)
    ]


def test_repeated_hour_of_local_end_labels_follows_the_first(
    load: Loader, tables: StoredTables
) -> None:
    assert loaded(load, "csv-local-time.toml", "csv-local-time.csv") == 11

    rows = stored(tables, "SELECT ts, kwh FROM meter_usage WHERE meter_id = 'Z-001'")
    assert [row[0] for row in rows] == steps("2024-10-26T23:45:00", 9, 15)
    assert [row[1] for row in rows] == [0.2505, *(n / 1000 for n in range(251, 259))]
    other = stored(tables, "SELECT ts, kwh FROM meter_usage WHERE meter_id = 'Z-002'")
    assert other == [["2024-10-26T23:45:00.000000Z", 0.001], ["2024-10-27T00:45:00.000000Z", 0.002]]


def test_power_of_half_hours_becomes_energy(load: Loader, tables: StoredTables) -> None:
    assert loaded(load, "pipe-export.toml", "pipe-export.dat") == 4

    columns = "ts, meter_id, premise_id, kwh, kvarh, quality_flag"
    first, second = "2024-06-02T22:00:00.000000Z", "2024-06-02T22:30:00.000000Z"
    assert stored(tables, f"SELECT {columns} FROM meter_usage ORDER BY meter_id, ts") == [
        [first, "M-1", "P-1", 1.25, 0.25, "VALID"],
        [second, "M-1", "P-1", 1.5, 0.2, "ESTIMATED"],
        [first, "M-2", None, 0.0625, None, "VALID"],
        [second, "M-2", None, 0.125, None, "9"],
    ]


def test_columns_of_a_data_lake_are_filtered_and_converted(
    load: Loader, tables: StoredTables
) -> None:
    assert loaded(load, "data-lake-parquet.toml", "data-lake.parquet") == 3

    columns = "ts, meter_id, premise_id, kwh, kva_demand"
    assert stored(tables, f"SELECT {columns} FROM meter_usage ORDER BY meter_id, ts") == [
        ["2024-06-03T00:00:00.000000Z", "1001", "S-1", 0.25, 1.1],
        ["2024-06-03T00:15:00.000000Z", "1001", "S-1", 0.3, 1.3],
        ["2024-06-03T00:00:00.000000Z", "1002", "S-2", 0.125, None],
    ]


def test_wide_days_have_92_96_and_100_intervals(load: Loader, tables: StoredTables) -> None:
    assert loaded(load, "wide-days.toml", "wide-days.csv") == 92 + 96 + 100

    rows = stored(tables, "SELECT ts, kwh FROM meter_usage")
    # Midnights in Berlin: 23:00Z in winter, 22:00Z in summer.
    assert [row[0] for row in rows] == [
        *steps("2024-03-30T23:00:00", 92, 15),
        *steps("2024-06-02T22:00:00", 96, 15),
        *steps("2024-10-26T22:00:00", 100, 15),
    ]
    assert [row[1] for row in rows] == [
        index / 1000 for count in (92, 96, 100) for index in range(1, count + 1)
    ]


def test_nem12_is_stored_in_market_time(load: Loader, tables: StoredTables) -> None:
    assert loaded(load, "nem12.toml", "nem12.csv") == 96

    rows = stored(
        tables,
        "SELECT ts, kwh, kvarh, quality_flag, premise_id FROM meter_usage"
        " WHERE meter_id = 'NMI0000001-E1'",
    )
    # Midnight of 3 June at UTC+10, the whole year round.
    assert [row[0] for row in rows] == steps("2024-06-02T14:00:00", 48, 30)
    assert rows[0] == ["2024-06-02T14:00:00.000000Z", 0.01, 0.01, "A", "NMI0000001"]
    assert [row[3] for row in rows] == ["A"] * 40 + ["S"] * 8


def test_energy_of_a_plant_becomes_power(load: Loader, tables: StoredTables) -> None:
    assert loaded(load, "generation-mwh.toml", "generation-mwh.csv", "generation_output") == 3

    columns = "ts, plant_id, unit_id, mw, fuel_type"
    sql = f"SELECT {columns} FROM generation_output ORDER BY plant_id, ts"
    assert stored(tables, sql, "generation_output") == [
        ["2024-06-03T10:00:00.000000Z", "HYDRO-1", "U1", 4.5, "HYDRO"],
        ["2024-06-03T10:00:00.000000Z", "SOLAR-1", "U1", 1.0, "SOLAR"],
        ["2024-06-03T10:15:00.000000Z", "SOLAR-1", "U1", 1.2, "SOLAR"],
    ]
