"""The ILP sink: rows as InfluxDB line protocol, over HTTP (acknowledged) or TCP (not)."""

from typing import TYPE_CHECKING

from utility_ts_analytics.buffering.block import Block
from utility_ts_analytics.sinks.contract import Outcome
from utility_ts_analytics.sinks.ilp.encode import encode_rows
from utility_ts_analytics.sinks.ilp.transport import HttpTransport, TcpTransport, Transport

if TYPE_CHECKING:
    from questdb._client import Buffer

__all__ = ["IlpSink", "ilp_over_http", "ilp_over_tcp"]


class IlpSink:
    """One ILP connection for one table; a `Sink` whose payload is the client's buffer.

    Args:
        transport: Owned by this sink from here on.
        table: Table that all rows go to. A request to one table is one transaction.
    """

    name = "ilp"

    def __init__(self, transport: Transport, table: str) -> None:
        self._transport = transport
        self._table = table

    def new_payload(self) -> "Buffer":
        """Return an empty buffer."""
        return self._transport.new_buffer()

    def encode(self, block: Block, payload: "Buffer") -> None:
        """Append one line per row."""
        encode_rows(payload, self._table, block.rows)

    def clear(self, payload: "Buffer") -> None:
        """Empty the buffer, keeping its memory."""
        payload.clear()  # type: ignore[no-untyped-call]  # the client's stub lacks the annotation

    async def send(self, payload: "Buffer", *, timeout_s: float) -> Outcome:
        """Ship the buffer; see `Sink.send` and the transport for what `Delivered` means."""
        return await self._transport.send(payload, timeout_s=timeout_s)

    async def close(self) -> None:
        """Release the connection and its thread. Idempotent."""
        await self._transport.close()


def ilp_over_http(
    addr: str, table: str, *, timeout_s: float, credentials: tuple[str, str] | None = None
) -> IlpSink:
    """Return a sink whose `Delivered` means committed to the table's write-ahead log.

    Does not connect: the server may be away.

    Args:
        addr: `host:port` of QuestDB's HTTP server (`questdb.ilp_http_addr`).
        table: Table name.
        timeout_s: Longest request, seconds, > 0.
        credentials: User and password for basic authentication, or None.
    """
    transport = HttpTransport(addr, timeout_s=timeout_s, credentials=credentials)
    return IlpSink(transport, table)


def ilp_over_tcp(addr: str, table: str) -> IlpSink:
    """Return a sink whose `Delivered` means handed to the kernel only. Does not connect.

    Args:
        addr: `host:port` of QuestDB's ILP/TCP server (`questdb.ilp_tcp_addr`).
        table: Table name.
    """
    return IlpSink(TcpTransport(addr), table)
