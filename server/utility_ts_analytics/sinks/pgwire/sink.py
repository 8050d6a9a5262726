"""One pgwire connection for one table, opened when needed: one batch at a time."""

import asyncio

from utility_ts_analytics.buffering.block import Block
from utility_ts_analytics.database.pool import (
    AnswerLost,
    ConnectFailed,
    Connection,
    StatementRefused,
    connect,
)
from utility_ts_analytics.records.streams import StreamSpec
from utility_ts_analytics.sinks.contract import Delivered, Outcome
from utility_ts_analytics.sinks.pgwire.encode import (
    STATEMENT_ROWS_MAX,
    columns_of,
    encode_rows,
    insert_sql,
    rows_per_statement,
    statements,
)
from utility_ts_analytics.sinks.pgwire.outcomes import outcome_of


class PgwireSink:
    """A `Sink` whose `Delivered` means committed to the table's write-ahead log.

    Does not connect before the first send: the server may be away. A connection that broke is
    replaced at the next send; connecting is part of that attempt.

    Args:
        uri: `questdb.uri`, with the password; never shown.
        table: Table name: letters, digits and underscores.
        spec: The stream whose rows will come.
    """

    name = "pgwire"

    def __init__(self, uri: str, table: str, spec: StreamSpec) -> None:
        self._uri = uri
        self._columns = columns_of(spec)
        self._sql = {
            rows: insert_sql(table, self._columns, rows)
            for rows in range(1, STATEMENT_ROWS_MAX + 1)
        }
        self._connection: Connection | None = None

    def new_payload(self) -> "InsertPayload":
        """Return an empty payload."""
        return InsertPayload(self, self._columns)

    async def insert(self, values: list[object], *, timeout_s: float) -> Outcome:
        """Insert all rows as one commit, or none; see `Payload.send`.

        Args:
            values: As `encode_rows` appends them.
            timeout_s: For connecting too.
        """
        width = len(self._columns)
        rows = rows_per_statement(len(values) // width)
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + timeout_s
        try:
            if self._connection is None or self._connection.closed:
                self._connection = None
                self._connection = await connect(self._uri, timeout_s=timeout_s)
            left_s = max(deadline_s - loop.time(), 0.0)
            await self._connection.executemany(
                self._sql[rows], statements(values, rows * width), timeout_s=left_s
            )
        except (ConnectFailed, AnswerLost, StatementRefused) as error:
            return outcome_of(error, self._columns)
        return Delivered()

    async def close(self) -> None:
        """Close the connection. Idempotent."""
        connection, self._connection = self._connection, None
        if connection is not None and not connection.closed:
            await connection.close()


class InsertPayload:
    """Rows as parameters of the INSERTs of one sink. Made by `PgwireSink.new_payload`."""

    def __init__(self, sink: PgwireSink, columns: tuple[str, ...]) -> None:
        self._sink = sink
        self._columns = columns
        self._values: list[object] = []

    def encode(self, block: Block) -> None:
        """Append the values of each row."""
        encode_rows(self._values, self._columns, block.rows)

    async def send(self, *, timeout_s: float) -> Outcome:
        """Insert all rows as one commit; see `Payload.send`."""
        return await self._sink.insert(self._values, timeout_s=timeout_s)
