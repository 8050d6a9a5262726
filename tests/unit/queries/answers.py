"""Typed answers, and rows of tables as tuples, for the tests of queries with row types."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct
from tests.unit.queries import query_rig

from utility_ts_analytics.database.pool import connect
from utility_ts_analytics.database.reads import Query, fetch_rows
from utility_ts_analytics.database.typed_query import RowT


class Database(query_rig.Database, Protocol):
    """What these tests ask of the `questdb` and `sample_questdb` fixtures."""

    @property
    def pg_uri(self) -> str: ...


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
        table, _, columns = target.rstrip(")").partition(" (")
        names = columns.split(", ")
        query_rig.store(database, **{table: [dict(zip(names, row, strict=True)) for row in rows]})
