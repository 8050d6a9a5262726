"""A connection for work with long pauses between its statements.

QuestDB closes connections that were silent for 5 minutes (`pg.net.connection.timeout`), which an
archive of years or a question of many meters may well be.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

from utility_ts_analytics.database.pool import Connection, connect

if TYPE_CHECKING:
    import asyncpg

ResultT = TypeVar("ResultT")


class LastingConnection(Connection):
    """Connects again before a statement if it was closed meanwhile; never sends one twice.

    Args:
        uri: As `connect` takes it.
        first: Open; closed by this one.
    """

    def __init__(self, uri: str, first: Connection) -> None:
        super().__init__(first._connection, first._address)
        self._uri = uri

    async def run(
        self, operation: Callable[["asyncpg.Connection"], Awaitable[ResultT]], *, timeout_s: float
    ) -> ResultT:
        """As of `Connection`; errors as `connect` too."""
        if self.closed:
            self._connection = (await connect(self._uri))._connection
        return await super().run(operation, timeout_s=timeout_s)


@asynccontextmanager
async def lasting(uri: str) -> AsyncIterator[Connection]:
    """Lend such a connection for the length of the `with` block; errors as `connect`."""
    connection = LastingConnection(uri, await connect(uri))
    try:
        yield connection
    finally:
        await connection.close()
