"""The two ways to carry ILP lines: HTTP, which is acknowledged, and TCP, which is not."""

import asyncio
import contextlib
import math
import ssl
from collections.abc import Sequence
from typing import Protocol

from utility_ts_analytics.database.access import PLAIN, HttpAccess, tls_cause
from utility_ts_analytics.database.resets import reset_at_end
from utility_ts_analytics.sinks.contract import Delivered, InDoubt, Outcome, RetryLater
from utility_ts_analytics.sinks.ilp.http_connection import CLOSES_EARLY, HttpConnection
from utility_ts_analytics.sinks.ilp.landing import (
    looks_at,
    makes_tables,
    table_id_of,
    trouble_after,
)
from utility_ts_analytics.sinks.ilp.outcomes import outcome_of

LinesPart = bytes | memoryview
"""Whole lines; a view where they are part of more."""

IDLE_S_MAX = 0.5
"""A connection that was opened, and last committed rows, longer ago is replaced.

QuestDB 9.3.4 keeps a writer of the table for each connection. After DROP and CREATE TABLE, or DROP
and ADD COLUMN, the next request of the connection still goes to the old writer: 204, and the rows
are in the dropped table, or have NULL in the column. A new connection gets a new writer. Connecting
takes about 2.5 ms, so at most 5 ms of each second (decision 0029).
"""


_JOINED_BYTES_MAX = 65_536
"""Up to this length a request goes to the kernel in one part: small posts are many parts, and each
takes longer than to copy it."""


class Transport(Protocol):
    """Carries one batch of lines at a time to one server. One event loop."""

    async def send(self, lines: Sequence[LinesPart], *, timeout_s: float) -> Outcome:
        """Send whole lines, in parts of any size, leaving them as they are; see `Sink.send`."""
        ...

    async def close(self) -> None:
        """Release the connection. Idempotent."""
        ...


class HttpTransport:
    """ILP over HTTP: `Delivered` means committed to the table's write-ahead log.

    On the event loop, not in a thread: the loop only hands parts to the kernel, while a thread
    would wait for the GIL after every one of them (docs/decisions/0014-native-row-loops.md).

    Args:
        addr: `host:port` of QuestDB's HTTP server. Nothing connects before the first send.
        table: That all lines are for; it is looked at around each send (`sinks.ilp.landing`).
        access: TLS and login.
    """

    def __init__(self, addr: str, table: str, *, access: HttpAccess = PLAIN) -> None:
        self._host, self._port = _host_and_port(addr)
        self._table = table
        self._access = access
        self._head = f"{access.head('POST', '/write', addr)}Content-Length: "
        self._looks = looks_at(addr, table, access)
        self._connection: HttpConnection | None = None
        self._makes_tables = True
        self._table_id: str | None = None  # as seen over this very connection
        self._fresh_s = -math.inf  # when it was opened or committed rows, by the loop's clock

    async def send(self, lines: Sequence[LinesPart], *, timeout_s: float) -> Outcome:
        """POST the lines to `/write`; see `Sink.send`."""
        now_s = asyncio.get_running_loop().time()
        deadline_s = now_s + timeout_s
        connection, table_id = self._connection, self._table_id
        if connection is None or table_id is None or not self._is_fresh(now_s):
            try:
                async with asyncio.timeout_at(deadline_s):
                    connection = await self._open_connection(now_s)
                    looked = self._table_id or await self._look(connection)
            except OSError as error:  # a TimeoutError is one too
                return RetryLater(f"cannot reach QuestDB: {_cause(error)}")
            if isinstance(looked, RetryLater):
                return looked
            table_id = looked
            if not connection.usable:
                return RetryLater(f"cannot reach QuestDB: {CLOSES_EARLY}")
        length = sum(map(len, lines))
        head = f"{self._head}{length}\r\n\r\n".encode()
        if length <= _JOINED_BYTES_MAX:
            head, lines = b"".join((head, *lines)), ()
        try:
            async with asyncio.timeout_at(deadline_s):
                outcome = outcome_of(await connection.exchange(head, lines))
                if isinstance(outcome, Delivered) and self._makes_tables:
                    outcome = await self._landed(connection, table_id)
        except OSError as error:
            reason = f"no answer from QuestDB: {_cause(error)}"
            return InDoubt(reason, may_come_late=isinstance(error, TimeoutError))
        self._table_id = None
        if isinstance(outcome, Delivered):
            self._table_id, self._fresh_s = table_id, asyncio.get_running_loop().time()
        return outcome

    async def close(self) -> None:
        """Drop the connection."""
        self._table_id = None
        if self._connection is not None:
            self._connection.abort()
            self._connection = None

    async def _look(self, connection: HttpConnection) -> str | RetryLater:
        return table_id_of(await connection.exchange(self._looks.table, ()), self._table)

    async def _landed(self, connection: HttpConnection, id_before: str) -> Outcome:
        """Return whether rows that were committed are in the table that was seen before."""
        if not connection.usable:
            return InDoubt("the connection to QuestDB ended before the table could be looked at")
        answer = await connection.exchange(self._looks.table, ())
        return trouble_after(answer, id_before, self._table) or Delivered()

    def _is_fresh(self, now_s: float) -> bool:
        """Tell whether the open connection can be used again."""
        open_ = self._connection is not None and self._connection.usable
        return open_ and now_s - self._fresh_s <= IDLE_S_MAX

    async def _open_connection(self, now_s: float) -> HttpConnection:
        """Return the open connection, or a new one if the server has closed it or it was idle."""
        if self._connection is not None and not self._is_fresh(now_s):
            self._connection.abort()
            self._connection = None
        if self._connection is None:
            self._table_id = None
            self._fresh_s = now_s
            context = self._access.context()
            self._connection = await HttpConnection.open(self._host, self._port, context)
            answer = await self._connection.exchange(self._looks.setting, ())
            self._makes_tables = makes_tables(answer)
        return self._connection


class TcpTransport:
    """ILP over TCP: `Delivered` means handed to this machine's kernel, and nothing more.

    The server never answers. It commits by a timer, and drops the connection at a line that it
    refuses: later lines are lost without an error. A broken connection is noticed at a later send.
    For rows whose loss does not matter.

    Args:
        addr: `host:port` of QuestDB's ILP/TCP server.
    """

    def __init__(self, addr: str) -> None:
        self._host, self._port = _host_and_port(addr)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, lines: Sequence[LinesPart], *, timeout_s: float) -> Outcome:
        """Write the lines to the connection, making one first if there is none."""
        deadline_s = asyncio.get_running_loop().time() + timeout_s
        try:
            async with asyncio.timeout_at(deadline_s):
                writer = await self._writer()
        except OSError as error:  # a TimeoutError is one too
            return RetryLater(f"cannot connect to QuestDB over TCP: {_cause(error)}")
        sent = False
        try:
            async with asyncio.timeout_at(deadline_s):
                writer.writelines(lines)
                await writer.drain()
            sent = True
        except OSError as error:
            return InDoubt(f"cannot write to QuestDB over TCP: {_cause(error)}")
        finally:
            if not sent:  # half a line may have been sent: nothing may follow it
                self._drop()
        return Delivered()

    async def close(self) -> None:
        """Close the connection once the kernel has taken what was sent."""
        if self._streams is not None:
            _, writer = self._streams
            self._streams = None
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _writer(self) -> asyncio.StreamWriter:
        """Return the open connection, or a new one if the server has closed it."""
        if self._streams is not None:
            reader, writer = self._streams
            if not (reader.at_eof() or reader.exception() is not None or writer.is_closing()):
                return writer
            self._drop()
        reader, writer = await asyncio.open_connection(self._host, self._port)
        # `drain` returns when no more than this is left in the process: nothing.
        writer.transport.set_write_buffer_limits(high=0)
        self._streams = (reader, writer)
        return writer

    def _drop(self) -> None:
        if self._streams is not None:
            transport = self._streams[1].transport
            if not transport.is_closing():
                reset_at_end(transport)
            transport.abort()
            self._streams = None


def _host_and_port(addr: str) -> tuple[str, int]:
    host, _, port = addr.rpartition(":")
    return host.strip("[]"), int(port)


def _cause(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "it took too long"
    return tls_cause(error) if isinstance(error, ssl.SSLError) else str(error)
