"""Whether QuestDB makes tables and columns by itself for ILP lines that have none.

A misspelt name is then a new table, and a table that was dropped comes back in another shape. The
service sends nothing to a table that is not there, and acknowledges nothing that went elsewhere
(`sinks.ilp.landing`), but nobody else is held to that.
"""

from utility_ts_analytics.database.pool import Connection, StatementRefused

_SQL = (
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
        rows = await connection.fetch(_SQL, timeout_s=timeout_s)
    except StatementRefused:
        return ()
    return tuple(_warning(str(setting), str(variable)) for setting, variable in rows)


def _warning(setting: str, variable: str) -> str:
    things = "tables" if setting.endswith("tables") else "columns"
    return (
        f"QuestDB makes {things} by itself: set {setting}=false in its server.conf"
        f" ({variable}=false in its environment) and restart it"
    )
