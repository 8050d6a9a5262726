"""What is archived of which table; days and partitions as a real QuestDB has them."""

import asyncio
from datetime import date, timedelta

import pytest
from tests.conftest import TestQuestDB
from tests.unit.archive.archive_rig import DAY, DAY_NS, NS, ArchiveRig, reading

from utility_ts_analytics.archive.tables import (
    BY_DAY,
    WHOLE,
    archive_tables,
    archived_columns,
    column_text,
    columns_of_text,
    read_live,
    read_partition_days,
)
from utility_ts_analytics.database.live_table import LiveTable
from utility_ts_analytics.database.pool import connected
from utility_ts_analytics.database.table_spec import ColumnSpec, table_specs
from utility_ts_analytics.errors import OperatorError


def live(name: str, *more: ColumnSpec) -> LiveTable:
    spec = table_specs()[name]
    columns = tuple(ColumnSpec(column.name, column.type) for column in spec.columns)
    return LiveTable(
        name=name,
        columns=(*columns, *more),
        timestamp=spec.timestamp,
        partition_by=spec.partition_by,
        wal=True,
        dedup_keys=spec.dedup_keys,
        suspended=False,
        suspended_cause="",
        wal_lag_transactions=0,
    )


def test_every_table_of_the_schema_is_archived() -> None:
    assert {table.name for table in archive_tables({})} == set(table_specs())
    assert set(BY_DAY).isdisjoint(WHOLE)


def test_streams_have_the_names_of_the_config() -> None:
    readings = archive_tables({"meter_usage": "readings"})[0]
    assert (readings.name, readings.stream) == ("readings", "meter_usage")
    assert readings.spec.name == "readings"


def test_rows_of_a_meter_plant_and_feeder_lie_together() -> None:
    orders = {table.name: table.order for table in archive_tables({})}
    assert orders["meter_usage"] == ("meter_id", "ts")
    assert orders["generation_output"] == ("plant_id", "unit_id", "ts")
    assert orders["network_measurements"] == ("feeder_id", "node_id", "quantity", "ts")
    assert orders["feeder_energy_balance"] == ("feeder_id", "ts")
    assert orders["meters"] == ("meter_id", "valid_from")


def test_event_ids_are_left_out_of_days_alone() -> None:
    tables = {table.name: table for table in archive_tables({})}
    for name, event_ids, there in (
        ("meter_usage", False, False),
        ("meter_usage", True, True),
        ("meter_events", False, True),
    ):
        columns = archived_columns(tables[name], live(name), event_ids=event_ids)
        assert ("event_id" in {column.name for column in columns}) is there


def test_added_columns_are_archived_and_odd_types_refused() -> None:
    table = archive_tables({})[0]
    more = ColumnSpec("voltage", "FLOAT")
    assert archived_columns(table, live("meter_usage", more), event_ids=False)[-1] == more
    with pytest.raises(ValueError, match=r"column wave of meter_usage: its type DOUBLE\[\]"):
        archived_columns(
            table, live("meter_usage", ColumnSpec("wave", "DOUBLE[]")), event_ids=False
        )


def test_columns_survive_their_text() -> None:
    columns = (ColumnSpec("ts", "TIMESTAMP"), ColumnSpec("a:b", "SYMBOL"))
    assert columns_of_text(column_text(columns)) == columns


TABLES = {table.name: table for table in archive_tables({})}


def partitions(questdb: TestQuestDB, table: str, by: str) -> dict[str, list[date]]:
    async def read() -> dict[str, list[date]]:
        async with connected(questdb.pg_uri) as connection:
            return dict(await read_partition_days(connection, TABLES[table], by))

    return asyncio.run(read())


def test_days_of_day_partitions(rig: ArchiveRig, questdb: TestQuestDB) -> None:
    rig.write(reading("a", 1, day=2), reading("a", 1), reading("b", 1, minute=1439))
    third = DAY + timedelta(days=2)
    assert partitions(questdb, "meter_usage", "DAY") == {
        DAY.isoformat(): [DAY],
        third.isoformat(): [third],
    }


def test_partition_that_questdb_keeps_as_parquet_is_a_day_as_any_other(
    rig: ArchiveRig, questdb: TestQuestDB
) -> None:
    text = ',premise_id="abc",quality_flag="VALID"'
    rig.write(*(reading("a", 1, day=day, more=text) for day in range(2)))
    rig.update()
    questdb.query(f"ALTER TABLE meter_usage CONVERT PARTITION TO PARQUET LIST '{DAY}'")
    questdb.wait_applied("meter_usage")
    kinds = questdb.query("SELECT isParquet FROM table_partitions('meter_usage')")
    assert [True] in [list(kind) for kind in kinds]
    assert list(partitions(questdb, "meter_usage", "DAY")) == [DAY.isoformat(), "2024-03-02"]
    assert rig.update().compared == 2
    assert rig.verify().differences == []


def test_days_of_months(questdb: TestQuestDB) -> None:
    questdb.truncate("feeder_energy_balance")
    for day in (0, 30, 31):
        ts = DAY_NS + day * 86400 * NS
        questdb.write(f"feeder_energy_balance,feeder_id=F loss_kwh=1 {ts}\n".encode())
    questdb.wait_applied("feeder_energy_balance")
    assert partitions(questdb, "feeder_energy_balance", "MONTH") == {
        "2024-03": [DAY, date(2024, 3, 31)],
        "2024-04": [date(2024, 4, 1)],
    }
    with pytest.raises(OperatorError, match="partitioned by HOUR"):
        partitions(questdb, "feeder_energy_balance", "HOUR")


def test_table_of_another_shape_is_refused(rig: ArchiveRig, questdb: TestQuestDB) -> None:
    questdb.query(
        "CREATE TABLE IF NOT EXISTS other_shape (ts TIMESTAMP, meter SYMBOL) TIMESTAMP(ts)"
        " PARTITION BY DAY WAL"
    )
    table = archive_tables({"meter_usage": "other_shape"})[0]

    async def read() -> None:
        async with connected(questdb.pg_uri) as connection:
            await read_live(connection, table, event_ids=False, clock=rig.job.clock)

    with pytest.raises(OperatorError, match="not what sql/schema says"):
        asyncio.run(read())
    questdb.query("DROP TABLE other_shape")
