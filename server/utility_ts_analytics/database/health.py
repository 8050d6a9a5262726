"""Whether QuestDB answers, and whether its tables can be written to.

QuestDB's own health endpoint ignores suspended tables, and its gauge of them is wrong after a
RESUME. So the tables themselves are queried, over one connection that is kept.

Rows go by ILP over HTTP, tables are looked at over pgwire. Where only pgwire is away, the last look
stays valid for a while (docs/decisions/0007). A growing WAL lag refuses nothing, since committed
rows are safe, but makes the service not ready: it would end as a full disk.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

from utility_ts_analytics.database.live_table import LiveTable, auto_creation, read_tables, reopen
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
    """Polls one QuestDB, and recovers by itself when QuestDB is back.

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


SEEN_AGE_S_MAX = 300.0
"""A table may have been suspended since; after so long nothing is acknowledged on trust."""


@dataclass(frozen=True, slots=True)
class LastSeen:
    """The last poll that QuestDB answered.

    Attributes:
        health: What it found; `up`.
        at_s: When, monotonic seconds.
    """

    health: QuestDBHealth
    at_s: float


def health_on_trust(
    polled: QuestDBHealth, seen: LastSeen | None, *, now_s: float, ilp_answers: bool
) -> QuestDBHealth:
    """Return the poll by which tables written over ILP/HTTP are judged.

    Args:
        polled: The newest poll.
        seen: The last one that was answered, by this process; None if none was.
        now_s: Monotonic seconds.
        ilp_answers: Whether QuestDB's HTTP server answers just now.

    Returns:
        The newest poll if it was answered, or if nothing else can be relied on; else what was seen
        last, at most `SEEN_AGE_S_MAX` ago.
    """
    if polled.up or not ilp_answers:
        return polled
    if seen is None:
        return _down(f"the tables have not been seen yet: {polled.reason}")
    if now_s - seen.at_s > SEEN_AGE_S_MAX:
        minutes = round(SEEN_AGE_S_MAX / 60)
        return _down(f"the tables were last seen over {minutes} minutes ago: {polled.reason}")
    return seen.health


def _down(reason: str) -> QuestDBHealth:
    return QuestDBHealth(False, reason, MappingProxyType({}))


LAG_WINDOW_S = 30.0
"""Apply goes in bursts of seconds; over half a minute a lag that is worked off has shrunk."""


class LagTrend:
    """The lag of one table over the last `LAG_WINDOW_S` seconds.

    Args:
        transactions_max: Lag that is never a reason to worry; 0 turns this off.
    """

    def __init__(self, transactions_max: int) -> None:
        self.growing = False
        """Whether the lag has been over the maximum for the whole window and does not shrink."""
        self._transactions_max = transactions_max
        self._seen: deque[tuple[float, int]] = deque()

    def see(self, transactions: int, now_s: float) -> None:
        """Note the lag of one poll.

        Args:
            transactions: Committed and not yet visible, >= 0.
            now_s: Monotonic seconds, not before those of the last call.
        """
        if self._transactions_max == 0 or transactions <= self._transactions_max:
            self._seen.clear()
            self.growing = False
            return
        seen = self._seen
        seen.append((now_s, transactions))
        # The oldest that is kept is at least as old as the window, once there is one.
        while len(seen) > 1 and now_s - seen[1][0] >= LAG_WINDOW_S:
            seen.popleft()
        since_s = seen[0][0]
        middle_s = (since_s + now_s) / 2
        if now_s - since_s < LAG_WINDOW_S:
            return
        earlier = [lag for at_s, lag in seen if at_s < middle_s]
        later = [lag for at_s, lag in seen if at_s >= middle_s]
        self.growing = sum(later) / len(later) >= sum(earlier) / len(earlier)
