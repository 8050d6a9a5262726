"""Rows of a real QuestDB as structs."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest
from tests.conftest import TestQuestDB

from utility_ts_analytics.database.pool import Connection, Pool, StatementRefused, connect
from utility_ts_analytics.database.reads import Query, UnexpectedAnswer, fetch_rows, stream_rows
from utility_ts_analytics.errors import OperatorError

pytestmark = pytest.mark.questdb

START = datetime(2026, 1, 1, tzinfo=UTC)
_COLUMNS = "ts, event_id, meter_id, kwh, kvarh, quality_flag"


class Reading(msgspec.Struct, frozen=True):
    ts: datetime
    event_id: UUID | None
    meter_id: str
    kwh: float
    kvarh: float | None
    quality_flag: str | None


class Number(msgspec.Struct, frozen=True):
    x: int


def readings(count: int) -> list[Reading]:
    return [
        Reading(
            ts=START + timedelta(microseconds=i),
            event_id=UUID(int=i + 1) if i % 3 else None,
            meter_id=f"m-{i % 2}",
            kwh=i / 8,
            kvarh=None if i % 2 else -0.5,
            quality_flag=None if i % 4 else "VALID",
        )
        for i in range(count)
    ]


@pytest.fixture
def stored(questdb: TestQuestDB) -> TestQuestDB:
    """`readings(9)` as the only rows of meter_usage."""
    questdb.truncate("meter_usage")

    async def insert(connection: Connection) -> None:
        rows = [
            (row.ts.replace(tzinfo=None), *msgspec.structs.astuple(row)[1:]) for row in readings(9)
        ]
        await connection.executemany(
            f"INSERT INTO meter_usage ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6)",
            rows,
            timeout_s=10.0,
        )

    run(questdb, insert)
    questdb.wait_applied("meter_usage")
    return questdb


def run(questdb: TestQuestDB, use: Callable[[Connection], Awaitable[None]]) -> None:
    async def main() -> None:
        connection = await connect(questdb.pg_uri)
        try:
            await use(connection)
        finally:
            await connection.close()

    asyncio.run(main())


def numbers(count: int) -> Query[Number]:
    return Query(f"SELECT x FROM long_sequence({count})", Number)


def test_rows_come_back_as_they_were_stored(stored: TestQuestDB) -> None:
    """Times aware in UTC, nulls as None, in order."""

    async def use(connection: Connection) -> None:
        found = await fetch_rows(connection, Query(f"SELECT {_COLUMNS} FROM meter_usage", Reading))
        assert found == readings(9)
        assert all(row.ts.tzinfo is UTC for row in found)

    run(stored, use)


def test_parameters_find_their_rows(stored: TestQuestDB) -> None:
    """A text, times of another zone, and a UUID."""
    sql = f"SELECT {_COLUMNS} FROM meter_usage WHERE "
    east = datetime.fromisoformat("2026-01-01T02:00:00.000004+02:00")

    async def use(connection: Connection) -> None:
        since = Query(sql + "meter_id = $1 AND ts >= $2", Reading, ["m-0", east])
        assert await fetch_rows(connection, since) == readings(9)[4::2]
        one = Query(sql + "event_id = $1", Reading, [UUID(int=5)])
        assert await fetch_rows(connection, one) == [readings(9)[4]]
        hostile = Query(sql + "meter_id = $1", Reading, ["' OR '1'='1"])
        assert await fetch_rows(connection, hostile) == []

    run(stored, use)


def test_pool_lends_the_connection(questdb: TestQuestDB) -> None:
    async def main() -> None:
        pool = Pool(questdb.pg_uri, max_connections=1)
        assert await fetch_rows(pool, numbers(2)) == [Number(1), Number(2)]
        async with stream_rows(pool, numbers(3)) as rows:
            assert [row.x async for row in rows] == [1, 2, 3]
        assert await fetch_rows(pool, numbers(1)) == [Number(1)]
        await pool.close()

    asyncio.run(main())


def test_stream_has_every_row_once_whatever_the_batches(questdb: TestQuestDB) -> None:
    async def use(connection: Connection) -> None:
        for count, batch_rows in ((0, 3), (1, 1), (6, 3), (7, 3), (25_000, 10_000)):
            async with stream_rows(connection, numbers(count), batch_rows=batch_rows) as rows:
                assert [row.x async for row in rows] == list(range(1, count + 1))

    run(questdb, use)


def test_iterator_has_nothing_more_once_its_block_is_left(questdb: TestQuestDB) -> None:
    async def use(connection: Connection) -> None:
        async with stream_rows(connection, numbers(10)) as rows:
            assert await anext(rows) == Number(1)
        assert [row async for row in rows] == []

    run(questdb, use)


def test_answer_of_another_shape_is_refused_and_the_connection_goes_on(
    stored: TestQuestDB,
) -> None:
    wrong = Query(
        "SELECT ts, event_id, meter_id, kvarh, kwh, quality_flag FROM meter_usage", Reading
    )
    null = Query("SELECT null::long AS x FROM long_sequence(2)", Number)

    async def use(connection: Connection) -> None:
        with pytest.raises(UnexpectedAnswer, match="column 4 is 'kvarh', not 'kwh'"):
            await fetch_rows(connection, wrong)
        with pytest.raises(UnexpectedAnswer, match=r"column 'x' is null in row 1$"):
            await fetch_rows(connection, null)
        with pytest.raises(StatementRefused, match="no_such_column"):
            await fetch_rows(connection, Query("SELECT no_such_column x FROM meter_usage", Number))
        assert await fetch_rows(connection, numbers(1)) == [Number(1)]

    run(stored, use)


def test_wrong_parameters_are_refused_and_the_connection_goes_on(questdb: TestQuestDB) -> None:
    sql = "SELECT x FROM long_sequence(5) WHERE x > $1"

    async def use(connection: Connection) -> None:
        with pytest.raises(OperatorError, match="1 parameters expected, 2 given"):
            await fetch_rows(connection, Query(sql, Number, [1, 2]))
        with pytest.raises(StatementRefused):
            await fetch_rows(connection, Query(sql, Number, ["four"]))
        assert await fetch_rows(connection, Query(sql, Number, [4])) == [Number(5)]

    run(questdb, use)


def test_answer_with_more_rows_than_allowed_is_refused(questdb: TestQuestDB) -> None:
    async def use(connection: Connection) -> None:
        with pytest.raises(OperatorError, match="more than 4 rows"):
            await fetch_rows(connection, numbers(5), rows_max=4)
        assert len(await fetch_rows(connection, numbers(5), rows_max=5)) == 5

    run(questdb, use)
