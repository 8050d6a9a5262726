"""The pgwire sink: rows as one INSERT over the Postgres protocol, several times slower than ILP."""

from utility_ts_analytics.buffering.block import Block
from utility_ts_analytics.records.streams import StreamSpec
from utility_ts_analytics.sinks.contract import Outcome
from utility_ts_analytics.sinks.pgwire.encode import InsertRow, columns_of, encode_rows, insert_sql
from utility_ts_analytics.sinks.pgwire.transport import InsertTransport

__all__ = ["PgwireSink", "pgwire_sink"]


class PgwireSink:
    """One pgwire connection for one table; a `Sink` whose payload is the list of rows.

    Args:
        transport: Owned by this sink from here on.
        columns: Names of the values of each row, as in the transport's statement.
    """

    name = "pgwire"

    def __init__(self, transport: InsertTransport, columns: tuple[str, ...]) -> None:
        self._transport = transport
        self._columns = columns

    def new_payload(self) -> list[InsertRow]:
        """Return an empty list."""
        return []

    def encode(self, block: Block, payload: list[InsertRow]) -> None:
        """Append one tuple of values per row."""
        encode_rows(payload, self._columns, block.rows)

    def clear(self, payload: list[InsertRow]) -> None:
        """Empty the list."""
        payload.clear()

    async def send(self, payload: list[InsertRow], *, timeout_s: float) -> Outcome:
        """Insert all rows as one commit; see `Sink.send`."""
        return await self._transport.send(payload, timeout_s=timeout_s)

    async def close(self) -> None:
        """Close the connection. Idempotent."""
        await self._transport.close()


def pgwire_sink(uri: str, table: str, spec: StreamSpec) -> PgwireSink:
    """Return a sink whose `Delivered` means committed to the table's write-ahead log.

    Does not connect: the server may be away.

    Args:
        uri: `questdb.uri`, with the password; never shown.
        table: Table name: letters, digits and underscores.
        spec: The stream whose rows will come.
    """
    columns = columns_of(spec)
    return PgwireSink(InsertTransport(uri, insert_sql(table, columns)), columns)
