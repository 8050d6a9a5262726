"""Columns reach a real QuestDB as the same readings posted over HTTP do."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import pyarrow as pa
import pytest
from tests.unit.delivery.lane_rig import settler_of
from tests.unit.records.column_rig import METERS, Record, batch_of, json_line, microseconds

from utility_ts_analytics.buffering.block import Block, Settlement
from utility_ts_analytics.buffering.intake import Intake, IntakeSession
from utility_ts_analytics.buffering.queue import BlockQueue
from utility_ts_analytics.clock import SystemClock
from utility_ts_analytics.delivery.batch import BatchLimits
from utility_ts_analytics.delivery.lane import Lane
from utility_ts_analytics.delivery.order import StreamOrder
from utility_ts_analytics.delivery.sending import RetryPolicy
from utility_ts_analytics.delivery.waits import Backoff
from utility_ts_analytics.files.pipeline import hand_over
from utility_ts_analytics.reading.lines import LineBlock
from utility_ts_analytics.reading.ndjson import NdjsonDecoder
from utility_ts_analytics.records.columns import check_columns
from utility_ts_analytics.records.validation import TS_END
from utility_ts_analytics.sinks.contract import Sink
from utility_ts_analytics.sinks.ilp import ilp_over_http
from utility_ts_analytics.sinks.ilp.columns import column_encoder
from utility_ts_analytics.sinks.pgwire import PgwireSink

pytestmark = pytest.mark.questdb

TABLE = "meter_usage"
WAIT_S = 20.0
NOWHERE = "127.0.0.1:9"
TEXTS = ["", " ", "a,b=c d", 'a"b\\', "a\nb\r\n", "é", "日本", "😀" * 256, "null", "x" * 256]
NUMBERS = [0.0, -0.0, 5e-324, 1.7976931348623157e308, 0.1, -1.5, 123456789.12345679]


class Database(Protocol):
    """What these tests ask of the QuestDB fixture."""

    @property
    def http_addr(self) -> str: ...
    @property
    def pg_uri(self) -> str: ...
    def query(self, sql: str) -> list[tuple[object, ...]]: ...
    def truncate(self, *tables: str) -> None: ...
    def wait_applied(self, table: str) -> None: ...


Submit = Callable[[IntakeSession, BlockQueue], Any]


def readings(count: int) -> list[Record]:
    """Return tricky readings, each with its own key; every third has an id of its own."""
    start = microseconds(datetime(2026, 1, 1, tzinfo=UTC))
    rows: list[Record] = []
    for number in range(count):
        text = TEXTS[number % len(TEXTS)].encode()
        row: dict[str, int | bytes | float] = {"ts": start + number * 1_000_003}
        if number % 3 == 0:
            row["event_id"] = (
                b"client %d" % number
                if number % 2
                else b"ABCDEF%02X" % (number % 256) + b"-0000-4000-8000-00000000000A"
            )
        row["meter_id"] = text if text.decode().strip() else b"empty"
        row["kwh"] = abs(NUMBERS[number % len(NUMBERS)])
        if number % 4:
            row |= {"premise_id": text, "kvarh": NUMBERS[-number % len(NUMBERS)]}
        if number % 5:
            row |= {"quality_flag": text, "source_system": b"HES"}
        rows.append(row)
    return rows


def columns_of(rows: Sequence[Record]) -> pa.RecordBatch:
    return check_columns(batch_of(rows, METERS), METERS, allow_negative=False, ts_end=TS_END).batch


def deliver(
    sink: Sink, submit: Submit, *, fallback: Sink | None = None, queue_rows: int = 5_000
) -> Settlement:
    """Take rows into the queue of a lane, as a worker and a load do, until each has its end."""

    async def main() -> Settlement:
        queue = BlockQueue(rows_max=queue_rows, bytes_max=64 * 1024 * 1024)
        policy = RetryPolicy(0, Backoff(0.01, 0.1), 5.0)
        lane = Lane(
            queue,
            sink,
            settler_of(sink, policy, SystemClock(), fallback=fallback),
            limits=BatchLimits(batch_size=2_500),
            delivery_timeout_s=WAIT_S,
            order=StreamOrder(None, SystemClock()).lane(),
            clock=SystemClock(),
        )
        running = asyncio.ensure_future(lane.run())
        session = Intake([queue], max_concurrent_requests=1, refusal=lambda: None).try_open()
        assert session is not None
        with session:
            await submit(session, queue)
            session.end_of_rows()
            await session.settlement.settled()
        await lane.drain(5.0)
        await running
        for used in (sink, fallback):
            if used is not None:
                await used.close()
        return session.settlement

    return asyncio.run(main())


def as_columns(rows: Sequence[Record], table: str = TABLE, first_position: int = 1) -> Submit:
    async def submit(session: IntakeSession, queue: BlockQueue) -> None:
        encode = column_encoder(table, METERS)
        lines = await asyncio.to_thread(encode, columns_of(rows))
        positions = range(first_position, first_position + len(rows))
        block = Block(lines, positions, lines.size_bytes, session.settlement)
        await hand_over(block, queue)

    return submit


def as_posted(rows: Sequence[Record]) -> Submit:
    async def submit(session: IntakeSession, _: BlockQueue) -> None:
        body = LineBlock.of(b"".join(map(json_line, rows)), 1)
        decoded = NdjsonDecoder(METERS, METERS.record_type).decode(body, ts_end=TS_END)
        assert not decoded.errors
        size_bytes = len(body.data)
        assert await session.submit(decoded.rows, decoded.positions, size_bytes, WAIT_S) is None

    return submit


def stored(database: Database, count: int) -> list[tuple[object, ...]]:
    database.wait_applied(TABLE)
    rows = database.query(f"SELECT * FROM {TABLE} ORDER BY ts")
    assert len(rows) == count
    return rows


def posted(database: Database, rows: Sequence[Record]) -> list[tuple[object, ...]]:
    """Return what the table holds after the same readings came as a body."""
    database.truncate(TABLE)
    settlement = deliver(ilp_over_http(database.http_addr, TABLE), as_posted(rows))
    assert settlement.stored_rows == len(rows)
    result = stored(database, len(rows))
    database.truncate(TABLE)
    return result


@pytest.mark.parametrize("queue_rows", [5_000, 700])
def test_columns_are_stored_as_the_same_readings_posted(questdb: Database, queue_rows: int) -> None:
    """Every column and event id; also where the block is cut for the queue and for batches."""
    rows = readings(3_000)
    expected = posted(questdb, rows)
    sink = ilp_over_http(questdb.http_addr, TABLE)
    settlement = deliver(sink, as_columns(rows), queue_rows=queue_rows)
    assert (settlement.stored_rows, settlement.failed_rows) == (3_000, 0)
    assert list(map(repr, stored(questdb, 3_000))) == list(map(repr, expected))


def test_columns_and_a_body_with_the_same_readings_are_stored_once(questdb: Database) -> None:
    rows = readings(100)
    expected = posted(questdb, rows)
    for submit in (as_columns(rows), as_posted(rows), as_columns(rows)):
        assert deliver(ilp_over_http(questdb.http_addr, TABLE), submit).stored_rows == 100
    assert stored(questdb, 100) == expected


def test_columns_go_by_the_fallback_where_ilp_is_away(questdb: Database) -> None:
    rows = readings(1_500)
    expected = posted(questdb, rows)
    fallback = PgwireSink(questdb.pg_uri, TABLE, METERS)
    sink = ilp_over_http(NOWHERE, TABLE)
    settlement = deliver(sink, as_columns(rows), fallback=fallback, queue_rows=1_000)
    assert settlement.stored_rows == 1_500
    assert list(map(repr, stored(questdb, 1_500))) == list(map(repr, expected))


def test_columns_go_by_pgwire_where_that_is_the_sink(questdb: Database) -> None:
    rows = readings(200)
    expected = posted(questdb, rows)
    deliver(PgwireSink(questdb.pg_uri, TABLE, METERS), as_columns(rows))
    assert list(map(repr, stored(questdb, 200))) == list(map(repr, expected))


def test_row_that_the_database_refuses_is_named_by_its_position(questdb: Database) -> None:
    """A table whose premise_id holds UUIDs only: what else comes there is refused line by line."""
    table = "columns_refused"
    questdb.query(f"DROP TABLE IF EXISTS {table}")
    questdb.query(
        f"CREATE TABLE {table} (ts TIMESTAMP, event_id UUID, meter_id SYMBOL, premise_id UUID,"
        " kwh DOUBLE) TIMESTAMP(ts) PARTITION BY DAY WAL DEDUP UPSERT KEYS(ts, meter_id)"
    )
    start = microseconds(datetime(2026, 1, 1, tzinfo=UTC))
    premise = b"6e8bc430-9c3a-11d9-9669-0800200c9a66"
    rows: list[Record] = [
        {
            "ts": start + number,
            "meter_id": b"m-%d" % number,
            "kwh": 1.0,
            "premise_id": b"no\nuuid" if number in (0, 1_700, 2_999) else premise,
        }
        for number in range(3_000)
    ]
    sink = ilp_over_http(questdb.http_addr, table)
    settlement = deliver(sink, as_columns(rows, table, first_position=2))
    assert settlement.stored_rows == 2_997
    assert [error.position for error in settlement.rejected] == [2, 1_702, 3_001]
    assert {error.code for error in settlement.rejected} == {"sink-rejected"}
    questdb.wait_applied(table)
    assert questdb.query(f"SELECT count() FROM {table}") == [(2_997,)]
    questdb.query(f"DROP TABLE {table}")


def test_times_are_exact_to_the_microsecond(questdb: Database) -> None:
    questdb.truncate(TABLE)
    last = datetime(2099, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    instants = [datetime(2000, 1, 1, tzinfo=UTC), last - timedelta(days=1, microseconds=1), last]
    rows: list[Record] = [
        {"ts": microseconds(instant), "meter_id": b"m", "kwh": 1.0} for instant in instants
    ]
    deliver(ilp_over_http(questdb.http_addr, TABLE), as_columns(rows))
    got = [row[0] for row in stored(questdb, 3)]
    assert got == [instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ") for instant in instants]
