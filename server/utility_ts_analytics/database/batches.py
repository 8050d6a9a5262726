"""The answer to one query in batches of asyncpg records, for `reads` and `frames`.

A server-side portal returns a limited number of rows at a time, so memory holds one batch. QuestDB
keeps the tables open until the portal is closed.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from utility_ts_analytics.database.pool import Connection, Pool
from utility_ts_analytics.database.typed_query import Query, RowShape, RowT
from utility_ts_analytics.errors import OperatorError, QuestDBUnavailable

if TYPE_CHECKING:
    import asyncpg

BATCH_ROWS = 10_000
"""Rows held at a time, by default: 2 to 4 MB of Python objects for a wide row."""
BATCH_TIMEOUT_S = 60.0
"""For each batch, by default: as long as QuestDB itself gives a query (`query.timeout`)."""

_CLOSE_TIMEOUT_S = 2.0

Batch = Sequence[Sequence[object]]
"""Values by column: as many columns as fields, each as long as the batch."""


@asynccontextmanager
async def open_batches(
    source: Connection | Pool,
    query: Query[RowT],
    shape: RowShape,
    *,
    batch_rows: int,
    timeout_s: float,
) -> AsyncIterator[AsyncIterator[Batch]]:
    """Ask `query` and lend an iterator over its answer, by columns, for the length of the block.

    The answer is a snapshot: rows written while it is read are not in it. The block may be left
    early: QuestDB then releases the tables, and the connection can be used again, or is closed if
    the server does not answer.

    Args:
        source: A connection, which does nothing else meanwhile, or a pool that lends one.
        query: What is asked; one at a time on a connection.
        shape: Of `query.row_type`; checked before the first batch, nulls with each batch.
        batch_rows: Rows per batch, >= 1; the last may be shorter, none is empty.
        timeout_s: For a connection from the pool, for the start, and for each batch; a batch is
            not asked for before the one before it was taken.

    Raises:
        QuestDBUnavailable: No connection, or no answer in time.
        StatementRefused: The server said no.
        UnexpectedAnswer: The answer is not of the shape.
        OperatorError: The number of parameters is not that of the statement, or the connection is
            still reading another answer.
    """
    if batch_rows < 1:
        raise ValueError(f"cannot read in batches of {batch_rows} rows: at least 1")
    if isinstance(source, Pool):
        async with (
            source.acquire(timeout_s=timeout_s) as connection,
            open_batches(
                connection, query, shape, batch_rows=batch_rows, timeout_s=timeout_s
            ) as batches,
        ):
            yield batches
        return
    transaction, cursor = await source.run(
        lambda raw: _start(raw, query, shape), timeout_s=timeout_s
    )
    reading = _batches(source, cursor, shape, batch_rows, timeout_s)
    try:
        yield reading
    finally:
        await reading.aclose()
        await _finish(source, transaction, cursor)


async def _start(
    raw: "asyncpg.Connection", query: Query[RowT], shape: RowShape
) -> tuple["asyncpg.transaction.Transaction", "asyncpg.cursor.Cursor"]:
    """Check everything that is known before the first row, and open the portal."""
    if raw.is_in_transaction():
        raise OperatorError(
            "cannot read two answers at once over one connection: take a second from the pool"
        )
    statement = await raw.prepare(query.sql)
    shape.check_columns([(column.name, column.type.name) for column in statement.get_attributes()])
    expected, given = len(statement.get_parameters()), len(query.parameters)
    if expected != given:
        raise OperatorError(f"cannot ask for rows: {expected} parameters expected, {given} given")
    # asyncpg has cursors only inside a transaction. Nothing is written in it.
    transaction = raw.transaction()
    await transaction.start()
    try:
        return transaction, await statement.cursor(*query.parameters)
    except Exception:
        # A value that does not fit its parameter was never sent: the connection stays usable.
        await transaction.rollback()
        raise


async def _batches(
    connection: Connection,
    cursor: "asyncpg.cursor.Cursor",
    shape: RowShape,
    batch_rows: int,
    timeout_s: float,
) -> AsyncGenerator[Batch, None]:
    row_count = 0
    while True:
        records = await connection.run(lambda _: cursor.fetch(batch_rows), timeout_s=timeout_s)
        if not records:
            return
        columns = list(zip(*records, strict=True))
        shape.check_nulls(columns, row_count)
        row_count += len(records)
        del records
        yield columns


async def _finish(
    connection: Connection,
    transaction: "asyncpg.transaction.Transaction",
    cursor: "asyncpg.cursor.Cursor",
) -> None:
    """Let go of the portal, or of the connection where that fails."""

    async def close(_: "asyncpg.Connection") -> None:
        # Private in asyncpg, and needed: neither COMMIT nor ROLLBACK makes QuestDB 9.3.4 close a
        # portal, which holds its table open (`test_early_end_lets_go_of_the_table`).
        await cursor._close_portal(_CLOSE_TIMEOUT_S)
        await transaction.rollback()

    if connection.closed:
        return
    try:
        await connection.run(close, timeout_s=_CLOSE_TIMEOUT_S)
    except QuestDBUnavailable:
        return  # the reader has its rows, or an error of its own
