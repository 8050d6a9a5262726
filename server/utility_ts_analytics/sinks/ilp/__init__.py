"""The ILP sink: rows as InfluxDB line protocol, over HTTP (acknowledged) or TCP (not)."""

from functools import partial

from utility_ts_analytics.buffering.block import Block
from utility_ts_analytics.database.http_access import PLAIN, HttpAccess
from utility_ts_analytics.sinks.contract import Outcome
from utility_ts_analytics.sinks.ilp.decode import rows_of_lines
from utility_ts_analytics.sinks.ilp.encode import escape_table, row_encoder
from utility_ts_analytics.sinks.ilp.transport import (
    HttpTransport,
    LinesPart,
    TcpTransport,
    Transport,
)

__all__ = ["IlpSink", "ilp_over_http", "ilp_over_tcp"]


class IlpSink:
    """One ILP connection for one table; a `Sink` whose payload is lines, one part per block.

    Args:
        transport: Owned by this sink from here on.
        table: Table that all rows go to. A request to one table is one transaction.
    """

    name = "ilp"

    def __init__(self, transport: Transport, table: str) -> None:
        self._transport = transport
        self._encode = row_encoder(table)
        self._escaped_table = escape_table(table)

    def new_payload(self) -> list[LinesPart]:
        """Return an empty payload."""
        return []

    def encode(self, block: Block, payload: list[LinesPart]) -> None:
        """Append one line per row; the block keeps the lines and lets its rows go.

        Lines of a block that came encoded are sent as they are.
        """
        encoded = block.lines
        if encoded is not None:
            if encoded.table != self._escaped_table:
                raise AssertionError("lines were encoded for another table")
            payload.append(encoded.data)
            return
        rows = block.rows
        lines = self._encode(rows)
        payload.append(lines)
        block.let_go(partial(rows_of_lines, lines, self._escaped_table, type(rows[0])))

    def clear(self, payload: list[LinesPart]) -> None:
        """Drop the lines."""
        payload.clear()

    async def send(self, payload: list[LinesPart], *, timeout_s: float) -> Outcome:
        """Ship the lines; see `Sink.send` and the transport for what `Delivered` means."""
        return await self._transport.send(payload, timeout_s=timeout_s)

    async def close(self) -> None:
        """Release the connection. Idempotent."""
        await self._transport.close()


def ilp_over_http(addr: str, table: str, *, access: HttpAccess = PLAIN) -> IlpSink:
    """Return a sink whose `Delivered` means committed to the table's write-ahead log.

    Does not connect: the server may be away.

    Args:
        addr: `host:port` of QuestDB's HTTP server (`questdb.ilp_http_addr`).
        table: Table name.
        access: TLS and login.
    """
    return IlpSink(HttpTransport(addr, table, access=access), table)


def ilp_over_tcp(addr: str, table: str) -> IlpSink:
    """Return a sink whose `Delivered` means handed to the kernel only. Does not connect.

    Args:
        addr: `host:port` of QuestDB's ILP/TCP server (`questdb.ilp_tcp_addr`).
        table: Table name.
    """
    return IlpSink(TcpTransport(addr), table)
