"""Answers as Arrow and Polars columns, with the schema taken from the row type.

pyarrow and polars are imported when first needed: the server runs without them.
"""

import importlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from utility_ts_analytics.database.batches import (
    BATCH_ROWS,
    BATCH_TIMEOUT_S,
    Batch,
    open_batches,
)
from utility_ts_analytics.database.pool import Connection, Pool
from utility_ts_analytics.database.typed_query import (
    COLUMN_ROWS_MAX,
    Query,
    RowShape,
    RowT,
    check_row_count,
    shape_of,
)
from utility_ts_analytics.errors import OperatorError

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

_EXTRA = "analysis"


async def fetch_arrow(
    source: Connection | Pool,
    query: Query[RowT],
    *,
    rows_max: int = COLUMN_ROWS_MAX,
    timeout_s: float = BATCH_TIMEOUT_S,
) -> "pa.Table":
    """Return all rows of the answer as one Arrow table, in the server's order; may have no rows.

    Args:
        source: A connection, or a pool that lends one.
        query: What is asked.
        rows_max: An answer with more rows is refused.
        timeout_s: For the start of the answer, and for each 10,000 rows.

    Raises:
        QuestDBUnavailable: No connection, or no answer in time.
        StatementRefused: The server said no.
        UnexpectedAnswer: A column or a null does not fit the row type.
        OperatorError: More than `rows_max` rows, another number of parameters than the statement
            has, or pyarrow is not installed.
    """
    arrow = _module("pyarrow")
    batches, row_count = [], 0
    async with stream_arrow(source, query, timeout_s=timeout_s) as stream:
        async for batch in stream:
            row_count += batch.num_rows
            check_row_count(row_count, rows_max)
            batches.append(batch)
    return arrow.Table.from_batches(batches, arrow_schema(query.row_type))


@asynccontextmanager
async def stream_arrow(
    source: Connection | Pool,
    query: Query[RowT],
    *,
    batch_rows: int = BATCH_ROWS,
    timeout_s: float = BATCH_TIMEOUT_S,
) -> AsyncIterator[AsyncIterator["pa.RecordBatch"]]:
    """Lend an iterator over the answer as Arrow record batches, in the server's order.

    Otherwise as `reads.stream_rows`. An answer without rows has no batches; `arrow_schema` says
    what their schema would be.

    Args:
        source: A connection, which does nothing else meanwhile, or a pool that lends one.
        query: What is asked.
        batch_rows: Rows per batch, >= 1; the last may be shorter.
        timeout_s: For the start of the answer, and for each batch.

    Raises:
        OperatorError: As `fetch_arrow`, without `rows_max`.
    """
    schema = arrow_schema(query.row_type)
    shape = shape_of(query.row_type)
    make = _maker(shape, schema)
    async with open_batches(
        source, query, shape, batch_rows=batch_rows, timeout_s=timeout_s
    ) as batches:

        async def record_batches() -> "AsyncGenerator[pa.RecordBatch, None]":
            async for batch in batches:
                yield make(batch)

        async with aclosing(record_batches()) as lent:
            yield lent


async def fetch_polars(
    source: Connection | Pool,
    query: Query[RowT],
    *,
    rows_max: int = COLUMN_ROWS_MAX,
    timeout_s: float = BATCH_TIMEOUT_S,
) -> "pl.DataFrame":
    """Return all rows of the answer as a Polars frame; arguments and errors as `fetch_arrow`."""
    polars = _module("polars")
    table = await fetch_arrow(source, query, rows_max=rows_max, timeout_s=timeout_s)
    return polars.from_arrow(table)  # type: ignore[no-any-return]  # a table gives a frame


def arrow_schema(row_type: type[RowT]) -> "pa.Schema":
    """Return the Arrow schema of a row type.

    Times are `timestamp[us, UTC]`, texts and UUIDs `string` (as `records.columns` has them: what
    was read can be loaded again), numbers `double` or `int64`, and `bool`. Fields without
    `| None` are not nullable.

    Raises:
        OperatorError: pyarrow is not installed.
        TypeError: No column fits a field.
    """
    arrow = _module("pyarrow")
    arrow_types = {
        datetime: arrow.timestamp("us", tz="UTC"),
        str: arrow.string(),
        float: arrow.float64(),
        int: arrow.int64(),
        bool: arrow.bool_(),
        UUID: arrow.string(),
    }
    return arrow.schema(
        arrow.field(field.name, arrow_types[field.type], nullable=field.nullable)
        for field in shape_of(row_type).fields
    )


def _maker(shape: RowShape, schema: "pa.Schema") -> Callable[[Batch], "pa.RecordBatch"]:
    """Return what makes a record batch of columns."""
    arrow = _module("pyarrow")
    ids = [index for index, field in enumerate(shape.fields) if field.type is UUID]

    def make(batch: Batch) -> "pa.RecordBatch":
        columns = list(batch)
        for index in ids:
            columns[index] = [None if value is None else str(value) for value in columns[index]]
        # Naive times are UTC for QuestDB, and for pyarrow where the type has that zone.
        arrays = [arrow.array(c, type=f.type) for c, f in zip(columns, schema, strict=True)]
        return arrow.RecordBatch.from_arrays(arrays, schema=schema)

    return make


def _module(name: str) -> Any:  # noqa: ANN401 - a module; its types are in the signatures above
    """Return a module of the extra.

    Raises:
        OperatorError: It is not installed; says how to install it.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise OperatorError(
            f"cannot make columns: {name} is not installed;"
            f" run pip install 'utility-ts-analytics[{_EXTRA}]'"
        ) from error
