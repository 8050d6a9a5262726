"""Fills empty QuestDB tables from the archive; can be killed and run again.

Every day is compared with the archive afterwards. A table that has rows is refused unless the
archive has each of them with the same values: an earlier run of this restore sent those.
"""

import asyncio
import http.client
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from utility_ts_analytics.archive.contents import Facts, engine_trouble, look_at_files
from utility_ts_analytics.archive.engine import Content
from utility_ts_analytics.archive.export import (
    QuestDBHttp,
    login,
    open_http,
    unavailable,
)
from utility_ts_analytics.archive.folder import (
    held_archive,
)
from utility_ts_analytics.archive.job import ArchiveJob, exported
from utility_ts_analytics.archive.lines import archived_lines
from utility_ts_analytics.archive.tables import ArchiveTable, LiveState, columns_of_text, read_live
from utility_ts_analytics.archive.verify import archived_paths
from utility_ts_analytics.database.lasting import lasting
from utility_ts_analytics.database.pool import Connection
from utility_ts_analytics.errors import OperatorError

_CAUSE_BYTES_MAX = 2048


@dataclass(slots=True)
class RestoreReport:
    """What a restore did.

    Attributes:
        files: Whose rows QuestDB now has.
        written: Those of them that were sent by this run.
        rows: Sent by this run.
        problems: One line for each file that differs from QuestDB.
    """

    files: int = 0
    written: int = 0
    rows: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Restored:
    """A table that is being restored."""

    table: ArchiveTable
    live: LiveState
    paths: Mapping[date | None, Path]
    facts: Mapping[Path, Facts]


async def restore_archive(job: ArchiveJob) -> RestoreReport:
    """Send all archived rows of this shard to QuestDB, and compare.

    Raises:
        QuestDBUnavailable: QuestDB is away; run it again.
        OperatorError: A table has other rows, a file is damaged, or QuestDB refuses rows. Nothing
            is sent before every table and every file's metadata has been looked at.
    """
    report = RestoreReport()
    with held_archive(job.root, job.shard):
        async with lasting(job.pg_uri) as connection:
            tables = [await _prepared(connection, job, table) for table in job.tables]
            done: set[Path] = set()
            for restored in tables:
                done |= await _present(job, restored)
            for restored in tables:
                await _send_table(connection, job, restored, done, report)
    return report


async def _prepared(connection: Connection, job: ArchiveJob, table: ArchiveTable) -> _Restored:
    paths = archived_paths(job, table)
    live = await read_live(connection, table, event_ids=job.event_ids, clock=job.clock)
    facts: dict[Path, Facts] = {}
    for path, found in look_at_files(job.root, list(paths.values())).items():
        if isinstance(found, OperatorError):
            raise found
        known = {column.name for column in live.columns} | {"event_id"}
        for column in columns_of_text(found.columns):
            if column.name not in known:
                raise OperatorError(
                    f"cannot restore {path}: {table.name} has no column {column.name}; add it with"
                    f" ALTER TABLE {table.name} ADD COLUMN {column.name} {column.type}"
                )
        facts[path] = found
    strangers = [day for day in live.days if day not in paths]
    if strangers:
        raise _not_empty(table, f"rows of {strangers[0]}, which is not archived")
    return _Restored(table, live, paths, facts)


async def _present(job: ArchiveJob, restored: _Restored) -> set[Path]:
    """Return the files whose rows QuestDB has already.

    Raises:
        OperatorError: The table has other rows.
    """
    done = set()
    for day, path in restored.paths.items():
        if day is not None and day not in restored.live.days:
            continue
        theirs, missing = await asyncio.to_thread(_compare, job, restored, day, path)
        if missing:
            raise _not_empty(restored.table, f"{missing:,} rows that {path} does not have")
        if theirs.rows == restored.facts[path].rows:
            done.add(path)
    return done


async def _send_table(
    connection: Connection,
    job: ArchiveJob,
    restored: _Restored,
    done: set[Path],
    report: RestoreReport,
) -> None:
    table = restored.table
    for number, (day, path) in enumerate(restored.paths.items()):
        job.progress(f"restoring {table.name} {day or ''}".rstrip(), number, len(restored.paths))
        facts = restored.facts[path]
        if path not in done:
            await asyncio.to_thread(_send, job, table, path, facts)
            report.written += 1
            report.rows += facts.rows
    # Waits until all of it is visible.
    await read_live(connection, table, event_ids=job.event_ids, clock=job.clock)
    for day, path in restored.paths.items():
        if path in done:
            report.files += 1
            continue
        theirs, missing = await asyncio.to_thread(_compare, job, restored, day, path)
        if missing or theirs.rows != restored.facts[path].rows:
            report.problems.append(
                f"{path}: QuestDB has {theirs.rows:,} of {restored.facts[path].rows:,} rows, "
                f"{missing:,} of them with other values; run archive --restore again"
            )
        else:
            report.files += 1


def _compare(
    job: ArchiveJob, restored: _Restored, day: date | None, path: Path
) -> tuple[Content, int]:
    """Return what QuestDB has of a file's day, and how many of those rows the file lacks."""
    table = restored.table
    columns = columns_of_text(restored.facts[path].columns)
    days = None if day is None else (day, day)
    with exported(job, table, columns, days, path=path) as (engine, raw):
        theirs = engine.content_of(raw, columns)
        if theirs.rows == 0 or theirs == engine.content_of(path, columns):
            return theirs, 0
        return theirs, engine.count_missing(raw, path, columns)


def _send(job: ArchiveJob, table: ArchiveTable, path: Path, facts: Facts) -> None:
    columns = columns_of_text(facts.columns)
    connection = open_http(job.server)
    try:
        with engine_trouble(path, path), job.engine() as engine:
            for lines in archived_lines(engine, table, columns, path):
                post_lines(job.server, connection, lines, f"restore {path}")
    finally:
        connection.close()


def post_lines(
    server: QuestDBHttp, connection: http.client.HTTPConnection, lines: bytes, purpose: str
) -> None:
    """Send lines as one transaction.

    Args:
        server: Of the connection.
        connection: Open; can be used again afterwards.
        lines: ILP.
        purpose: What cannot be done if they are refused, for the message.

    Raises:
        QuestDBUnavailable: The connection broke.
        OperatorError: QuestDB refused the lines.
    """
    try:
        connection.request("POST", "/write", body=lines, headers=login(server))
        answer = connection.getresponse()
        cause = answer.read(_CAUSE_BYTES_MAX)
    except (OSError, http.client.HTTPException) as error:
        raise unavailable(server, error) from error
    if answer.status != http.client.NO_CONTENT:
        text = cause.decode("utf-8", "replace").splitlines()
        raise OperatorError(
            f"cannot {purpose}: QuestDB at {server.address} refused rows ({answer.status}):"
            f" {text[0] if text else 'no cause given'}"
        )


def _not_empty(table: ArchiveTable, what: str) -> OperatorError:
    return OperatorError(
        f"cannot restore {table.name}: the table has {what}; restore into an empty table (nothing"
        " was changed)"
    )
