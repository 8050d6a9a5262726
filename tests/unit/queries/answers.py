"""Typed answers and small tables for the tests of queries."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from utility_ts_analytics.database.pool import connect
from utility_ts_analytics.database.reads import Query, fetch_rows
from utility_ts_analytics.database.typed_query import RowT
from utility_ts_analytics.queries.literals import quote_text, quote_timestamp

ROWS_PER_INSERT = 300  # a statement is a URL: 64 KiB at most


class Database(Protocol):
    """What these tests ask of the `questdb` and `sample_questdb` fixtures."""

    @property
    def pg_uri(self) -> str: ...

    def query(self, sql: str) -> Sequence[Sequence[object]]: ...

    def truncate(self, *tables: str) -> None: ...

    def wait_applied(self, table: str) -> None: ...


def answer(database: Database, query: Query[RowT]) -> list[RowT]:
    """The rows of the answer, checked against the row type."""

    async def ask() -> list[RowT]:
        connection = await connect(database.pg_uri)
        try:
            return await fetch_rows(connection, query)
        finally:
            await connection.close()

    return asyncio.run(ask())


def rows_of(database: Database, sql: str, row_type: type[RowT]) -> list[RowT]:
    """The rows of a statement, which must have the columns of the row type."""
    return answer(database, Query(sql, row_type))


def values(row: Struct) -> tuple[object, ...]:
    return tuple(getattr(row, name) for name in row.__struct_fields__)


def store(database: Database, tables: Mapping[str, Sequence[Sequence[object]]]) -> None:
    """Make each table, such as `plants (valid_from, plant_id)`, hold these rows and no others."""
    for target, rows in tables.items():
        table = target.partition(" ")[0]
        database.truncate(table)
        for first in range(0, len(rows), ROWS_PER_INSERT):
            part = rows[first : first + ROWS_PER_INSERT]
            text = ", ".join(f"({', '.join(map(_literal, row))})" for row in part)
            database.query(f"INSERT INTO {target} VALUES {text}")
        database.wait_applied(table)


def _literal(value: object) -> str:
    if isinstance(value, datetime):
        return quote_timestamp(value)
    return "null" if value is None else quote_text(value) if isinstance(value, str) else repr(value)
