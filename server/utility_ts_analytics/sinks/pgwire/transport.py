"""One INSERT at a time over one connection, opened when needed."""

import asyncio
from collections.abc import Sequence

from utility_ts_analytics.database.pool import (
    AnswerLost,
    ConnectFailed,
    Connection,
    StatementRefused,
    connect,
)
from utility_ts_analytics.sinks.contract import Delivered, Outcome
from utility_ts_analytics.sinks.pgwire.encode import InsertRow
from utility_ts_analytics.sinks.pgwire.outcomes import outcome_of


class InsertTransport:
    """Carries the rows of one table; `Delivered` means committed to its write-ahead log.

    A connection that broke is replaced at the next send; connecting is part of that attempt.

    Args:
        uri: Of QuestDB's pgwire, with the password.
        sql: INSERT with one parameter per value of a row.
    """

    def __init__(self, uri: str, sql: str) -> None:
        self._uri = uri
        self._sql = sql
        self._connection: Connection | None = None

    async def send(self, rows: Sequence[InsertRow], *, timeout_s: float) -> Outcome:
        """Insert all rows as one commit, or none; see `Sink.send`."""
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + timeout_s
        try:
            if self._connection is None or self._connection.closed:
                self._connection = None
                self._connection = await connect(self._uri, timeout_s=timeout_s)
            left_s = max(deadline_s - loop.time(), 0.0)
            await self._connection.executemany(self._sql, rows, timeout_s=left_s)
        except (ConnectFailed, AnswerLost, StatementRefused) as error:
            return outcome_of(error)
        return Delivered()

    async def close(self) -> None:
        """Close the connection. Idempotent."""
        connection, self._connection = self._connection, None
        if connection is not None and not connection.closed:
            await connection.close()
