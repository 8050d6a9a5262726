import asyncio
import struct
import urllib.error
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import pytest
from tests.conftest import TestQuestDB

from utility_ts_analytics.database.health import HealthPoller
from utility_ts_analytics.database.live_table import LiveTable, auto_creation, read_tables, reopen
from utility_ts_analytics.database.pool import connect, connected
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


pytestmark = pytest.mark.questdb


def asked(uri: str) -> tuple[str, ...]:
    async def main() -> tuple[str, ...]:
        async with connected(uri) as connection:
            return await auto_creation(connection, timeout_s=5.0)

    return asyncio.run(main())


def test_server_as_ours_is_set_up_is_not_warned_of(questdb: TestQuestDB) -> None:
    assert asked(questdb.pg_uri) == ()


def test_each_setting_that_is_on_is_named_with_its_variable(stock_questdb: TestQuestDB) -> None:
    columns, tables = asked(stock_questdb.pg_uri)
    assert "line.auto.create.new.columns=false" in columns
    assert "QDB_LINE_AUTO_CREATE_NEW_COLUMNS=false" in columns
    assert "line.auto.create.new.tables=false" in tables
    assert "QDB_LINE_AUTO_CREATE_NEW_TABLES=false" in tables


pytestmark = pytest.mark.questdb

TABLE = "meter_usage"
PATIENCE_S = 20.0

_DATABASE_ID = slice(8, 24)
"""In `_todo_` as in the index of the tables: QuestDB does nothing that another database noted."""

_TODO_COUNT_AT, _RESTORE_META = 32, 2


def lose_sight(data_dir: Path, table: str) -> None:
    """Leave a table's files as a SIGKILL does between the two renames of a change of metadata.

    QuestDB 9.3.4 changes `_meta` by itself whenever a SYMBOL column outgrows its capacity: it notes
    in `_todo_` how to go back, renames `_meta` to `_meta.prev`, and the new one to `_meta`. A real
    kill meets that moment once in a while; this is what it leaves.

    Args:
        data_dir: Of a QuestDB that does not run.
        table: One with a write-ahead log, as every table of the schema.
    """
    [folder] = (it for it in (data_dir / "db").glob(f"{table}~*") if it.is_dir())
    (folder / "_meta").rename(folder / "_meta.prev")
    todo = folder / "_todo_"
    content = bytearray(todo.read_bytes())
    content[_DATABASE_ID] = (data_dir / "db" / "_tab_index.d").read_bytes()[_DATABASE_ID]
    # One thing to do: to bring `_meta.prev`, the one without a number, back.
    struct.pack_into("<qqq", content, _TODO_COUNT_AT, 1, _RESTORE_META, 0)
    todo.write_bytes(content)


def listed(questdb: TestQuestDB) -> bool:
    return (TABLE,) in questdb.query("SELECT table_name FROM tables()")


@pytest.fixture
def crashed(own_questdb: TestQuestDB, tmp_path: Path) -> TestQuestDB:
    """A QuestDB that was killed at the wrong moment and started again; the table has one row."""
    own_questdb.query(f"INSERT INTO {TABLE} (ts, meter_id, kwh) VALUES ('2024-05-01', 'm', 1.0)")
    own_questdb.wait_applied(TABLE)
    own_questdb.stop()
    lose_sight(tmp_path / "own_questdb", TABLE)
    own_questdb.running = own_questdb.server.start()
    assert not listed(own_questdb)
    return own_questdb


async def until(holds: Callable[[], Awaitable[bool]], what: str) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await holds():
            await asyncio.sleep(0.05)
    assert await holds(), what


def test_poller_brings_the_table_back_without_a_write_or_a_restart(crashed: TestQuestDB) -> None:
    async def main() -> None:
        poller = HealthPoller(crashed.pg_uri, [TABLE], timeout_s=TIMEOUT_S)

        async def exists() -> bool:
            health = await poller.poll()
            return health.up and health.tables[TABLE].exists

        await until(exists, "the table is found")
        await poller.close()

    asyncio.run(main())
    assert crashed.query(f"SELECT count() FROM {TABLE}") == [(1,)]


def test_table_whose_files_are_whole_again_is_listed_again(crashed: TestQuestDB) -> None:
    """A TRUNCATE repairs the files too, and leaves QuestDB's list of tables as it is."""
    crashed.query(f"TRUNCATE TABLE {TABLE}")
    crashed.wait_applied(TABLE)
    assert not listed(crashed)

    async def main() -> None:
        connection = await connect(crashed.pg_uri, timeout_s=TIMEOUT_S)
        await reopen(connection, TABLE, timeout_s=TIMEOUT_S)
        await connection.close()

    asyncio.run(main())
    assert listed(crashed)


def test_table_that_is_not_there_stays_away_and_the_connection_usable(
    questdb: TestQuestDB,
) -> None:
    async def main() -> None:
        connection = await connect(questdb.pg_uri, timeout_s=TIMEOUT_S)
        await reopen(connection, "no_such_table", timeout_s=TIMEOUT_S)
        assert await connection.fetch("SELECT 1", timeout_s=TIMEOUT_S) == [(1,)]
        await connection.close()

    asyncio.run(main())
