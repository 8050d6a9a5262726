"""What is found out about a mapping before it runs: types of its columns, order of its rows."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from utility_ts_analytics.files.mapping.macros import all_macros
from utility_ts_analytics.files.mapping.plan import (
    Order,
    Plan,
    cast_to,
    quoted,
    sorted_to_the_end,
    wanted_type,
)


@dataclass(frozen=True, slots=True)
class Prepared:
    """How a mapping runs over tables of certain columns.

    Attributes:
        sql: The mapping, so that DuckDB makes of it what Arrow would not, and in order.
        schema: Of the result.
        order: Of the rows. Where it is not that of the file as it is read, all of it is read first.
        wanted: Columns of the tables that are asked for; None where DuckDB does not say so.
        json_columns: Columns of the result that are JSON, which nothing takes.
        needs_all: Whether it needs macros that it does not name as words.
    """

    sql: str
    schema: pa.Schema
    order: Order
    wanted: frozenset[str] | None
    json_columns: Sequence[str]
    needs_all: bool


def prepare(
    connection: duckdb.DuckDBPyConnection, query: str, tables: Sequence[pa.Schema]
) -> Prepared:
    """Find out how a mapping runs.

    Args:
        connection: Its tables are registered.
        query: The mapping.
        tables: Columns of its tables.

    Raises:
        duckdb.Error: It does not fit the tables.
    """
    sorts, by_rec = sorted_to_the_end(query)
    # It has no rec, perhaps, or a name of its own there.
    bound = None if by_rec is None else _bound(connection, by_rec)
    sorted_by_rec = bound is not None
    if by_rec is not None and sorted_by_rec:
        query = by_rec
    relation = bound or _bound(connection, query)
    needs_all = relation is None
    if relation is None:
        # With all macros DuckDB tells the nearest, and finds what a text has named.
        connection.execute(all_macros())
        relation = connection.sql(query)
    columns = list(zip(relation.columns, map(str, relation.types), strict=True))
    names = [name for name, _ in columns]
    wanted = [wanted_type(name, kind) for name, kind in columns]
    sql, kinds = query, [kind for _, kind in columns]
    if len({name.lower() for name in names}) == len(names):
        cast = ", ".join(
            f"{cast_to(quoted(name), new, kind)} AS {quoted(name)}"
            for (name, kind), new in zip(columns, wanted, strict=True)
        )
        sql, kinds = f"SELECT {cast} FROM ({query})", wanted  # noqa: S608  names are quoted
    empty = ", ".join(
        f"{cast_to('NULL', kind)} AS {quoted(name)}"
        for name, kind in zip(names, kinds, strict=True)
    )
    schema = connection.sql(f"SELECT {empty} LIMIT 0").to_arrow_table().schema
    row = connection.execute(f"EXPLAIN (FORMAT json) {query}").fetchone()
    plan = Plan(row[1] if row is not None else "[]")
    rec = next((name for name in names if name.lower() == "rec"), None)
    order = _order(plan, rec, one_table=len(tables) == 1, sorts=sorts, by_rec=sorted_by_rec)
    if order is None:
        sql, order = f"FROM ({sql}) ORDER BY {quoted(rec or '')}", "sorted"
    return Prepared(
        sql,
        schema,
        order,
        plan.wanted([name for table in tables for name in table.names]),
        [name for name, kind in zip(names, wanted, strict=True) if kind == "JSON"],
        needs_all,
    )


def _bound(connection: duckdb.DuckDBPyConnection, query: str) -> duckdb.DuckDBPyRelation | None:
    """Return a statement as a relation, with names and types; None where it does not fit."""
    with contextlib.suppress(duckdb.Error):
        return connection.sql(query)
    return None


def _order(
    plan: Plan, rec: str | None, *, one_table: bool, sorts: bool, by_rec: bool
) -> Order | None:
    """Return the order of the rows; None where they are to be sorted by `rec`."""
    if one_table and plan.keeps_order:
        return "file"
    if sorts:
        return "sorted" if by_rec else "unknown"
    if plan.is_numbered or (plan.is_sorted and rec is not None):
        return "own"
    return "unknown" if rec is None else None
