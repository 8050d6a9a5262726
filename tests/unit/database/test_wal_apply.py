"""Waiting for the write-ahead log, on a table of this file's own."""

import asyncio
from collections.abc import Iterator

import pytest
from tests.conftest import TestQuestDB

from utility_ts_analytics.clock import ManualClock, SystemClock
from utility_ts_analytics.database.pool import Row, connect
from utility_ts_analytics.database.wal_apply import wait_applied
from utility_ts_analytics.errors import OperatorError, QuestDBUnavailable

pytestmark = pytest.mark.questdb
TABLE = "wal_apply_rows"


@pytest.fixture
def table(questdb: TestQuestDB) -> Iterator[TestQuestDB]:
    questdb.query(
        f"CREATE TABLE IF NOT EXISTS {TABLE} (ts TIMESTAMP, x LONG)"
        " TIMESTAMP(ts) PARTITION BY DAY WAL"
    )
    questdb.truncate(TABLE)
    yield questdb
    questdb.query(f"ALTER TABLE {TABLE} RESUME WAL")
    questdb.wait_applied(TABLE)


def wait(uri: str, *tables: str, timeout_s: float = 20.0) -> None:
    async def main() -> None:
        connection = await connect(uri)
        try:
            await wait_applied(connection, tables, clock=SystemClock(), timeout_s=timeout_s)
        finally:
            await connection.close()

    asyncio.run(main())


def insert(questdb: TestQuestDB, rows: int) -> None:
    questdb.query(
        f"INSERT INTO {TABLE} SELECT dateadd('s', -x::int, now()), x FROM long_sequence({rows})"
    )


def test_rows_committed_before_can_be_read_after(table: TestQuestDB) -> None:
    for round_ in range(1, 6):
        insert(table, 1000)
        wait(table.pg_uri, TABLE.upper())
        assert table.query(f"SELECT count() FROM {TABLE}") == [(1000 * round_,)]


def test_missing_table_is_named_with_what_to_do(questdb: TestQuestDB) -> None:
    with pytest.raises(OperatorError, match=r"cannot read no_such_one: .* schema apply"):
        wait(questdb.pg_uri, "meters", "no_such_one")


def test_suspended_table_is_refused_only_if_rows_are_missing(table: TestQuestDB) -> None:
    table.query(f"ALTER TABLE {TABLE} SUSPEND WAL")
    wait(table.pg_uri, TABLE)
    insert(table, 1)
    with pytest.raises(OperatorError, match=f"cannot read all of {TABLE}: suspended"):
        wait(table.pg_uri, TABLE)


def test_rows_that_stay_unapplied_are_an_error_after_the_time(
    questdb: TestQuestDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server is asked again and again until the clock says enough, and the lag is named."""

    async def main() -> None:
        connection = await connect(questdb.pg_uri)
        clock = ManualClock()
        asked = 0

        async def fetch(sql: str, *parameters: object, timeout_s: float) -> list[Row]:
            nonlocal asked
            asked += 1
            clock.advance(1.0)
            return [("meters", False, 4, 5)]

        async def sleep(duration_s: float) -> None:
            clock.advance(duration_s)

        monkeypatch.setattr(connection, "fetch", fetch)
        monkeypatch.setattr(clock, "sleep", sleep)
        try:
            with pytest.raises(OperatorError, match=r"meters: rows .* not visible after 5 s"):
                await wait_applied(connection, ["meters"], clock=clock, timeout_s=5.0)
        finally:
            await connection.close()
        assert asked == 5  # one second each, and the sleeps between

    asyncio.run(main())


def test_closed_connection_is_an_error(questdb: TestQuestDB) -> None:
    async def main() -> None:
        connection = await connect(questdb.pg_uri)
        await connection.close()
        with pytest.raises(QuestDBUnavailable):
            await wait_applied(connection, ["meters"], clock=SystemClock(), timeout_s=1.0)

    asyncio.run(main())
