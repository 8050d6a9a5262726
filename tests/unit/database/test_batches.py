"""What the server holds while an answer is read, and what is left when somebody stops early."""

import asyncio
import tracemalloc
from contextlib import nullcontext

import msgspec
import pytest
from tests.conftest import TestQuestDB
from tests.unit.database.conftest import MakeProxy

from utility_ts_analytics.database.batches import open_batches
from utility_ts_analytics.database.pool import AnswerLost, Connection, Pool, connect
from utility_ts_analytics.database.typed_query import Query, shape_of
from utility_ts_analytics.errors import OperatorError

pytestmark = pytest.mark.questdb

TABLE = "batches_numbers"
SHORT_S = 0.3
LONG_S = 10.0


class Number(msgspec.Struct, frozen=True):
    x: int


SHAPE = shape_of(Number)


@pytest.fixture
def table(questdb: TestQuestDB) -> TestQuestDB:
    """A table of this module's own with the numbers 1 to 1000."""
    questdb.query(
        f"CREATE TABLE IF NOT EXISTS {TABLE} (ts TIMESTAMP, x LONG) TIMESTAMP(ts)"
        " PARTITION BY DAY WAL"
    )
    questdb.truncate(TABLE)
    questdb.query(
        f"INSERT INTO {TABLE} SELECT (x * 1000000)::timestamp, x FROM long_sequence(1000)"
    )
    questdb.wait_applied(TABLE)
    return questdb


def held(questdb: TestQuestDB) -> int:
    """How many places in the table the server keeps for somebody."""
    ((count,),) = questdb.query(
        f"SELECT count() FROM reader_pool() WHERE table_name = '{TABLE}'"
        " AND owner_thread_id != null"
    )
    assert isinstance(count, int)
    return count


ALL = Query(f"SELECT x FROM {TABLE}", Number)


def test_early_end_lets_go_of_the_table(table: TestQuestDB) -> None:
    """By leaving the block, or by an error in it; the connection goes on."""

    async def main() -> None:
        connection = await connect(table.pg_uri)
        for error in (None, RuntimeError("the consumer's own")):
            with pytest.raises(RuntimeError) if error else nullcontext():
                async with open_batches(
                    connection, ALL, SHAPE, batch_rows=10, timeout_s=LONG_S
                ) as batches:
                    assert await anext(batches) == [tuple(range(1, 11))]
                    assert held(table) == 1
                    if error:
                        raise error
            assert held(table) == 0
            assert await connection.fetch("SELECT 1", timeout_s=LONG_S) == [(1,)]
        await connection.close()

    asyncio.run(main())


def test_answer_is_that_of_one_moment(table: TestQuestDB) -> None:
    async def main() -> None:
        connection = await connect(table.pg_uri)
        async with open_batches(
            connection, ALL, SHAPE, batch_rows=400, timeout_s=LONG_S
        ) as batches:
            lengths = [len((await anext(batches))[0])]
            table.query(f"INSERT INTO {TABLE} VALUES ('2026-01-01T00:00:00Z', 7)")
            table.wait_applied(TABLE)
            lengths += [len(batch[0]) async for batch in batches]
        assert lengths == [400, 400, 200]
        await connection.close()

    asyncio.run(main())


def test_one_batch_is_held_however_long_the_answer(questdb: TestQuestDB) -> None:
    """Half a million rows of 100 characters take no more memory than one batch of them."""
    query = Query("SELECT x FROM long_sequence(500000)", Number)

    async def main() -> None:
        connection = await connect(questdb.pg_uri)
        tracemalloc.start()
        total = 0
        async with open_batches(
            connection, query, SHAPE, batch_rows=1000, timeout_s=LONG_S
        ) as batches:
            async for (column,) in batches:
                total += len(column)
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert total == 500_000
        assert peak_bytes < 1_000_000
        await connection.close()

    asyncio.run(main())


def test_second_answer_on_a_connection_is_refused_and_the_first_goes_on(
    questdb: TestQuestDB,
) -> None:
    query = Query("SELECT x FROM long_sequence(3)", Number)

    async def main() -> None:
        connection = await connect(questdb.pg_uri)
        async with open_batches(
            connection, query, SHAPE, batch_rows=2, timeout_s=LONG_S
        ) as batches:
            assert await anext(batches) == [(1, 2)]
            with pytest.raises(OperatorError, match="two answers at once over one connection"):
                async with open_batches(connection, query, SHAPE, batch_rows=2, timeout_s=LONG_S):
                    pass
            assert await anext(batches) == [(3,)]
        await connection.close()

    asyncio.run(main())


def test_batch_that_does_not_come_ends_in_time(proxied: MakeProxy) -> None:
    """The connection is closed, and leaving the block waits for nothing more."""
    query = Query("SELECT x FROM long_sequence(100000)", Number)

    async def main() -> None:
        async with proxied() as proxy:
            pool = Pool(proxy.uri, max_connections=1)

            async def read() -> None:
                async with open_batches(
                    pool, query, SHAPE, batch_rows=10, timeout_s=SHORT_S
                ) as batches:
                    await anext(batches)
                    proxy.hold()
                    await anext(batches)

            async with asyncio.timeout(LONG_S):
                with pytest.raises(AnswerLost, match=r"no answer within 0\.3 s$"):
                    await read()
            await proxy.cut()
            await proxy.mend()
            async with pool.acquire() as connection:
                assert await connection.fetch("SELECT 1", timeout_s=LONG_S) == [(1,)]
            await pool.close()

    asyncio.run(main())


def test_leaving_does_not_wait_for_a_silent_server(proxied: MakeProxy) -> None:
    query = Query("SELECT x FROM long_sequence(100000)", Number)

    async def main() -> Connection:
        async with proxied() as proxy:
            connection = await connect(proxy.uri)
            async with asyncio.timeout(LONG_S):
                async with open_batches(
                    connection, query, SHAPE, batch_rows=10, timeout_s=LONG_S
                ) as batches:
                    await anext(batches)
                    proxy.hold()
            return connection

    assert asyncio.run(main()).closed


def test_cancelled_reader_closes_the_connection(proxied: MakeProxy) -> None:
    query = Query("SELECT x FROM long_sequence(100000)", Number)

    async def main() -> None:
        async with proxied() as proxy:
            connection = await connect(proxy.uri)
            first = asyncio.Event()

            async def read() -> None:
                async with open_batches(
                    connection, query, SHAPE, batch_rows=10, timeout_s=LONG_S
                ) as batches:
                    await anext(batches)
                    proxy.hold()
                    first.set()
                    await anext(batches)

            reading = asyncio.ensure_future(read())
            await first.wait()
            await asyncio.sleep(0)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            assert connection.closed

    asyncio.run(main())


def test_batch_without_rows_is_refused(questdb: TestQuestDB) -> None:
    async def main() -> None:
        connection = await connect(questdb.pg_uri)
        with pytest.raises(ValueError, match="at least 1"):
            async with open_batches(connection, ALL, SHAPE, batch_rows=0, timeout_s=LONG_S):
                pass
        await connection.close()

    asyncio.run(main())
