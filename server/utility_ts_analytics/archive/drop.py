"""Removes old partitions from QuestDB after checking that the archive holds them, nothing else.

QuestDB 9.3.4 has no conditional DROP. Decision 0032 lists the checks, and the risk that remains.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from utility_ts_analytics.archive.contents import Facts, look_at_files
from utility_ts_analytics.archive.folder import (
    day_path,
    export_path,
    held_archive,
    table_folder,
    writing,
)
from utility_ts_analytics.archive.job import ArchiveJob, exported
from utility_ts_analytics.archive.lines import count_own_ids
from utility_ts_analytics.archive.state import (
    QUERY_TIMEOUT_S,
    Moment,
    read_moment,
    read_state,
    touched_days,
    write_state,
)
from utility_ts_analytics.archive.tables import ArchiveTable, read_live, read_partition_days
from utility_ts_analytics.archive.verify import file_fault, source_fault
from utility_ts_analytics.database.lasting import lasting
from utility_ts_analytics.database.pool import Connection, Row
from utility_ts_analytics.errors import OperatorError

TRIES: Final = 5
"""Comparisons of a partition while others write to its table."""


@dataclass(slots=True)
class DropReport:
    """What was removed.

    Attributes:
        dropped: Partitions, as `table name`.
        days: In them.
        rows: In them.
        refused: One line each: partitions that were left as they are.
        in_doubt: One line each: dropped, but rows that were committed at that moment may be lost.
    """

    dropped: list[str] = field(default_factory=list)
    days: int = 0
    rows: int = 0
    refused: list[str] = field(default_factory=list)
    in_doubt: list[str] = field(default_factory=list)


async def drop_before(job: ArchiveJob, end: date) -> DropReport:
    """Drop the partitions of tables by day that end before a day (UTC).

    Raises:
        QuestDBUnavailable: QuestDB is away. What was dropped by then was archived.
        OperatorError: The archive cannot be used, or a table cannot be read.
    """
    report = DropReport()
    with held_archive(job.root, job.shard):
        async with lasting(job.pg_uri) as connection:
            for table in job.tables:
                if table.by_day:
                    await _drop_of_table(connection, job, table, end, report)
    return report


async def _drop_of_table(
    connection: Connection, job: ArchiveJob, table: ArchiveTable, end: date, report: DropReport
) -> None:
    await read_live(connection, table, event_ids=job.event_ids, clock=job.clock)
    rows = await connection.fetch(
        "SELECT partitionBy FROM tables() WHERE table_name = $1",
        table.name,
        timeout_s=QUERY_TIMEOUT_S,
    )
    partitions = await read_partition_days(connection, table, str(rows[0][0]))
    old = {name: days for name, days in partitions.items() if _end_of(name) <= end}
    for number, (name, days) in enumerate(old.items()):
        job.progress(f"dropping {table.name} {name}", number, len(old))
        await _drop_partition(connection, job, table, name=name, days=days, report=report)


async def _drop_partition(
    connection: Connection,
    job: ArchiveJob,
    table: ArchiveTable,
    *,
    name: str,
    days: Sequence[date],
    report: DropReport,
) -> None:
    verified = await _verified(connection, job, table, name=name, days=days, report=report)
    if verified is None:
        return
    moment, rows = verified
    # Before the drop: if this process ends right after it, the state has the dropped days.
    _record(job, table, days)
    now = await read_moment(connection, table.name)
    touched = await touched_days(connection, table.name, moment, now)
    if touched is None or touched.intersection(days):
        report.refused.append(_still_written(table, name))
        return
    await connection.execute(
        f"ALTER TABLE \"{table.name}\" DROP PARTITION LIST '{name}'", timeout_s=QUERY_TIMEOUT_S
    )
    report.dropped.append(f"{table.name} {name}")
    report.days += len(days)
    report.rows += rows
    if not await _nothing_between(connection, table, now, days):
        report.in_doubt.append(
            f"{table.name} {name}: QuestDB took rows while the partition was dropped; if readings"
            f" of {name} were posted just now, post them again"
        )


async def _verified(
    connection: Connection,
    job: ArchiveJob,
    table: ArchiveTable,
    *,
    name: str,
    days: Sequence[date],
    report: DropReport,
) -> tuple[Moment, int] | None:
    """Return the moment at which the archive held all of a partition, and its rows; else None."""
    paths = [day_path(job.root, table.name, day, job.shard) for day in days]
    looked_at = look_at_files(job.root, [path for path in paths if path.exists()])
    facts: dict[Path, Facts] = {}
    for day, path in zip(days, paths, strict=True):
        found = looked_at.get(path)
        if not isinstance(found, Facts) or not found.final:
            report.refused.append(f"{table.name} {name}: {day} {_unfit(job, found)}")
            return None
        facts[path] = found
    for path in paths:
        fault = await asyncio.to_thread(file_fault, job, path, facts[path])
        if fault is not None:
            report.refused.append(f"{table.name} {name}: {fault}")
            return None
    if await asyncio.to_thread(_own_ids, job, table, days):
        report.refused.append(
            f"{table.name} {name}: it has readings with event ids of their clients, which the"
            " archive does not keep; set archive.event_ids = true and run archive again"
        )
        return None
    for _ in range(TRIES):
        live = await read_live(connection, table, event_ids=job.event_ids, clock=job.clock)
        for path in paths:
            fault = await asyncio.to_thread(source_fault, job, table, live, path, facts[path])
            if fault is not None:
                report.refused.append(f"{table.name} {name}: {fault}")
                return None
        now = await read_moment(connection, table.name)
        touched = await touched_days(connection, table.name, live.moment, now)
        if touched is not None and not touched.intersection(days):
            return now, sum(found.rows for found in facts.values())
    report.refused.append(_still_written(table, name))
    return None


def _own_ids(job: ArchiveJob, table: ArchiveTable, days: Sequence[date]) -> int:
    """Return how many ids of days would be lost with QuestDB's rows."""
    if table.stream is None or job.event_ids:
        return 0
    raw = export_path(job.root, table.name, job.shard)
    span = (days[0], days[-1])
    with exported(job, table, table.spec.columns, span, path=raw) as (engine, raw):
        return count_own_ids(engine, table, raw)


async def _nothing_between(
    connection: Connection, table: ArchiveTable, before: Moment, days: Sequence[date]
) -> bool:
    """Return whether no transaction wrote to the days between the last check and the drop."""
    after = await read_moment(connection, table.name)
    if after.txn == before.txn + 1:  # the drop itself
        return True
    rows = await connection.fetch(
        "SELECT sequencerTxn, minTimestamp, maxTimestamp, alterCommandType"
        f" FROM wal_transactions('{table.name}') WHERE sequencerTxn > {before.txn}"
        " ORDER BY sequencerTxn",
        timeout_s=QUERY_TIMEOUT_S,
    )
    return nothing_before_drop(rows, days)


def nothing_before_drop(rows: Sequence[Row], days: Sequence[date]) -> bool:
    """Return whether transactions show that none wrote to the days before the drop.

    Args:
        rows: Number, first and last time, kind of every transaction since the last check, rising;
            times and kinds are there only in tables made under
            `cairo.default.sequencer.part.txn.count`.
        days: Of the partition.
    """
    for _, first, last, alter in rows:
        if alter == -1 and first is None:
            return True
        if not isinstance(first, datetime) or not isinstance(last, datetime):
            return False
        if any(first.date() <= day <= last.date() for day in days):
            return False
    return False


def _record(job: ArchiveJob, table: ArchiveTable, days: Sequence[date]) -> None:
    state = read_state(job.root, table.name, job.shard)
    dropped = {**state.dropped, **dict.fromkeys(days, job.now())}
    with writing(table_folder(job.root, table.name)):
        state = msgspec.structs.replace(state, dropped=dropped)
        write_state(job.root, table.name, job.shard, state)


def _unfit(job: ArchiveJob, found: Facts | OperatorError | None) -> str:
    """Return why an archived file cannot replace QuestDB's rows."""
    match found:
        case None:
            return "is not archived"
        case Facts():
            wait = timedelta(hours=job.final_after_hours)
            return f"is not final; archive it when {wait} have passed"
        case _:
            return str(found)


def _still_written(table: ArchiveTable, name: str) -> str:
    return (
        f"{table.name} {name}: others write to the table, and QuestDB does not tell to which days;"
        " stop the service for as long as this takes, or make tables under"
        " cairo.default.sequencer.part.txn.count (docs/ARCHIVE.md)"
    )


def _end_of(name: str) -> date:
    """Return the first day after a partition `YYYY`, `YYYY-MM` or `YYYY-MM-DD`."""
    parts = [int(part) for part in name.split("-")]
    match parts:
        case [year]:
            return date(year + 1, 1, 1)
        case [year, month]:
            return date(year + month // 12, month % 12 + 1, 1)
        case _:
            return date(*parts) + timedelta(days=1)
