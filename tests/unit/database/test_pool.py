import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from tests.conftest import TestQuestDB
from tests.unit.database.conftest import MakeProxy

from utility_ts_analytics.database.pool import (
    AnswerLost,
    ConnectFailed,
    Connection,
    Pool,
    StatementRefused,
    connect,
)

TABLE = "pool_readings"
INSERT = f"INSERT INTO {TABLE}(ts, event_id, meter_id, kwh) VALUES ($1, $2, $3, $4)"
START = datetime(2026, 1, 1)
_NO_ROWS = "SELECT x FROM long_sequence(1) WHERE x > 1"
SHORT_S = 0.3
LONG_S = 10.0

Row = tuple[datetime | None, UUID, str, float | None]


def make_table(questdb: TestQuestDB) -> None:
    """Make the table of these tests, empty."""
    questdb.query(
        f"CREATE TABLE IF NOT EXISTS {TABLE} (ts TIMESTAMP, event_id UUID, meter_id SYMBOL, "
        "kwh DOUBLE) TIMESTAMP(ts) PARTITION BY DAY WAL DEDUP UPSERT KEYS(ts, meter_id)"
    )
    questdb.truncate(TABLE)


@pytest.fixture
def table(questdb: TestQuestDB) -> TestQuestDB:
    """The server with that table."""
    make_table(questdb)
    return questdb


def run(uri: str, use: Callable[[Connection], Awaitable[None]]) -> None:
    """Use one connection, and close it."""

    async def main() -> None:
        connection = await connect(uri)
        try:
            await use(connection)
        finally:
            await connection.close()

    asyncio.run(main())


def rows(count: int) -> list[Row]:
    return [
        (START + timedelta(microseconds=i), UUID(int=i + 1), f"m{i % 7}", i / 8)
        for i in range(count)
    ]


def committed(questdb: TestQuestDB) -> int:
    """How many transactions of the table were committed so far."""
    ((transactions,),) = questdb.query(
        f"SELECT sequencerTxn FROM wal_tables() WHERE name = '{TABLE}'"
    )
    assert isinstance(transactions, int)
    return transactions


@pytest.mark.questdb
def test_fetch_returns_all_rows_as_tuples_in_order(questdb: TestQuestDB) -> None:
    async def use(connection: Connection) -> None:
        found = await connection.fetch(
            "SELECT x, 'a' FROM long_sequence(3) WHERE x > $1", 1, timeout_s=LONG_S
        )
        assert found == [(2, "a"), (3, "a")]
        assert await connection.fetch(_NO_ROWS, timeout_s=LONG_S) == []

    run(questdb.pg_uri, use)


@pytest.mark.questdb
def test_executemany_stores_every_value_in_one_commit(table: TestQuestDB) -> None:
    before = committed(table)
    sent = [*rows(3000), (START - timedelta(days=400), UUID(int=9), "m1", None)]

    async def use(connection: Connection) -> None:
        await connection.executemany(INSERT, sent, timeout_s=LONG_S)
        assert committed(table) == before + 1
        table.wait_applied(TABLE)
        found = await connection.fetch(
            f"SELECT ts, event_id, meter_id, kwh FROM {TABLE}", timeout_s=LONG_S
        )
        assert found == sorted(sent, key=lambda row: str(row[0]))

    run(table.pg_uri, use)


@pytest.mark.questdb
@pytest.mark.parametrize("bad", [(None, UUID(int=1), "m", 1.0), ("today", UUID(int=1), "m", 1.0)])
def test_one_bad_row_stores_nothing_and_leaves_the_connection_usable(
    table: TestQuestDB, bad: tuple[object, ...]
) -> None:
    before = committed(table)

    async def use(connection: Connection) -> None:
        with pytest.raises(StatementRefused):
            await connection.executemany(INSERT, [*rows(10), bad], timeout_s=LONG_S)
        assert not connection.closed
        assert await connection.fetch("SELECT 1", timeout_s=LONG_S) == [(1,)]

    run(table.pg_uri, use)
    assert committed(table) == before


@pytest.mark.questdb
def test_refusal_carries_the_words_of_the_server(questdb: TestQuestDB) -> None:
    async def use(connection: Connection) -> None:
        with pytest.raises(StatementRefused) as caught:
            await connection.execute("TRUNCATE TABLE no_such_table", timeout_s=LONG_S)
        assert "no_such_table" in caught.value.text
        assert caught.value.text in str(caught.value)

    run(questdb.pg_uri, use)


@pytest.mark.questdb
def test_silent_server_loses_the_answer_in_time_and_closes_the_connection(
    proxied: MakeProxy,
) -> None:
    async def main() -> None:
        async with proxied() as proxy:
            connection = await connect(proxy.uri)
            proxy.hold()
            with pytest.raises(AnswerLost, match=r"no answer within 0\.3 s$"):
                await connection.fetch("SELECT 1", timeout_s=SHORT_S)
            assert connection.closed
            with pytest.raises(ConnectFailed, match=r"is closed$"):
                await connection.fetch("SELECT 1", timeout_s=SHORT_S)

    asyncio.run(main())


@pytest.mark.questdb
def test_line_cut_in_mid_statement_loses_the_answer(proxied: MakeProxy) -> None:
    async def main() -> None:
        async with proxied() as proxy:
            connection = await connect(proxy.uri)
            proxy.hold()
            waiting = asyncio.ensure_future(connection.fetch("SELECT 1", timeout_s=LONG_S))
            await asyncio.sleep(0)
            await proxy.cut()
            with pytest.raises(AnswerLost, match="broke: "):
                await waiting
            assert connection.closed

    asyncio.run(main())


@pytest.mark.questdb
def test_cancelled_statement_closes_the_connection(proxied: MakeProxy) -> None:
    async def main() -> None:
        async with proxied() as proxy:
            connection = await connect(proxy.uri)
            proxy.hold()
            waiting = asyncio.ensure_future(connection.fetch("SELECT 1", timeout_s=LONG_S))
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert connection.closed

    asyncio.run(main())


@pytest.mark.questdb
def test_close_does_not_wait_for_a_silent_server(proxied: MakeProxy) -> None:
    async def main() -> None:
        async with proxied() as proxy:
            connection = await connect(proxy.uri)
            proxy.hold()
            async with asyncio.timeout(LONG_S):
                await connection.close(timeout_s=SHORT_S)
            assert connection.closed

    asyncio.run(main())


@pytest.mark.questdb
def test_pool_lends_again_what_came_back(questdb: TestQuestDB) -> None:
    async def main() -> None:
        pool = Pool(questdb.pg_uri, max_connections=2)
        async with pool.acquire() as first, pool.acquire() as second:
            assert first is not second
        async with pool.acquire() as again:
            assert again in (first, second)
            assert await again.fetch("SELECT 1", timeout_s=LONG_S) == [(1,)]
        await pool.close()
        assert first.closed
        assert second.closed

    asyncio.run(main())


@pytest.mark.questdb
def test_pool_never_has_more_than_its_maximum(questdb: TestQuestDB) -> None:
    async def main() -> None:
        pool = Pool(questdb.pg_uri, max_connections=1)
        async with pool.acquire():
            with pytest.raises(ConnectFailed, match=r"raise questdb\.max_connections$"):
                async with pool.acquire(timeout_s=SHORT_S):
                    pass
        async with pool.acquire(timeout_s=LONG_S):
            pass
        await pool.close()

    asyncio.run(main())


@pytest.mark.questdb
def test_pool_replaces_a_broken_connection(proxied: MakeProxy) -> None:
    async def main() -> None:
        async with proxied() as proxy:
            pool = Pool(proxy.uri, max_connections=1)
            async with pool.acquire() as first:
                pass
            await proxy.cut()
            with pytest.raises(AnswerLost):
                async with pool.acquire() as broken:
                    await broken.fetch("SELECT 1", timeout_s=LONG_S)
            with pytest.raises(ConnectFailed, match="Connection refused"):
                async with pool.acquire():
                    pass
            await proxy.mend()
            async with pool.acquire() as second:
                assert second is not first
                assert await second.fetch("SELECT 1", timeout_s=LONG_S) == [(1,)]
            await pool.close()

    asyncio.run(main())


@pytest.mark.questdb
def test_connection_that_comes_back_to_a_closed_pool_is_closed(questdb: TestQuestDB) -> None:
    async def main() -> None:
        pool = Pool(questdb.pg_uri, max_connections=1)
        async with pool.acquire() as connection:
            await pool.close()
            assert not connection.closed
        assert connection.closed

    asyncio.run(main())
