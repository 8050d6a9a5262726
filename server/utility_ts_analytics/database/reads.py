"""Typed reads: a `Query` in, structs or columns out, checked against the struct.

All answers come over pgwire in batches (`batches`), also those that are returned at once. Arrow and
Polars are in `frames`, and need the extra `analysis`.

Times come back aware, in UTC. NULL comes back as None, and only where the field allows it.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime

from utility_ts_analytics.database.batches import (
    BATCH_ROWS,
    BATCH_TIMEOUT_S,
    Batch,
    open_batches,
)
from utility_ts_analytics.database.frames import fetch_arrow, fetch_polars, stream_arrow
from utility_ts_analytics.database.pool import Connection, Pool
from utility_ts_analytics.database.typed_query import (
    ROWS_MAX,
    Query,
    RowShape,
    RowT,
    UnexpectedAnswer,
    check_row_count,
    shape_of,
)

__all__ = [
    "Query",
    "UnexpectedAnswer",
    "fetch_arrow",
    "fetch_polars",
    "fetch_rows",
    "stream_arrow",
    "stream_rows",
]


async def fetch_rows(
    source: Connection | Pool,
    query: Query[RowT],
    *,
    rows_max: int = ROWS_MAX,
    timeout_s: float = BATCH_TIMEOUT_S,
) -> list[RowT]:
    """Return all rows of the answer, in the server's order; may be empty.

    Args:
        source: A connection, or a pool that lends one.
        query: What is asked.
        rows_max: An answer with more rows is refused, so that a forgotten condition does not take
            all memory; a row takes about 0.5 KiB.
        timeout_s: For the start of the answer, and for each 10,000 rows.

    Raises:
        QuestDBUnavailable: No connection, or no answer in time.
        StatementRefused: The server said no.
        UnexpectedAnswer: A column or a null does not fit the row type.
        OperatorError: More than `rows_max` rows, or another number of parameters than the
            statement has.
    """
    rows: list[RowT] = []
    shape = shape_of(query.row_type)
    make = _maker(query.row_type, shape)
    async with open_batches(
        source, query, shape, batch_rows=BATCH_ROWS, timeout_s=timeout_s
    ) as batches:
        async for batch in batches:
            check_row_count(len(rows) + len(batch[0]), rows_max)
            rows += make(batch)
    return rows


@asynccontextmanager
async def stream_rows(
    source: Connection | Pool,
    query: Query[RowT],
    *,
    batch_rows: int = BATCH_ROWS,
    timeout_s: float = BATCH_TIMEOUT_S,
) -> AsyncIterator[AsyncIterator[RowT]]:
    """Lend an iterator over the rows of the answer, in the server's order, of any length.

        async with stream_rows(pool, query) as rows:
            async for row in rows:
                ...

    At most one batch is held here. Leaving the block, early or not, closes everything.

    Args:
        source: A connection, which does nothing else meanwhile, or a pool that lends one.
        query: What is asked.
        batch_rows: Rows asked for at a time, >= 1.
        timeout_s: For the start of the answer, and for each batch; the time that the block itself
            takes does not count.

    Raises:
        QuestDBUnavailable: No connection, or no answer in time.
        StatementRefused: The server said no.
        UnexpectedAnswer: A column or a null does not fit the row type.
        OperatorError: Another number of parameters than the statement has, or the connection is
            still reading another answer.
    """
    shape = shape_of(query.row_type)
    make = _maker(query.row_type, shape)
    async with open_batches(
        source, query, shape, batch_rows=batch_rows, timeout_s=timeout_s
    ) as batches:

        async def rows() -> AsyncGenerator[RowT, None]:
            async for batch in batches:
                for row in make(batch):
                    yield row

        async with aclosing(rows()) as lent:
            yield lent


def _maker(row_type: type[RowT], shape: RowShape) -> Callable[[Batch], list[RowT]]:
    """Return what makes structs of columns."""
    times = [index for index, field in enumerate(shape.fields) if field.type is datetime]

    def make(batch: Batch) -> list[RowT]:
        columns = list(batch)
        for index in times:
            columns[index] = [_aware(time) for time in columns[index]]
        return [row_type(*values) for values in zip(*columns, strict=True)]

    return make


def _aware(time: object) -> datetime | None:
    return time.replace(tzinfo=UTC) if isinstance(time, datetime) else None
