"""What QuestDB really answers over pgwire to what it cannot store, and how that is classified."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest

from utility_ts_analytics.buffering.block import Block, Settlement
from utility_ts_analytics.records.streams import STREAMS, MeterUsage
from utility_ts_analytics.sinks.contract import Delivered, Outcome, Rejected, RetryLater
from utility_ts_analytics.sinks.pgwire import PgwireSink

pytestmark = pytest.mark.questdb

TS = datetime(2026, 1, 1, tzinfo=UTC)
EVENT_ID = "11111111-2222-8333-8444-555555555555"


class Database(Protocol):
    @property
    def pg_uri(self) -> str: ...
    def query(self, sql: str) -> list[tuple[object, ...]]: ...
    def truncate(self, *tables: str) -> None: ...
    def wait_applied(self, table: str) -> None: ...


def row(ts: datetime = TS) -> MeterUsage:
    return MeterUsage(ts=ts, meter_id="m-1", kwh=1.5, premise_id="text", event_id=EVENT_ID)


def send(
    database: Database, table: str, *batches: Sequence[MeterUsage], uri: str = ""
) -> list[Outcome]:
    async def main() -> list[Outcome]:
        sink = PgwireSink(uri or database.pg_uri, table, STREAMS["meter_usage"])
        outcomes = []
        for rows in batches:
            payload = sink.new_payload()
            payload.encode(Block(rows, range(len(rows)), 1, Settlement()))
            outcomes.append(await payload.send(timeout_s=30.0))
        await sink.close()
        return outcomes

    return asyncio.run(main())


def test_missing_table_is_the_schemas_fault(questdb: Database) -> None:
    (outcome,) = send(questdb, "no_such_table", [row()])
    assert isinstance(outcome, RetryLater)
    assert outcome.code == "schema-missing"


@pytest.mark.parametrize("kwh", ["", ", kwh UUID"])
def test_missing_or_mistyped_column_is_the_schemas_fault(questdb: Database, kwh: str) -> None:
    table = f"pgwire_outcomes_{len(kwh)}"
    questdb.query(
        f"CREATE TABLE IF NOT EXISTS {table} (ts TIMESTAMP, event_id UUID, meter_id SYMBOL, "
        "quality_flag SYMBOL, source_system SYMBOL, premise_id VARCHAR, kvarh DOUBLE, "
        f"kva_demand DOUBLE{kwh}) TIMESTAMP(ts) PARTITION BY DAY WAL"
    )
    (outcome,) = send(questdb, table, [row()])
    assert isinstance(outcome, RetryLater)
    assert outcome.code == "schema-missing"


def test_refused_row_rolls_all_back_and_the_connection_goes_on(questdb: Database) -> None:
    questdb.truncate("meter_usage")
    early = datetime(1960, 1, 1, tzinfo=UTC)
    outcomes = send(questdb, "meter_usage", [row(), row(early)], [row()])
    assert outcomes == [
        Rejected(None, "designated timestamp before 1970-01-01 is not allowed"),
        Delivered(),
    ]
    questdb.wait_applied("meter_usage")
    assert questdb.query("SELECT count() FROM meter_usage") == [(1,)]


@pytest.mark.parametrize("rows", [7, 11, 20])
@pytest.mark.parametrize("place", [0, -1])
def test_refused_row_rolls_back_every_statement_of_a_batch(
    questdb: Database, rows: int, place: int
) -> None:
    """Of 7, 1 and 10 rows each."""
    questdb.truncate("meter_usage")
    good = [row(TS + timedelta(minutes=minute)) for minute in range(rows)]
    bad = [*good]
    bad[place] = row(datetime(1960, 1, 1, tzinfo=UTC))
    outcomes = send(questdb, "meter_usage", bad, good, good)
    assert [type(outcome) for outcome in outcomes] == [Rejected, Delivered, Delivered]
    questdb.wait_applied("meter_usage")
    counted = "SELECT count(), count_distinct(ts), min(kwh), count(premise_id) FROM meter_usage"
    assert questdb.query(counted) == [(rows, rows, 1.5, rows)]


def test_refused_login_names_the_setting_and_hides_the_password(questdb: Database) -> None:
    uri = questdb.pg_uri.replace("admin:quest", "admin:hidden")
    (outcome,) = send(questdb, "meter_usage", [row()], uri=uri)
    assert isinstance(outcome, RetryLater)
    assert "questdb.uri" in outcome.reason
    assert "hidden" not in outcome.reason
