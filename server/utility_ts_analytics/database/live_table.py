"""Reads what a running QuestDB says of its tables.

Also whether it creates tables and columns by itself for ILP lines that have none (a misspelt name
is then a new table; `sinks.ilp.landing` guards the service against it), and how it finds tables
again that it lost sight of in a crash.
"""

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from utility_ts_analytics.database.pool import Connection, StatementRefused
from utility_ts_analytics.database.table_spec import ColumnSpec

_AUTO_CREATION_SQL = (
    "SELECT property_path, env_var_name FROM (SHOW PARAMETERS) "
    "WHERE property_path LIKE 'line.auto.create.new.%' AND value = 'true' ORDER BY 1"
)


async def auto_creation(connection: Connection, *, timeout_s: float) -> tuple[str, ...]:
    """Return one warning for each such setting that is on, with what to set; () if none is.

    They can be changed by a restart of QuestDB alone, so one look for each connection is enough.
    A server that does not tell (`StatementRefused`) is not warned of.

    Args:
        connection: Left usable unless the call raises.
        timeout_s: For the one query.

    Raises:
        QuestDBUnavailable: No connection, or no answer in time.
    """
    try:
        rows = await connection.fetch(_AUTO_CREATION_SQL, timeout_s=timeout_s)
    except StatementRefused:
        return ()
    return tuple(_warning(str(setting), str(variable)) for setting, variable in rows)


def _warning(setting: str, variable: str) -> str:
    things = "tables" if setting.endswith("tables") else "columns"
    return (
        f"QuestDB makes {things} by itself: set {setting}=false in its server.conf"
        f" ({variable}=false in its environment) and restart it"
    )


async def reopen(connection: Connection, table: str, *, timeout_s: float) -> None:
    """Make QuestDB look for a table that it does not list; does nothing where there is none.

    QuestDB 9.3.4 swaps the file with a table's columns by two renames whenever a SYMBOL column
    outgrows its capacity. Killed between the two, it starts without the table in `tables()`. No row
    is lost: it repairs the files when it next opens the table to write. The service writes only to
    listed tables, so this resumes the table's log, which opens the table, and refreshes the list.

    Returning does not mean that the table is listed: QuestDB takes a moment.

    Args:
        connection: Left usable unless the call raises.
        table: Its name.
        timeout_s: For each of two statements.

    Raises:
        QuestDBUnavailable: No connection, or no answer in time.
    """
    # QuestDB allows no quote in a name (`test_questdb_allows_no_quote_in_a_table_name`).
    statements = (
        f'ALTER TABLE "{table}" RESUME WAL',
        f"SELECT hydrate_table_metadata('{table}')",
    )
    for statement in statements:
        with contextlib.suppress(StatementRefused):
            await connection.execute(statement, timeout_s=timeout_s)


@dataclass(frozen=True, slots=True)
class LiveTable:
    """One table as QuestDB has it.

    Attributes:
        name: As QuestDB spells it.
        columns: In the table's order.
        timestamp: Designated timestamp column, "" if there is none.
        partition_by: `DAY`, `MONTH`, ..., `NONE`.
        wal: Whether it goes through the write-ahead log.
        dedup_keys: UPSERT KEYS in column order; empty while DEDUP is off.
        suspended: QuestDB acknowledges rows for it that nobody sees until it is resumed.
        suspended_cause: The server's words on that, "" if it has none.
        wal_lag_transactions: Committed and not yet visible, >= 0.
    """

    name: str
    columns: tuple[ColumnSpec, ...]
    timestamp: str
    partition_by: str
    wal: bool
    dedup_keys: tuple[str, ...]
    suspended: bool
    suspended_cause: str
    wal_lag_transactions: int


async def read_tables(
    connection: Connection, names: Iterable[str], *, timeout_s: float
) -> Mapping[str, LiveTable]:
    """Return those of the tables `names` that exist, by the name asked for.

    QuestDB compares table names without case, and so does this. About 0.5 ms for each query on an
    idle server.

    Args:
        connection: Left usable unless the call raises `QuestDBUnavailable`.
        names: Table names.
        timeout_s: For each query.

    Raises:
        QuestDBUnavailable: No connection, or no answer in time.
        StatementRefused: A table was dropped between the two queries.
    """
    wanted = {name.lower(): name for name in names}
    rows = await connection.fetch(_TABLES_SQL, timeout_s=timeout_s)
    found: dict[str, LiveTable] = {}
    for row in rows:
        table = str(row[0])
        if table.lower() in wanted:
            columns = await connection.fetch(_columns_sql(table), timeout_s=timeout_s)
            found[wanted[table.lower()]] = _live_table(row, columns)
    return MappingProxyType(found)


_TABLES_SQL = """
SELECT t.table_name, t.designatedTimestamp, t.partitionBy, t.walEnabled, t.dedup,
  t.table_suspended, w.errorMessage, w.sequencerTxn - w.writerTxn
FROM tables() t LEFT JOIN wal_tables() w ON t.table_name = w.name
"""


def _columns_sql(table: str) -> str:
    """Return the query for one table; `table_columns` takes no parameter, only a literal."""
    # QuestDB allows no quote in a name (`test_questdb_allows_no_quote_in_a_table_name`).
    return f"SELECT \"column\", type, upsertKey FROM table_columns('{table}')"  # noqa: S608


def _live_table(row: tuple[object, ...], columns: list[tuple[object, ...]]) -> LiveTable:
    name, timestamp, partition_by, wal, dedup, suspended, cause, lag = row
    keys = tuple(str(column) for column, _, is_key in columns if is_key)
    return LiveTable(
        name=str(name),
        columns=tuple(ColumnSpec(str(column), str(type_)) for column, type_, _ in columns),
        timestamp=str(timestamp or ""),
        partition_by=str(partition_by),
        wal=bool(wal),
        dedup_keys=keys if dedup else (),
        suspended=bool(suspended),
        suspended_cause=str(cause or ""),
        wal_lag_transactions=max(0, lag) if isinstance(lag, int) else 0,
    )
