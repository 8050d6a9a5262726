"""Applies and checks `sql/schema` on a running QuestDB, and waits for committed rows.

Never drops or alters anything.
"""

from collections.abc import Iterable, Mapping

from utility_ts_analytics.clock import Clock
from utility_ts_analytics.database.live_table import read_tables
from utility_ts_analytics.database.pool import Connection, connected
from utility_ts_analytics.database.table_compare import Difference, compare, create_sql
from utility_ts_analytics.database.table_spec import TableSpec, table_specs
from utility_ts_analytics.errors import ConfigError, OperatorError

STATEMENT_TIMEOUT_S = 30.0
"""For each statement; creating a table on a busy disk has been seen to take seconds."""


async def apply_schema(uri: str, specs: Iterable[TableSpec]) -> list[Difference]:
    """Create the tables that are missing, then compare all of them.

    Safe to run at any time, also under a running service. Existing tables are not changed; `CREATE
    TABLE IF NOT EXISTS` does not report a different shape, so they are compared afterwards.

    Args:
        uri: pgwire, as `connect` takes it.
        specs: Tables to create, such as `specs_for` gives them.

    Returns:
        What differs still, notes included; empty if all is well.

    Raises:
        QuestDBUnavailable: Not there, or a statement took over `STATEMENT_TIMEOUT_S`.
        OperatorError: QuestDB refused a statement, or the schema files cannot be read.
    """
    wanted = list(specs)
    async with connected(uri) as connection:
        for spec in wanted:
            await connection.execute(create_sql(spec), timeout_s=STATEMENT_TIMEOUT_S)
        return await _differences(connection, wanted)


async def check_schema(uri: str, specs: Iterable[TableSpec]) -> list[Difference]:
    """Compare and change nothing; arguments, result and errors as `apply_schema`."""
    wanted = list(specs)
    async with connected(uri) as connection:
        return await _differences(connection, wanted)


def specs_for(stream_tables: Mapping[str, str]) -> list[TableSpec]:
    """Return all tables of `sql/schema`, with those of streams under their configured names.

    Args:
        stream_tables: Table by stream; a stream is named as its table in the schema.

    Raises:
        ConfigError: A stream has the name of another table of the schema.
    """
    specs = table_specs()
    others = {name.lower() for name in specs if name not in stream_tables}
    taken = [
        f"{stream}.name: {table} is another table of the schema; choose another name"
        for stream, table in stream_tables.items()
        if table.lower() in others
    ]
    if taken:
        raise ConfigError(taken)
    return [spec.named(stream_tables.get(name, name)) for name, spec in specs.items()]


async def _differences(connection: Connection, specs: list[TableSpec]) -> list[Difference]:
    names = [spec.name for spec in specs]
    live = await read_tables(connection, names, timeout_s=STATEMENT_TIMEOUT_S)
    return compare(live, specs)


_SQL = "SELECT name, suspended, writerTxn, sequencerTxn FROM wal_tables()"
_POLL_S = 0.02


async def wait_applied(
    connection: Connection, tables: Iterable[str], *, clock: Clock, timeout_s: float
) -> None:
    """Return once all that was committed to `tables` before this call can be read.

    What is committed meanwhile is not waited for.

    Args:
        connection: Used for one query at a time; costs the server about 0.5 ms each.
        tables: Of `sql/schema`, so with a write-ahead log.
        clock: For the wait.
        timeout_s: For all of it, and for each query.

    Raises:
        OperatorError: A table is missing or suspended, or has rows that are still not applied.
        QuestDBUnavailable: No connection, or no answer in time.
    """
    deadline_s = clock.monotonic_s() + timeout_s
    seen = await _transactions(connection, timeout_s)
    wanted = {name.lower(): name for name in tables}
    if missing := sorted(name for key, name in wanted.items() if key not in seen):
        raise OperatorError(
            f"cannot read {', '.join(missing)}: no such table; run ingestion-service schema apply"
        )
    committed = {key: seen[key][2] for key in wanted}
    while True:
        behind = [key for key in wanted if seen.get(key, (False, 0, 0))[1] < committed[key]]
        # A suspended table without a backlog misses nothing, and none will come off one that has.
        if stuck := sorted(wanted[key] for key in behind if seen[key][0]):
            raise OperatorError(
                f"cannot read all of {', '.join(stuck)}: suspended, rows that were acknowledged are"
                " not visible; see docs/OPERATIONS.md, Suspended table"
            )
        if not behind:
            return
        if clock.monotonic_s() >= deadline_s:
            names = ", ".join(sorted(wanted[key] for key in behind))
            raise OperatorError(
                f"cannot read all of {names}: rows committed before are still not visible after"
                f" {timeout_s:g} s; run it again when QuestDB has caught up"
            )
        await clock.sleep(_POLL_S)
        seen = await _transactions(connection, timeout_s)


async def _transactions(
    connection: Connection, timeout_s: float
) -> dict[str, tuple[bool, int, int]]:
    """Return by lower-case name: suspended, transactions applied, transactions committed."""
    rows = await connection.fetch(_SQL, timeout_s=timeout_s)
    return {
        str(name).lower(): (bool(suspended), int(str(applied)), int(str(committed)))
        for name, suspended, applied, committed in rows
    }
