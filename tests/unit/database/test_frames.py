"""Answers as Arrow and Polars columns."""

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import polars as pl
import pyarrow as pa
import pytest
from tests.conftest import TestQuestDB

from utility_ts_analytics.database import frames
from utility_ts_analytics.database.frames import (
    arrow_schema,
    fetch_arrow,
    fetch_polars,
    stream_arrow,
)
from utility_ts_analytics.database.pool import Connection, connect
from utility_ts_analytics.database.typed_query import Query, UnexpectedAnswer
from utility_ts_analytics.errors import OperatorError

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Everything(msgspec.Struct, frozen=True):
    ts: datetime
    event_id: UUID | None
    name: str | None
    share: float | None
    count: int
    good: bool


SCHEMA = pa.schema(
    [
        pa.field("ts", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("event_id", pa.string()),
        pa.field("name", pa.string()),
        pa.field("share", pa.float64()),
        pa.field("count", pa.int64(), nullable=False),
        pa.field("good", pa.bool_(), nullable=False),
    ]
)
TWO_ROWS = Query(
    "SELECT '2026-03-01T12:00:00.000001Z'::timestamp AS ts,"
    " CASE WHEN x = 1 THEN '00000000-0000-0000-0000-000000000001'::uuid END AS event_id,"
    " CASE WHEN x = 1 THEN 'a'::symbol END AS name, CASE WHEN x = 1 THEN 0.5 END AS share,"
    " x AS count, x = 1 AS good FROM long_sequence(2)",
    Everything,
)
NO_ROWS = Query(TWO_ROWS.sql + " WHERE x > 2", Everything)
ANSWER = [
    {
        "ts": NOON.replace(microsecond=1),
        "event_id": "00000000-0000-0000-0000-000000000001",
        "name": "a",
        "share": 0.5,
        "count": 1,
        "good": True,
    },
    {
        "ts": NOON.replace(microsecond=1),
        "event_id": None,
        "name": None,
        "share": None,
        "count": 2,
        "good": False,
    },
]


def run(questdb: TestQuestDB, use: Callable[[Connection], Awaitable[None]]) -> None:
    async def main() -> None:
        connection = await connect(questdb.pg_uri)
        try:
            await use(connection)
        finally:
            await connection.close()

    asyncio.run(main())


def test_schema_is_that_of_the_struct() -> None:
    assert arrow_schema(Everything) == SCHEMA


@pytest.mark.questdb
def test_table_has_schema_values_and_nulls(questdb: TestQuestDB) -> None:
    async def use(connection: Connection) -> None:
        table = await fetch_arrow(connection, TWO_ROWS)
        assert table.schema == SCHEMA
        assert table.to_pylist() == ANSWER

    run(questdb, use)


@pytest.mark.questdb
def test_answer_without_rows_has_the_schema(questdb: TestQuestDB) -> None:
    async def use(connection: Connection) -> None:
        assert (await fetch_arrow(connection, NO_ROWS)).schema == SCHEMA
        frame = await fetch_polars(connection, NO_ROWS)
        assert frame.height == 0
        assert frame.schema["ts"] == pl.Datetime("us", "UTC")

    run(questdb, use)


@pytest.mark.questdb
def test_frame_has_types_values_and_nulls(questdb: TestQuestDB) -> None:
    async def use(connection: Connection) -> None:
        frame = await fetch_polars(connection, TWO_ROWS)
        assert frame.schema == pl.Schema(
            {
                "ts": pl.Datetime("us", "UTC"),
                "event_id": pl.String(),
                "name": pl.String(),
                "share": pl.Float64(),
                "count": pl.Int64(),
                "good": pl.Boolean(),
            }
        )
        assert frame.to_dicts() == ANSWER

    run(questdb, use)


@pytest.mark.questdb
def test_batches_have_the_length_asked_for(questdb: TestQuestDB) -> None:
    query = Query(TWO_ROWS.sql.replace("long_sequence(2)", "long_sequence(7)"), Everything)

    async def use(connection: Connection) -> None:
        async with stream_arrow(connection, query, batch_rows=3) as stream:
            batches = [batch async for batch in stream]
        assert [batch.num_rows for batch in batches] == [3, 3, 1]
        assert all(batch.schema == SCHEMA for batch in batches)
        assert pa.Table.from_batches(batches)["count"].to_pylist() == list(range(1, 8))

    run(questdb, use)


@pytest.mark.questdb
def test_null_or_too_many_rows_end_in_an_error(questdb: TestQuestDB) -> None:
    null = Query(TWO_ROWS.sql.replace("x AS count", "null::long AS count"), Everything)

    async def use(connection: Connection) -> None:
        with pytest.raises(UnexpectedAnswer, match=r"column 'count' is null in row 1$"):
            await fetch_arrow(connection, null)
        with pytest.raises(OperatorError, match="more than 1 rows"):
            await fetch_polars(connection, TWO_ROWS, rows_max=1)

    run(questdb, use)


def test_missing_package_is_an_error_that_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(OperatorError, match=r"pyarrow .*'utility-ts-analytics\[analysis\]'"):
        arrow_schema(Everything)


def test_reads_need_neither_package_until_asked_for_columns() -> None:
    code = (
        "import sys, utility_ts_analytics.database.reads;"
        "print({'polars', 'pyarrow'} & {*sys.modules})"
    )
    root = frames.__file__.partition("/utility_ts_analytics/")[0]

    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )

    assert done.stdout == "set()\n"
