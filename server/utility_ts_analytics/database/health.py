"""Whether QuestDB answers, and whether its tables can be written to.

QuestDB's own health endpoint says nothing of suspended tables: it answers 200 while acknowledged
rows stay invisible, and its gauge of suspended tables goes wrong after a RESUME. So the tables
themselves are asked, over one connection that is kept.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

from utility_ts_analytics.database.auto_creation import auto_creation
from utility_ts_analytics.database.crashed_tables import reopen
from utility_ts_analytics.database.live_table import LiveTable, read_tables
from utility_ts_analytics.database.pool import Connection, StatementRefused, connect
from utility_ts_analytics.database.table_compare import compare
from utility_ts_analytics.database.table_spec import TableSpec
from utility_ts_analytics.errors import QuestDBUnavailable

RefusalCode = Literal["sink-unavailable", "schema-missing", "table-suspended"]


@dataclass(frozen=True, slots=True)
class TableHealth:
    """One watched table.

    Attributes:
        table: As QuestDB has it; None if there is no such table.
    """

    table: LiveTable | None

    @property
    def exists(self) -> bool:
        """Whether there is such a table."""
        return self.table is not None

    @property
    def suspended(self) -> bool:
        """Whether QuestDB acknowledges rows for it that nobody sees."""
        return self.table is not None and self.table.suspended

    @property
    def dedup(self) -> bool:
        """Whether DEDUP is on, with whatever keys."""
        return self.table is not None and bool(self.table.dedup_keys)

    @property
    def wal_lag_transactions(self) -> int:
        """Transactions committed and not yet visible, >= 0."""
        return self.table.wal_lag_transactions if self.table else 0


@dataclass(frozen=True, slots=True)
class QuestDBHealth:
    """What one poll found.

    Attributes:
        up: Whether QuestDB answered.
        reason: One line why not; "" while up. Never holds a password.
        tables: Every watched table by the name it is watched under; empty while not up.
        warnings: One line per setting of QuestDB that should be another; refuses no rows.
    """

    up: bool
    reason: str
    tables: Mapping[str, TableHealth]
    warnings: tuple[str, ...] = ()


UNKNOWN = QuestDBHealth(False, "QuestDB has not been asked yet", MappingProxyType({}))
"""The health before the first poll."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why no reading may be taken for a table now.

    Attributes:
        code: As in the error contract of the service.
        detail: One line, with what to do.
    """

    code: RefusalCode
    detail: str


def stream_refusal(health: QuestDBHealth, spec: TableSpec) -> Refusal | None:
    """Return why rows for `spec` must be refused, or None if they can be written. Pure.

    Refused is what would lose or double rows: QuestDB away, the table missing, suspended, without
    WAL, without a column, or without DEDUP on exactly the keys of `spec`. Other differences, such
    as another partitioning, are for `check` to report.

    Args:
        health: A poll that watched `spec.name`.
        spec: What the table has to be; `TableSpec.named` where the config names it otherwise.
    """
    if not health.up:
        return Refusal("sink-unavailable", health.reason)
    table = health.tables[spec.name].table
    live = {} if table is None else {spec.name: table}
    for difference in compare(live, [spec]):
        if difference.kind == "suspended":
            return Refusal("table-suspended", str(difference))
        if difference.loses_rows:
            return Refusal("schema-missing", str(difference))
    return None


async def read_health(
    connection: Connection, tables: Iterable[str], *, timeout_s: float
) -> QuestDBHealth:
    """Ask once about `tables`, over a connection of the caller's.

    QuestDB is made to look for those that it does not list; a later call finds them if they are
    there.

    Args:
        connection: Afterwards closed if QuestDB went away, else usable.
        tables: Names of the tables to watch.
        timeout_s: For each query; there is one query, and one or two more per table.

    Returns:
        With `up` False for every expected trouble; nothing is raised for it.
    """
    names = tuple(tables)
    try:
        found = await read_tables(connection, names, timeout_s=timeout_s)
        for name in set(names).difference(found):
            await reopen(connection, name, timeout_s=timeout_s)
    except (QuestDBUnavailable, StatementRefused) as error:
        return QuestDBHealth(False, str(error), MappingProxyType({}))
    watched = {name: TableHealth(found.get(name)) for name in names}
    return QuestDBHealth(True, "", MappingProxyType(watched))


class HealthPoller:
    """Keeps an eye on one QuestDB, and recovers by itself when that comes back.

    One connection, opened when needed and kept. A poll costs the server about 0.5 ms per query: one
    query, and one more per watched table. Belongs to one event loop.

    Args:
        uri: pgwire, as `connect` takes it.
        tables: Names of the tables to watch.
        timeout_s: For connecting and for each query.
    """

    def __init__(self, uri: str, tables: Iterable[str], *, timeout_s: float = 3.0) -> None:
        self._uri = uri
        self._tables = tuple(tables)
        self._timeout_s = timeout_s
        self._connection: Connection | None = None
        self._warnings: tuple[str, ...] = ()
        self._health = UNKNOWN

    @property
    def health(self) -> QuestDBHealth:
        """What the last poll found; `UNKNOWN` before the first has ended."""
        return self._health

    async def poll(self) -> QuestDBHealth:
        """Ask now, keep the answer as `health` and return it. Not to be called twice at a time."""
        self._health = await self._ask()
        return self._health

    async def close(self) -> None:
        """Close the connection; a later `poll` opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _ask(self) -> QuestDBHealth:
        if self._connection is None or self._connection.closed:
            try:
                self._connection = await connect(self._uri, timeout_s=self._timeout_s)
                self._warnings = await auto_creation(self._connection, timeout_s=self._timeout_s)
            except QuestDBUnavailable as error:
                return QuestDBHealth(False, str(error), MappingProxyType({}))
        health = await read_health(self._connection, self._tables, timeout_s=self._timeout_s)
        return replace(health, warnings=self._warnings) if health.up else health
