"""On a real QuestDB that makes tables by itself: rows count only in the table that was meant."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.conftest import TestQuestDB

from utility_ts_analytics.buffering.block import Block, Settlement
from utility_ts_analytics.database.schema import apply_schema
from utility_ts_analytics.records.streams import STREAMS, MeterUsage
from utility_ts_analytics.sinks.contract import Delivered, Outcome, RetryLater
from utility_ts_analytics.sinks.ilp import ilp_over_http
from utility_ts_analytics.sinks.pgwire import PgwireSink

pytestmark = pytest.mark.questdb

TABLE = "meter_usage"
ROW = MeterUsage(
    ts=datetime(2026, 1, 1, tzinfo=UTC),
    meter_id="m-1",
    kwh=1.5,
    event_id="11111111-2222-8333-8444-555555555555",
)

Send = Callable[[], Awaitable[Outcome]]


def sending(database: TestQuestDB, kind: str, check: Callable[[Send], Awaitable[None]]) -> None:
    """Run `check` with what sends one row by one sink."""

    async def main() -> None:
        if kind == "ilp":
            sink = ilp_over_http(database.http_addr, TABLE)
        else:
            sink = PgwireSink(database.pg_uri, TABLE, STREAMS[TABLE])  # type: ignore[assignment]
        payload = sink.new_payload()
        payload.encode(Block([ROW], range(1), 1, Settlement()))
        await check(lambda: payload.send(timeout_s=10.0))
        await sink.close()

    asyncio.run(main())


def tables_there(database: TestQuestDB) -> list[tuple[object, ...]]:
    return database.query(f"SELECT dedup FROM tables() WHERE table_name = '{TABLE}'")


def assert_missing(outcome: Outcome) -> None:
    assert isinstance(outcome, RetryLater), outcome
    assert outcome.code == "schema-missing"


@pytest.mark.parametrize("kind", ["ilp", "pgwire"])
def test_batch_sent_again_to_an_emptied_server_makes_no_table(
    stock_questdb: TestQuestDB, kind: str
) -> None:
    async def check(send: Send) -> None:
        assert await send() == Delivered()
        stock_questdb.stop()
        assert not isinstance(await send(), Delivered)
        shutil.rmtree(Path(stock_questdb.server.log_path).parents[1] / "db")
        await asyncio.to_thread(stock_questdb.start_bare)
        for _ in range(3):
            assert_missing(await send())
        assert tables_there(stock_questdb) == []
        assert await apply_schema(stock_questdb.pg_uri) == []
        assert await send() == Delivered()

    sending(stock_questdb, kind, check)
    stock_questdb.wait_applied(TABLE)
    assert stock_questdb.query(f"SELECT meter_id, kwh FROM {TABLE}") == [("m-1", 1.5)]


@pytest.mark.parametrize("kind", ["ilp", "pgwire"])
def test_rows_sent_after_a_drop_are_not_delivered_and_make_no_table(
    stock_questdb: TestQuestDB, kind: str
) -> None:
    async def check(send: Send) -> None:
        assert await send() == Delivered()
        stock_questdb.query(f"DROP TABLE {TABLE}")
        for _ in range(3):
            assert_missing(await send())
        assert tables_there(stock_questdb) == []
        assert await apply_schema(stock_questdb.pg_uri) == []
        assert await send() == Delivered()

    sending(stock_questdb, kind, check)
    stock_questdb.wait_applied(TABLE)
    assert stock_questdb.query(f"SELECT meter_id, kwh FROM {TABLE}") == [("m-1", 1.5)]


@pytest.mark.parametrize("kind", ["ilp", "pgwire"])
def test_table_dropped_and_made_again_between_two_batches_has_the_second(
    stock_questdb: TestQuestDB, kind: str
) -> None:
    async def check(send: Send) -> None:
        assert await send() == Delivered()
        stock_questdb.query(f"DROP TABLE {TABLE}")
        assert await apply_schema(stock_questdb.pg_uri) == []
        for _ in range(3):
            if await send() == Delivered():
                return
        pytest.fail("never delivered")

    sending(stock_questdb, kind, check)
    stock_questdb.wait_applied(TABLE)
    assert stock_questdb.query(f"SELECT meter_id, kwh FROM {TABLE}") == [("m-1", 1.5)]
