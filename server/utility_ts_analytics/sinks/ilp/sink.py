"""One ILP connection for one table: lines are encoded here and carried by a transport."""

from functools import partial

from utility_ts_analytics.buffering.block import Block
from utility_ts_analytics.database.access import PLAIN, HttpAccess
from utility_ts_analytics.sinks.contract import Outcome
from utility_ts_analytics.sinks.ilp.encode import (
    RowEncoder,
    escape_table,
    row_encoder,
    rows_of_lines,
)
from utility_ts_analytics.sinks.ilp.transport import (
    HttpTransport,
    LinesPart,
    TcpTransport,
    Transport,
)


class IlpSink:
    """A `Sink` whose payload is lines. What `Delivered` means depends on the transport.

    Args:
        transport: Owned by this sink from here on.
        table: Table that all rows go to. A request to one table is one transaction.
    """

    name = "ilp"

    def __init__(self, transport: Transport, table: str) -> None:
        self._transport = transport
        self._encode = row_encoder(table)
        self._escaped_table = escape_table(table)

    def new_payload(self) -> "IlpPayload":
        """Return an empty payload."""
        return IlpPayload(self._transport, self._encode, self._escaped_table)

    async def close(self) -> None:
        """Release the connection. Idempotent."""
        await self._transport.close()


class IlpPayload:
    """Lines for one table. Made by `IlpSink.new_payload`.

    Attributes:
        parts: Whole lines, one part per block.
    """

    def __init__(self, transport: Transport, encode: RowEncoder, escaped_table: bytes) -> None:
        self.parts: list[LinesPart] = []
        self._transport = transport
        self._encode = encode
        self._escaped_table = escaped_table

    def encode(self, block: Block) -> None:
        """Append one line per row; the block keeps the lines and lets its rows go.

        Lines of a block that came encoded are sent as they are.
        """
        encoded = block.lines
        if encoded is not None:
            if encoded.table != self._escaped_table:
                raise AssertionError("lines were encoded for another table")
            self.parts.append(encoded.data)
            return
        rows = block.rows
        lines = self._encode(rows)
        self.parts.append(lines)
        block.let_go(partial(rows_of_lines, lines, self._escaped_table, type(rows[0])))

    async def send(self, *, timeout_s: float) -> Outcome:
        """Ship the lines; see `Payload.send` and the transport for what `Delivered` means."""
        return await self._transport.send(self.parts, timeout_s=timeout_s)


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
