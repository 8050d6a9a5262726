"""A table that QuestDB lost sight of when it was killed is found again, with all of its rows."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from loadtest.faults.questdb_files import lose_sight
from tests.conftest import TestQuestDB

from utility_ts_analytics.database.crashed_tables import reopen
from utility_ts_analytics.database.health import HealthPoller
from utility_ts_analytics.database.pool import connect

pytestmark = pytest.mark.questdb

TABLE = "meter_usage"
PATIENCE_S = 20.0
TIMEOUT_S = 10.0


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
