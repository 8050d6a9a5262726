"""The one door to asyncpg: connections to QuestDB's pgwire with time-outs and named failures.

What QuestDB's pgwire asks of its callers, and what is therefore left out here: no transactions (a
statement commits by itself, an `executemany` is one commit), no COPY (it breaks the connection),
and timestamps without a zone: bind naive UTC datetimes. Every server error has SQLSTATE 00000, so
only its text says what happened.
"""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

import asyncpg

from utility_ts_analytics.database.access import client_context, tls_cause
from utility_ts_analytics.database.resets import reset_at_end
from utility_ts_analytics.errors import OperatorError, QuestDBUnavailable

ResultT = TypeVar("ResultT")

Row = tuple[object, ...]

DEFAULT_PORT = 8812
_NO_HOME = "/nonexistent"


class ConnectFailed(QuestDBUnavailable):
    """There is no connection; nothing of the statement has left this machine."""


class AnswerLost(QuestDBUnavailable):
    """The statement was sent and no answer came: it may have been carried out or not."""


class AnswerLate(AnswerLost):
    """No answer came in time: the statement may still be carried out."""


class StatementRefused(OperatorError):
    """QuestDB answered with an error, or a value does not fit its column; nothing was written.

    Attributes:
        text: The server's own words, one line.
    """

    def __init__(self, address: str, text: str) -> None:
        super().__init__(f"QuestDB at {address} refused a statement: {text}")
        self.text = text


class _Resetting(asyncpg.Connection):  # type: ignore[misc]  # asyncpg has no types
    """asyncpg's connection; its end, whatever it is, drops what was not sent."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)
        reset_at_end(self._transport)


class Connection:
    """One connection to one QuestDB. One statement at a time; not for concurrent use.

    After `ConnectFailed`, `AnswerLost` or a cancellation it is closed and stays so; after
    `StatementRefused` it can still be used.
    """

    def __init__(self, connection: "asyncpg.Connection", address: str) -> None:
        self._connection = connection
        self._address = address

    @property
    def closed(self) -> bool:
        """Whether no statement can be sent any more."""
        return bool(self._connection.is_closed())

    async def fetch(self, sql: str, *parameters: object, timeout_s: float) -> list[Row]:
        """Return all rows of a query in the server's order; may be empty.

        Args:
            sql: One statement; `$1`... for `parameters`. A UUID in a WHERE must be passed as text.
            parameters: In order.
            timeout_s: For the whole call; afterwards the connection is closed.

        Raises:
            QuestDBUnavailable: `ConnectFailed` or `AnswerLost`.
            StatementRefused: The server said no.
        """
        records = await self.run(lambda raw: raw.fetch(sql, *parameters), timeout_s=timeout_s)
        return [tuple(record) for record in records]

    async def execute(self, sql: str, *, timeout_s: float) -> None:
        """Run one statement without parameters; errors as `fetch`.

        The statement must not be empty: asyncpg fails on QuestDB's answer to that.
        """
        await self.run(lambda raw: raw.execute(sql), timeout_s=timeout_s)

    async def executemany(
        self, sql: str, rows: Iterable[Sequence[object]], *, timeout_s: float
    ) -> None:
        """Run one INSERT for all `rows` as one commit: all of them or none; errors as `fetch`.

        After `AnswerLost` the rows may be there; sending them again is safe where the table
        deduplicates. Rows are encoded on the event loop's thread as they are sent.
        """
        await self.run(lambda raw: raw.executemany(sql, rows), timeout_s=timeout_s)

    async def close(self, *, timeout_s: float = 2.0) -> None:
        """Say goodbye, or cut the connection where that takes longer than `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._connection.close()
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            self._connection.terminate()

    async def run(
        self, operation: Callable[["asyncpg.Connection"], Awaitable[ResultT]], *, timeout_s: float
    ) -> ResultT:
        """Return what `operation` on asyncpg's connection returns; errors as `fetch`.

        For `database` only: what asyncpg can do and no method here does, under the same deadline
        and with the same named failures.
        """
        if self.closed:
            raise ConnectFailed(f"cannot use QuestDB at {self._address}: the connection is closed")
        try:
            async with asyncio.timeout(timeout_s):
                return await operation(self._connection)
        except TimeoutError:
            self._connection.terminate()
            raise AnswerLate(
                f"QuestDB at {self._address} gave no answer within {timeout_s:g} s"
            ) from None
        except asyncio.CancelledError:
            # The server may still answer; that answer could be taken for the next one.
            self._connection.terminate()
            raise
        except (OSError, asyncpg.PostgresConnectionError) as error:
            self._connection.terminate()
            raise AnswerLost(
                f"the connection to QuestDB at {self._address} broke: {_cause(error)}"
            ) from error
        except (asyncpg.PostgresError, asyncpg.DataError) as error:
            raise StatementRefused(self._address, _cause(error)) from error


async def connect(uri: str, *, timeout_s: float = 5.0) -> Connection:
    """Return a new connection to the QuestDB at `uri`, logged in.

    Args:
        uri: `postgresql://user:password@host:port/database`; QuestDB ignores the database. With
            `sslmode=verify-full` over TLS: `sslrootcert` names the authorities,
            `sslnegotiation=direct` leaves out PostgreSQL's own request for TLS.
        timeout_s: For everything: name, connect, log-in.

    Raises:
        ConnectFailed: Not there, not QuestDB, or the log-in was refused. Never shows the password.
    """
    address = address_of(uri)
    _leave_closed_home()
    try:
        async with asyncio.timeout(timeout_s):
            connection = await asyncpg.connect(
                uri, timeout=timeout_s, ssl=_tls(uri), connection_class=_Resetting
            )
            return Connection(connection, address)
    except TimeoutError:
        cause = f"no answer within {timeout_s:g} s"
    except ssl.SSLError as error:  # a refused certificate is a ValueError, too
        cause = tls_cause(error)
    except ValueError:
        # Its text may quote parts of the URI, such as the password.
        cause = "the URI is not postgresql://user:password@host:port/database"
    except asyncpg.PostgresError as error:
        cause = f"the log-in was refused ({_cause(error)})"
    except (OSError, asyncpg.InterfaceError) as error:
        cause = _cause(error)
    raise ConnectFailed(f"cannot connect to QuestDB at {address}: {cause}; check questdb.uri")


@asynccontextmanager
async def connected(uri: str) -> AsyncIterator[Connection]:
    """Lend a connection of its own for the length of the `with` block; errors as `connect`."""
    connection = await connect(uri)
    try:
        yield connection
    finally:
        await connection.close()


def _leave_closed_home() -> None:
    """Let asyncpg find no home folder where this process may not look into it.

    asyncpg looks for certificates and passwords in `$HOME`, and fails if it may not: a user of a
    container often has root's `HOME` (`tests/process/test_unprivileged.py`).
    """
    try:
        (Path.home() / ".postgresql").exists()
    except PermissionError:
        os.environ["HOME"] = _NO_HOME
    except RuntimeError:  # there is none; asyncpg knows what to do then
        return


def address_of(uri: str) -> str:
    """Return `host:port` of a URI, for messages: no user, no password; `?` if unreadable."""
    try:
        parts = urlsplit(uri)
        port = parts.port or DEFAULT_PORT
    except ValueError:
        return "?"
    return f"{parts.hostname or '?'}:{port}"


class Pool:
    """Up to `max_connections` connections to one QuestDB, opened when needed and kept.

    Not thread-safe: belongs to one event loop. Broken connections are dropped and replaced.
    """

    def __init__(self, uri: str, *, max_connections: int) -> None:
        self._uri = uri
        self._free = asyncio.Semaphore(max_connections)
        self._idle: list[Connection] = []
        self._closing = False

    @asynccontextmanager
    async def acquire(self, *, timeout_s: float = 5.0) -> AsyncIterator[Connection]:
        """Lend one connection for the length of the `with` block.

        Args:
            timeout_s: For waiting until one is free, and again for connecting.

        Raises:
            ConnectFailed: None came free in time, or QuestDB cannot be reached.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self._free.acquire()
        except TimeoutError:
            raise ConnectFailed(
                f"cannot get a connection to QuestDB at {address_of(self._uri)}: all in use for "
                f"{timeout_s:g} s; raise questdb.max_connections"
            ) from None
        try:
            connection = self._take_idle() or await connect(self._uri, timeout_s=timeout_s)
            try:
                yield connection
            finally:
                await self._take_back(connection)
        finally:
            self._free.release()

    async def close(self) -> None:
        """Close the idle connections now, and each one lent out when it comes back."""
        self._closing = True
        while self._idle:
            await self._idle.pop().close()

    async def _take_back(self, connection: Connection) -> None:
        if self._closing:
            await connection.close()
        elif not connection.closed:
            self._idle.append(connection)

    def _take_idle(self) -> Connection | None:
        """Return the connection used last, which the server is least likely to have closed."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.closed:
                return connection
        return None


def _tls(uri: str) -> ssl.SSLContext | None:
    """Return what TLS needs where the URI asks for it; else asyncpg does as the URI says."""
    parameters = parse_qs(urlsplit(uri).query)
    if parameters.get("sslmode") != ["verify-full"]:
        return None
    return client_context(parameters.get("sslrootcert", [None])[-1])


def _cause(error: BaseException) -> str:
    """Return one line about `error`."""
    if isinstance(error, OSError) and error.errno and error.errno > 0:
        return os.strerror(error.errno)
    return (str(error) or type(error).__name__).splitlines()[0]
