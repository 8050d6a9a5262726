import asyncio
import urllib.error
from collections.abc import Mapping

import pytest
from tests.conftest import TestQuestDB

from utility_ts_analytics.database.live_table import LiveTable, read_tables
from utility_ts_analytics.database.pool import connect
from utility_ts_analytics.database.table_spec import ColumnSpec, table_specs

pytestmark = pytest.mark.questdb

TIMEOUT_S = 10.0


def read(questdb: TestQuestDB, *names: str) -> Mapping[str, LiveTable]:
    async def main() -> Mapping[str, LiveTable]:
        connection = await connect(questdb.pg_uri)
        try:
            return await read_tables(connection, names, timeout_s=TIMEOUT_S)
        finally:
            await connection.close()

    return asyncio.run(main())


def test_every_fact_of_a_table_of_the_schema_is_read(questdb: TestQuestDB) -> None:
    spec = table_specs()["generation_output"]
    questdb.wait_applied(spec.name)
    assert read(questdb, spec.name) == {
        spec.name: LiveTable(
            name=spec.name,
            columns=spec.columns,
            timestamp="ts",
            partition_by="DAY",
            wal=True,
            dedup_keys=("ts", "plant_id", "unit_id"),
            suspended=False,
            suspended_cause="",
            wal_lag_transactions=0,
        )
    }


def test_table_without_timestamp_partitions_wal_and_dedup_is_read(questdb: TestQuestDB) -> None:
    questdb.query("CREATE TABLE IF NOT EXISTS live_plain (a INT, b VARCHAR)")
    assert read(questdb, "live_plain")["live_plain"] == LiveTable(
        name="live_plain",
        columns=(ColumnSpec("a", "INT"), ColumnSpec("b", "VARCHAR")),
        timestamp="",
        partition_by="NONE",
        wal=False,
        dedup_keys=(),
        suspended=False,
        suspended_cause="",
        wal_lag_transactions=0,
    )


def test_keys_of_a_disabled_dedup_are_none(questdb: TestQuestDB) -> None:
    questdb.query(
        "CREATE TABLE IF NOT EXISTS live_dedup (ts TIMESTAMP, k SYMBOL) TIMESTAMP(ts) "
        "PARTITION BY DAY WAL DEDUP UPSERT KEYS(ts, k)"
    )
    questdb.query("ALTER TABLE live_dedup DEDUP DISABLE")
    questdb.wait_applied("live_dedup")
    assert read(questdb, "live_dedup")["live_dedup"].dedup_keys == ()


def test_names_are_found_without_case_and_missing_ones_left_out(questdb: TestQuestDB) -> None:
    found = read(questdb, "METER_usage", "no_such_table")
    assert list(found) == ["METER_usage"]
    assert found["METER_usage"].name == "meter_usage"


def test_questdb_allows_no_quote_in_a_table_name(questdb: TestQuestDB) -> None:
    """`read_tables` puts names that QuestDB reports into a literal as they are."""
    with pytest.raises(urllib.error.HTTPError, match="400"):
        questdb.query('CREATE TABLE "live\'quoted" (a INT)')


def test_suspended_table_shows_its_lag(questdb: TestQuestDB) -> None:
    questdb.query(
        "CREATE TABLE IF NOT EXISTS live_suspended (ts TIMESTAMP) TIMESTAMP(ts) "
        "PARTITION BY DAY WAL"
    )
    questdb.query("ALTER TABLE live_suspended SUSPEND WAL")
    for _ in range(3):
        questdb.query("INSERT INTO live_suspended VALUES ('2026-01-01')")
    table = read(questdb, "live_suspended")["live_suspended"]
    assert (table.suspended, table.wal_lag_transactions) == (True, 3)
    questdb.query("ALTER TABLE live_suspended RESUME WAL")
    questdb.wait_applied("live_suspended")
    table = read(questdb, "live_suspended")["live_suspended"]
    assert (table.suspended, table.wal_lag_transactions) == (False, 0)
