"""What QuestDB really answers over ILP/HTTP to what it cannot store, and how that is classified."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

import pytest

from utility_ts_analytics.buffering.block import Block, Settlement
from utility_ts_analytics.records.streams import MeterUsage
from utility_ts_analytics.sinks.contract import Delivered, Outcome, Rejected, RetryLater
from utility_ts_analytics.sinks.ilp import ilp_over_http

pytestmark = pytest.mark.questdb

TS = datetime(2026, 1, 1, tzinfo=UTC)
EVENT_ID = "11111111-2222-8333-8444-555555555555"


class Database(Protocol):
    @property
    def http_addr(self) -> str: ...
    def query(self, sql: str) -> list[tuple[object, ...]]: ...
    def truncate(self, *tables: str) -> None: ...
    def wait_applied(self, table: str) -> None: ...


def row(event_id: str | None = EVENT_ID, text: str = "text") -> MeterUsage:
    return MeterUsage(ts=TS, meter_id="m-1", kwh=1.0, premise_id=text, event_id=event_id)


def send(database: Database, table: str, rows: Sequence[MeterUsage]) -> Outcome:
    async def main() -> Outcome:
        sink = ilp_over_http(database.http_addr, table)
        payload = sink.new_payload()
        payload.encode(Block(rows, range(len(rows)), 1, Settlement()))
        outcome = await payload.send(timeout_s=30.0)
        await sink.close()
        return outcome

    return asyncio.run(main())


def test_missing_table_is_the_schemas_fault(questdb: Database) -> None:
    outcome = send(questdb, "no_such_table", [row()])
    assert isinstance(outcome, RetryLater)
    assert outcome.code == "schema-missing"


@pytest.mark.parametrize(
    "columns", ["meter_id SYMBOL", "meter_id SYMBOL, premise_id VARCHAR, event_id UUID, kwh LONG"]
)
def test_missing_or_mistyped_column_is_the_schemas_fault(questdb: Database, columns: str) -> None:
    table = f"ilp_outcomes_{len(columns)}"
    questdb.query(
        f"CREATE TABLE IF NOT EXISTS {table} (ts TIMESTAMP, {columns}) TIMESTAMP(ts) "
        "PARTITION BY DAY WAL DEDUP UPSERT KEYS(ts, meter_id)"
    )
    outcome = send(questdb, table, [row()])
    assert isinstance(outcome, RetryLater)
    assert outcome.code == "schema-missing"


def test_refused_row_is_named_and_nothing_is_stored(questdb: Database) -> None:
    """Line breaks inside texts must not shift the number."""
    questdb.truncate("meter_usage")
    outcome = send(questdb, "meter_usage", [row(text="\n\n")] * 3000 + [row("odd"), row("odd")])
    assert isinstance(outcome, Rejected)
    assert outcome.row_index == 3000
    questdb.wait_applied("meter_usage")
    assert questdb.query("SELECT count() FROM meter_usage") == [(0,)]


def test_largest_batch_of_long_texts_fits_client_and_server(questdb: Database) -> None:
    text = "\n" * 256
    rows = [
        MeterUsage(
            ts=TS,
            meter_id=f"m-{number}-" + "😀" * 240,
            kwh=1.0,
            premise_id=text,
            quality_flag="😀" * 256,
            event_id=EVENT_ID,
        )
        for number in range(50)
    ]
    assert send(questdb, "meter_usage", rows * 500) == Delivered()
    questdb.truncate("meter_usage")
