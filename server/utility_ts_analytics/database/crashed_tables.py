"""Tables that QuestDB loses sight of when it is killed, and how it is made to look again."""

import contextlib

from utility_ts_analytics.database.pool import Connection, StatementRefused


async def reopen(connection: Connection, table: str, *, timeout_s: float) -> None:
    """Make QuestDB look for a table that it does not list; does nothing where there is none.

    QuestDB 9.3.4 swaps the file with a table's columns by two renames whenever a SYMBOL column
    outgrows its capacity. Killed between the two, it starts without the table in `tables()`. No row
    is lost: it repairs the files when it next opens the table to write. But who waits for the table
    to be listed before it writes waits for ever; so the log is resumed, which opens the table, and
    the list is brought up to date.

    Returning does not say that the table is there: it takes QuestDB a moment, if it is.

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
