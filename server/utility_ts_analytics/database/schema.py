"""Applies and checks `sql/schema` on a running QuestDB. Never drops or alters anything."""

from collections.abc import Iterable

from utility_ts_analytics.database.live_table import read_tables
from utility_ts_analytics.database.pool import Connection, connected
from utility_ts_analytics.database.schema_text import schema_text
from utility_ts_analytics.database.table_compare import Difference, compare, create_sql
from utility_ts_analytics.database.table_spec import TableSpec, table_specs

__all__ = ["STATEMENT_TIMEOUT_S", "apply_schema", "check_schema", "schema_text", "specs_for"]

STATEMENT_TIMEOUT_S = 30.0
"""For each statement; creating a table on a busy disk has been seen to take seconds."""


async def apply_schema(uri: str, specs: Iterable[TableSpec] | None = None) -> list[Difference]:
    """Create the tables that are missing, then compare all of them.

    Safe to run again at any time, also under a running service: tables that exist are left as they
    are, whatever their shape; `CREATE TABLE IF NOT EXISTS` passes over them in silence, which is
    why the comparison follows.

    Args:
        uri: pgwire, as `connect` takes it.
        specs: Tables to create; None takes all of `sql/schema`.

    Returns:
        What differs still, notes included; empty if all is well.

    Raises:
        QuestDBUnavailable: Not there, or a statement took over `STATEMENT_TIMEOUT_S`.
        OperatorError: QuestDB refused a statement, or the schema files cannot be read.
    """
    wanted = list(table_specs().values() if specs is None else specs)
    async with connected(uri) as connection:
        for spec in wanted:
            await connection.execute(create_sql(spec), timeout_s=STATEMENT_TIMEOUT_S)
        return await _differences(connection, wanted)


async def check_schema(uri: str, specs: Iterable[TableSpec] | None = None) -> list[Difference]:
    """Compare and change nothing; arguments, result and errors as `apply_schema`."""
    wanted = list(table_specs().values() if specs is None else specs)
    async with connected(uri) as connection:
        return await _differences(connection, wanted)


def specs_for(table_names: Iterable[tuple[str, str]]) -> list[TableSpec]:
    """Return all tables of `sql/schema`, with those of streams under their configured names.

    Args:
        table_names: Pairs of stream and table name; a stream is named as its table in the schema.
    """
    names = dict(table_names)
    return [spec.named(names.get(name, name)) for name, spec in table_specs().items()]


async def _differences(connection: Connection, specs: list[TableSpec]) -> list[Difference]:
    names = [spec.name for spec in specs]
    live = await read_tables(connection, names, timeout_s=STATEMENT_TIMEOUT_S)
    return compare(live, specs)
