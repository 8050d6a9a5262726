"""Compares archived files with their metadata and with QuestDB; changes nothing."""

import asyncio
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from utility_ts_analytics.archive.contents import Facts, damaged, look_at_files
from utility_ts_analytics.archive.engine import DIGEST_BY, DamagedFile, Engine
from utility_ts_analytics.archive.folder import (
    day_of,
    day_path,
    held_archive,
    table_folder,
    whole_path,
)
from utility_ts_analytics.archive.job import ArchiveJob, exported
from utility_ts_analytics.archive.state import QUERY_TIMEOUT_S, read_state
from utility_ts_analytics.archive.tables import (
    ArchiveTable,
    LiveState,
    column_text,
    columns_of_text,
    read_live,
)
from utility_ts_analytics.database.lasting import lasting
from utility_ts_analytics.database.pool import Connection
from utility_ts_analytics.errors import OperatorError


@dataclass(slots=True)
class VerifyReport:
    """What a comparison found.

    Attributes:
        files: Archived files that were read to their end.
        rows: In them.
        equal: Files that QuestDB's rows agree with.
        archive_only: Files of days that `--drop-before` removed from QuestDB.
        unsettled: One line each: days that are not final and differ.
        differences: One line each; empty if the archive is right.
    """

    files: int = 0
    rows: int = 0
    equal: int = 0
    archive_only: int = 0
    unsettled: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)


async def verify_archive(job: ArchiveJob) -> VerifyReport:
    """Read every file of this shard, and compare it with what QuestDB has.

    Raises:
        QuestDBUnavailable: QuestDB is away.
        OperatorError: The archive cannot be used, another run holds it, or a table cannot be read.
    """
    report = VerifyReport()
    with held_archive(job.root, job.shard):
        async with lasting(job.pg_uri) as connection:
            for table in job.tables:
                await _verify_table(connection, job, table, report)
    return report


def archived_paths(job: ArchiveJob, table: ArchiveTable) -> dict[date | None, Path]:
    """Return the files of this shard that are there, by day, rising."""
    if not table.by_day:
        path = whole_path(job.root, table.name, job.shard)
        return {None: path} if path.exists() else {}
    folder = table_folder(job.root, table.name)
    days = sorted(day for path in folder.glob("day=*") if (day := day_of(path)) is not None)
    paths = {day: day_path(job.root, table.name, day, job.shard) for day in days}
    return {day: path for day, path in paths.items() if path.exists()}


async def _verify_table(
    connection: Connection, job: ArchiveJob, table: ArchiveTable, report: VerifyReport
) -> None:
    live = await read_live(connection, table, event_ids=job.event_ids, clock=job.clock)
    state = read_state(job.root, table.name, job.shard)
    paths = archived_paths(job, table)
    looked_at = await asyncio.to_thread(look_at_files, job.root, list(paths.values()))
    for number, (day, path) in enumerate(paths.items()):
        job.progress(f"verifying {table.name} {day or ''}".rstrip(), number, len(paths))
        found = looked_at[path]
        if isinstance(found, OperatorError):
            report.differences.append(str(found))
            continue
        fault = await asyncio.to_thread(file_fault, job, path, found)
        if fault is not None:
            report.differences.append(fault)
            continue
        report.files += 1
        report.rows += found.rows
        if day is not None and day not in live.days:
            _enter_gone(report, path, dropped=day in state.dropped)
            continue
        fault = await asyncio.to_thread(source_fault, job, table, live, path, found)
        if fault is None:
            report.equal += 1
        elif day is not None and not found.final:
            report.unsettled.append(fault)
        else:
            report.differences.append(fault)
    if not table.by_day and not paths and await _has_rows(connection, table):
        report.differences.append(f"{table.name}: not archived; run ingestion-service archive")
    for day in live.days:
        if day not in paths:
            fault = f"{table.name} {day}: not archived; run ingestion-service archive"
            old_enough = job.is_final(day, job.now())
            (report.differences if old_enough else report.unsettled).append(fault)


async def _has_rows(connection: Connection, table: ArchiveTable) -> bool:
    sql = f'SELECT count() FROM "{table.name}"'
    ((count,),) = await connection.fetch(sql, timeout_s=QUERY_TIMEOUT_S)
    return int(str(count)) > 0


def _enter_gone(report: VerifyReport, path: Path, *, dropped: bool) -> None:
    if dropped:
        report.archive_only += 1
    else:
        report.differences.append(
            f"{path}: QuestDB has no rows of that day, and archive --drop-before did not remove"
            " them; restore them (archive --restore needs an empty table) or leave them archived"
        )


def file_fault(job: ArchiveJob, path: Path, facts: Facts) -> str | None:
    """Read a file to its end; return what is wrong with it, None if nothing is."""
    with job.engine() as engine:
        try:
            content = engine.content_of(path, columns_of_text(facts.columns))
        except DamagedFile as error:
            return str(damaged(path, error.cause))
    # Digests of another version of DuckDB cannot be compared; every row was read all the same.
    if content.rows != facts.rows or (
        facts.digest_by == DIGEST_BY and content.digest != facts.digest
    ):
        return str(damaged(path, "its rows are not those that were written"))
    return None


def source_fault(
    job: ArchiveJob, table: ArchiveTable, live: LiveState, path: Path, facts: Facts
) -> str | None:
    """Compare a file with QuestDB's rows of its day; return the difference, None if there is none.

    Where the file also holds rows that QuestDB does not have any more, every row of QuestDB must be
    in it with all its values.

    Raises:
        QuestDBUnavailable: QuestDB is away.
        OperatorError: QuestDB refuses, or the disk is in trouble.
    """
    name = f"{table.name} {facts.day}" if facts.day is not None else table.name
    if facts.columns != column_text(live.columns):
        return f"{name}: archived with other columns; run ingestion-service archive"
    days = None if facts.day is None else (facts.day, facts.day)
    with exported(job, table, live.columns, days, path=path) as (engine, raw):
        return _difference(engine, name, live, raw=raw, path=path, facts=facts)


def _difference(
    engine: Engine, name: str, live: LiveState, *, raw: Path, path: Path, facts: Facts
) -> str | None:
    theirs = engine.content_of(raw, live.columns)
    if facts.kept_rows:
        missing = engine.count_missing(raw, path, live.columns)
        if missing == 0:
            return None
        return f"{name}: {missing:,} of QuestDB's rows are not in the archive"
    mine = engine.content_of(path, live.columns)
    if theirs == mine:
        return None
    values = ", with other values" if theirs.rows == mine.rows else ""
    return (
        f"{name}: QuestDB has {theirs.rows:,} rows, the archive {mine.rows:,}{values}; run"
        " ingestion-service archive"
    )
