"""State of a table: its last transaction, and up to which one it was compared.

Decision 0032 says what QuestDB 9.3.4 records of transactions, and why that can be relied on. The
state is a small file beside a table's days and only saves work: without it, or if it is damaged,
every day is compared again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from utility_ts_analytics.archive.folder import replace_text, state_path
from utility_ts_analytics.database.pool import Connection
from utility_ts_analytics.errors import OperatorError

QUERY_TIMEOUT_S: Final = 60.0

_UNKNOWN: Final = ""

_DAYS_MAX: Final = 4000
"""If one transaction spans more days than this, every day is compared."""

_TABLE_SQL = """
SELECT t.directoryName, w.sequencerTxn FROM tables() t JOIN wal_tables() w ON t.table_name = w.name
WHERE t.table_name = $1
"""


@dataclass(frozen=True, slots=True)
class Moment:
    """A state of a table.

    Attributes:
        directory: Name of its directory in QuestDB: another table of the same name has another.
        txn: Transactions committed so far, >= 0; all of them applied where it is the baseline of
            an export.
        committed_at: When QuestDB took the last of them, as it writes times; "" if it does not
            know. A database that was restored from a backup counts on from there: a number may
            repeat, a number with its time does not.
    """

    directory: str
    txn: int
    committed_at: str


class TableState(msgspec.Struct, frozen=True, kw_only=True):
    """One table of one shard.

    Attributes:
        moment: State of the table that every archived day is known to agree with; None before the
            first complete pass.
        columns: Archived columns of that pass.
        compared_at: When that pass began.
        dropped: When `--drop-before` was about to remove a day from QuestDB, by day.
    """

    moment: Moment | None = None
    columns: str = ""
    compared_at: datetime | None = None
    dropped: Mapping[date, datetime] = {}


def read_state(root: Path, table: str, shard: str) -> TableState:
    """Return the state that the last complete pass wrote; an empty one if there was none."""
    try:
        text = state_path(root, table, shard).read_bytes()
        return msgspec.json.decode(text, type=TableState)
    except (FileNotFoundError, msgspec.DecodeError):
        return TableState()


def write_state(root: Path, table: str, shard: str, state: TableState) -> None:
    """Replace the state; on return it is on the disk.

    Raises:
        OSError: The state is as it was.
    """
    replace_text(state_path(root, table, shard), msgspec.json.encode(state))


async def changed_since(
    connection: Connection, root: Path, table: str, *, shard: str = "main"
) -> frozenset[date] | None:
    """Return the days (UTC) of a table that may differ from the archive by now.

    Every other archived day equals QuestDB's, except days that were dropped there. Takes two or
    three small queries.

    Args:
        connection: Left usable.
        root: The archive's folder.
        table: Name in QuestDB.
        shard: Which file of each day.

    Returns:
        Days written to since the last complete pass; None if QuestDB cannot tell which, or there
        was no such pass: then any day may differ.

    Raises:
        QuestDBUnavailable: No connection, or no answer in time.
        OperatorError: There is no such table.
    """
    state = read_state(root, table, shard)
    if state.moment is None:
        return None
    now = await read_moment(connection, table)
    return await touched_days(connection, table, state.moment, now)


async def read_moment(connection: Connection, table: str) -> Moment:
    """Return the state of a table by what is committed, applied or not.

    Raises:
        QuestDBUnavailable: No connection, or no answer in time.
        OperatorError: There is no such table.
    """
    directory, txn = await read_transactions(connection, table)
    return Moment(directory, txn, await _committed_at(connection, table, txn))


async def read_transactions(connection: Connection, table: str) -> tuple[str, int]:
    """Return the name of a table's directory, and how many transactions it has had.

    Raises:
        QuestDBUnavailable: No connection, or no answer in time.
        OperatorError: There is no such table.
    """
    rows = await connection.fetch(_TABLE_SQL, table, timeout_s=QUERY_TIMEOUT_S)
    if not rows:
        raise OperatorError(
            f"cannot read {table}: no such table; run ingestion-service schema apply"
        )
    return str(rows[0][0]), int(str(rows[0][1]))


async def touched_days(
    connection: Connection, table: str, since: Moment, now: Moment
) -> frozenset[date] | None:
    """Return the days (UTC) that transactions after `since`, up to `now`, wrote to.

    Args:
        connection: Left usable.
        table: Its name.
        since: An earlier state.
        now: Of the same table, just read.

    Returns:
        Empty if nothing was committed; None if QuestDB cannot tell: another table or history, no
        record of a transaction, or one (UPDATE, ALTER, and all of a table that was made without
        `cairo.default.sequencer.part.txn.count`) whose record has no times.

    Raises:
        QuestDBUnavailable: No connection, or no answer in time.
    """
    if since.directory != now.directory or since.txn > now.txn:
        return None
    if since == now:
        # Without a time another history of the same length cannot be told apart.
        return frozenset() if since.committed_at or since.txn == 0 else None
    if since.txn and await _committed_at(connection, table, since.txn) != since.committed_at:
        return None
    if since.txn and since.committed_at == _UNKNOWN:
        return None
    rows = await connection.fetch(
        f"SELECT sequencerTxn, minTimestamp, maxTimestamp FROM wal_transactions('{table}')"
        f" WHERE sequencerTxn > {since.txn} AND sequencerTxn <= {now.txn} ORDER BY sequencerTxn",
        timeout_s=QUERY_TIMEOUT_S,
    )
    return _days(rows, since.txn, now.txn)


def _days(rows: Sequence[tuple[object, ...]], after: int, upto: int) -> frozenset[date] | None:
    """Return the days of transactions; None unless every one of them is there with its times."""
    if [int(str(row[0])) for row in rows] != list(range(after + 1, upto + 1)):
        return None
    days: set[date] = set()
    for _, first, last in rows:
        if not isinstance(first, datetime) or not isinstance(last, datetime):
            return None
        day, end = first.date(), last.date()
        if (end - day).days > _DAYS_MAX:
            return None
        while day <= end:
            days.add(day)
            day += timedelta(days=1)
    return frozenset(days)


async def _committed_at(connection: Connection, table: str, txn: int) -> str:
    if txn == 0:
        return _UNKNOWN
    rows = await connection.fetch(
        f"SELECT timestamp FROM wal_transactions('{table}') WHERE sequencerTxn = {txn}",
        timeout_s=QUERY_TIMEOUT_S,
    )
    if not rows or not isinstance(rows[0][0], datetime):
        return _UNKNOWN
    return rows[0][0].replace(tzinfo=UTC).isoformat()
