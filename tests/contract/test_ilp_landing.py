"""On a real QuestDB: rows count only in the table that was meant, whatever happens to it."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.conftest import TestQuestDB

from utility_ts_analytics.buffering.block import Block, Settlement
from utility_ts_analytics.database.schema import apply_schema
from utility_ts_analytics.database.table_compare import create_sql
from utility_ts_analytics.database.table_spec import table_specs
from utility_ts_analytics.records.streams import STREAMS, MeterUsage
from utility_ts_analytics.sinks.contract import Delivered, Outcome, RetryLater
from utility_ts_analytics.sinks.ilp import ilp_over_http, transport
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


def sending(
    database: TestQuestDB, kind: str, check: Callable[[Send], Awaitable[None]], table: str = TABLE
) -> None:
    """Run `check` with what sends one row by one sink."""

    async def main() -> None:
        if kind == "ilp":
            sink = ilp_over_http(database.http_addr, table)
        else:
            sink = PgwireSink(database.pg_uri, table, STREAMS[TABLE])  # type: ignore[assignment]
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
        assert await apply_schema(stock_questdb.pg_uri, table_specs().values()) == []
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
        assert await apply_schema(stock_questdb.pg_uri, table_specs().values()) == []
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
        assert await apply_schema(stock_questdb.pg_uri, table_specs().values()) == []
        for _ in range(3):
            if await send() == Delivered():
                return
        pytest.fail("never delivered")

    sending(stock_questdb, kind, check)
    stock_questdb.wait_applied(TABLE)
    assert stock_questdb.query(f"SELECT meter_id, kwh FROM {TABLE}") == [("m-1", 1.5)]


@pytest.mark.parametrize("kind", ["ilp", "pgwire"])
@pytest.mark.parametrize(
    "changes",
    [
        ["DROP TABLE landing", create_sql(table_specs()[TABLE].named("landing"))],
        ["ALTER TABLE landing DROP COLUMN kwh", "ALTER TABLE landing ADD COLUMN kwh DOUBLE"],
    ],
    ids=["table", "column"],
)
def test_row_sent_over_an_idle_connection_is_stored_whole_after_a_drop(
    questdb: TestQuestDB, kind: str, changes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """QuestDB tells 204 for what the connection's old writer took, and loses it."""
    monkeypatch.setattr(transport, "IDLE_S_MAX", 0.0)
    questdb.query("DROP TABLE IF EXISTS landing")
    questdb.query(create_sql(table_specs()[TABLE].named("landing")))

    async def check(send: Send) -> None:
        assert await send() == Delivered()
        for change in changes:
            await asyncio.to_thread(questdb.query, change)
        for _ in range(3):  # pgwire may notice the change by a refusal
            if await send() == Delivered():
                return
        pytest.fail("never delivered")

    sending(questdb, kind, check, "landing")
    questdb.wait_applied("landing")
    assert questdb.query("SELECT meter_id, kwh FROM landing") == [("m-1", 1.5)]
    questdb.query("DROP TABLE landing")
