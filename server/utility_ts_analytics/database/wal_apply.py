"""Waits until what was committed to tables is visible to queries."""

from collections.abc import Iterable

from utility_ts_analytics.clock import Clock
from utility_ts_analytics.database.pool import Connection
from utility_ts_analytics.errors import OperatorError

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
