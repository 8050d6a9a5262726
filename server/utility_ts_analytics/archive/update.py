"""One pass over all tables: archives new and changed days.

A day is exported only if something was, or may have been, committed to it; its file is written only
if the rows differ from the archived ones (decision 0032). Each file is finished before the next is
started, so a killed run loses at most one file.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import assert_never

from utility_ts_analytics.archive.contents import Facts, look_at_files
from utility_ts_analytics.archive.file_update import Target, Updated, update_file
from utility_ts_analytics.archive.folder import (
    day_path,
    held_archive,
    table_folder,
    whole_path,
    writing,
)
from utility_ts_analytics.archive.job import ArchiveJob
from utility_ts_analytics.archive.state import (
    Moment,
    TableState,
    read_state,
    touched_days,
    write_state,
)
from utility_ts_analytics.archive.tables import ArchiveTable, LiveState, column_text, read_live
from utility_ts_analytics.database.lasting import lasting
from utility_ts_analytics.database.pool import Connection
from utility_ts_analytics.errors import OperatorError


@dataclass(slots=True)
class TableReport:
    """Result of a pass for one table. Counts are of files: days, or the one of a whole table.

    Attributes:
        table: Its name.
        files: Files that QuestDB has rows for.
        written: Files written, new or changed.
        compared: Files compared with QuestDB and found equal.
        known: Files known to be equal without an export.
        rows: Of the written files.
        size_bytes: Of the written files.
        kept: Rows only in the archive, by written file.
        not_final: Days that are not final.
        problems: One line each; their files are as they were.
    """

    table: str
    files: int = 0
    written: int = 0
    compared: int = 0
    known: int = 0
    rows: int = 0
    size_bytes: int = 0
    kept: dict[str, int] = field(default_factory=dict)
    not_final: list[date] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


async def update_archive(job: ArchiveJob) -> list[TableReport]:
    """Bring the archive up to what QuestDB has.

    Returns:
        One report per table, in the order of `job.tables`. A damaged file is a problem in its
        report; the others are archived.

    Raises:
        QuestDBUnavailable: QuestDB is away. What was archived by then stays.
        OperatorError: The archive cannot be used or written, another run holds it, or a table
            cannot be read.
    """
    with held_archive(job.root, job.shard):
        async with lasting(job.pg_uri) as connection:
            return [await _update_table(connection, job, table) for table in job.tables]


async def _update_table(
    connection: Connection, job: ArchiveJob, table: ArchiveTable
) -> TableReport:
    started_at = job.now()
    live = await read_live(connection, table, event_ids=job.event_ids, clock=job.clock)
    paths = file_paths(job, table, live)
    report = TableReport(table.name, files=len(paths))
    looked_at = await asyncio.to_thread(
        look_at_files, job.root, [path for path in paths.values() if path.exists()]
    )
    state = read_state(job.root, table.name, job.shard)
    touched = None
    if state.moment is not None and state.columns == column_text(live.columns):
        touched = await touched_days(connection, table.name, state.moment, live.moment)
    number = 0
    due = [
        day for day, path in paths.items() if _is_due(job, live, touched, day, looked_at.get(path))
    ]
    for day, path in paths.items():
        found = looked_at.get(path)
        if day not in due:
            report.known += 1
            _tell_final(report, day, final=isinstance(found, Facts) and found.final)
            continue
        job.progress(f"{table.name} {day or ''}".rstrip(), number, len(due))
        number += 1
        if isinstance(found, OperatorError):
            report.problems.append(str(found))
            continue
        target = Target(table, day, path, live.columns, live.moment, found)
        _enter(report, target, await update_file(connection, job, target))
    if not report.problems and table_folder(job.root, table.name).is_dir():
        # Last: the next run must compare the days that a killed run did not reach.
        known = TableState(
            moment=live.moment,
            columns=column_text(live.columns),
            compared_at=started_at,
            dropped=state.dropped,
        )
        with writing(table_folder(job.root, table.name)):
            write_state(job.root, table.name, job.shard, known)
    return report


def file_paths(job: ArchiveJob, table: ArchiveTable, live: LiveState) -> dict[date | None, Path]:
    """Return the files that QuestDB's rows belong to, by day; None is the one of a whole table."""
    if not table.by_day:
        return {None: whole_path(job.root, table.name, job.shard)}
    return {day: day_path(job.root, table.name, day, job.shard) for day in live.days}


def _is_due(
    job: ArchiveJob,
    live: LiveState,
    touched: frozenset[date] | None,
    day: date | None,
    found: Facts | OperatorError | None,
) -> bool:
    """Return whether a file must be compared with QuestDB."""
    if not isinstance(found, Facts) or found.columns != column_text(live.columns):
        return True
    if not found.final and job.is_final(day, job.now()):
        return True
    # A killed run wrote no state of the table, but each of its files has its own.
    seen = Moment(found.directory, found.txn, found.committed_at)
    if seen == live.moment and seen.committed_at:
        return False
    if touched is None:
        return True
    return day in touched if day is not None else bool(touched)


def _enter(report: TableReport, target: Target, updated: Updated) -> None:
    match updated.what:
        case "written":
            report.written += 1
            report.rows += updated.rows
            report.size_bytes += updated.size_bytes
        case "equal":
            report.compared += 1
        case "empty":
            report.files -= 1
            return
        case _:
            assert_never(updated.what)
    if updated.kept_rows and updated.what == "written":
        report.kept[str(target.path)] = updated.kept_rows
    _tell_final(report, target.day, final=updated.final)


def _tell_final(report: TableReport, day: date | None, *, final: bool) -> None:
    if day is not None and not final:
        report.not_final.append(day)
