"""A table that QuestDB lost sight of when it was killed is found again, with all of its rows."""

import asyncio
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.conftest import TestQuestDB

from utility_ts_analytics.database.crashed_tables import reopen
from utility_ts_analytics.database.health import HealthPoller
from utility_ts_analytics.database.pool import connect

pytestmark = pytest.mark.questdb

TABLE = "meter_usage"
PATIENCE_S = 20.0
TIMEOUT_S = 10.0

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
