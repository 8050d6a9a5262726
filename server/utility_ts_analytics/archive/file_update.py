"""One file of the archive brought up to what QuestDB has.

Rows are never removed from an archived file: those that QuestDB no longer has (a partition was
dropped, and late rows created it again) are kept beside those that it has.

Every export is compared with QuestDB's own SQL: rows, and values of every column. Exports have been
wrong: 9.3.4 sends a VARCHAR column as NULL where none of its values is longer than 9 bytes
(`export.day_sql` goes around that; `test_export_has_every_short_text`). A digest of two such
exports would be the same, so the counts come from a second path through the server.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final, Literal

import msgspec

from utility_ts_analytics.archive.contents import Facts, engine_trouble, facts_text
from utility_ts_analytics.archive.duckdb_sql import quoted
from utility_ts_analytics.archive.engine import DIGEST_BY, Engine
from utility_ts_analytics.archive.export import ask, day_sql, export, range_sql
from utility_ts_analytics.archive.folder import (
    export_path,
    make_day_folder,
    new_path,
    put_in_place,
    writing,
)
from utility_ts_analytics.archive.job import ArchiveJob
from utility_ts_analytics.archive.state import Moment, read_transactions
from utility_ts_analytics.archive.tables import ArchiveTable, column_text, columns_of_text
from utility_ts_analytics.database.pool import Connection
from utility_ts_analytics.database.table_spec import ColumnSpec
from utility_ts_analytics.errors import OperatorError

TRIES: Final = 3
"""Exports of a day, if others write to it during the export."""


@dataclass(frozen=True, slots=True)
class Target:
    """One file that is to be brought up to date.

    Attributes:
        table: Its table.
        day: Its day (UTC); None for a table that is one file.
        path: Where it is, or will be.
        columns: What is archived.
        moment: All transactions up to it are applied before the export.
        old: Facts of the present file; None without one.
    """

    table: ArchiveTable
    day: date | None
    path: Path
    columns: Sequence[ColumnSpec]
    moment: Moment
    old: Facts | None


@dataclass(frozen=True, slots=True)
class Updated:
    """Result for one file.

    Attributes:
        what: "written", "equal" (QuestDB has what is archived) or "empty" (it has no rows).
        rows: Of the file; 0 for "empty".
        size_bytes: Of the file, if it was written.
        kept_rows: Rows of the file that only the archive has.
        final: As `Facts.final`.
    """

    what: Literal["written", "equal", "empty"]
    rows: int = 0
    size_bytes: int = 0
    kept_rows: int = 0
    final: bool = False


@dataclass(frozen=True, slots=True)
class _Export:
    """An export whose counts are not those of QuestDB's SQL.

    Attributes:
        exported_at: When it began.
        difference: Error message if nobody wrote to the table during the export.
    """

    exported_at: datetime
    difference: str


async def update_file(connection: Connection, job: ArchiveJob, target: Target) -> Updated:
    """Export the rows of a file, compare, and write the file if they differ.

    Raises:
        QuestDBUnavailable: No connection, or it broke. The file is as it was.
        OperatorError: QuestDB refuses, its export is wrong, or the disk or a file is in trouble.
            The file is as it was.
    """
    table = target.table.name
    raw = export_path(job.root, table, job.shard)
    try:
        for number in range(1, TRIES + 1):
            before = await read_transactions(connection, table)
            result = await asyncio.to_thread(_export_and_update, job, target, raw)
            if isinstance(result, Updated):
                return result
            if await read_transactions(connection, table) == before:
                raise OperatorError(result.difference)
            if number == TRIES:
                # Each export is one state of the table. If others write to the day all the time it
                # is archived as it was, and is not final.
                return await asyncio.to_thread(_update_unsettled, job, target, raw, result)
    finally:
        raw.unlink(missing_ok=True)
    raise AssertionError("the last try returns or raises")


def _export_and_update(job: ArchiveJob, target: Target, raw: Path) -> Updated | _Export:
    """Export the rows, and update the file if QuestDB's SQL counts the same."""
    day = target.day
    days = None if day is None else (day, day)
    sql = day_sql(target.table.name, target.columns, target.table.spec.timestamp, days)
    with _trouble(raw, target):
        make_day_folder(raw.parent)
        exported_at = job.now()
        export(job.server, sql, raw)
        with job.engine() as engine:
            difference = _difference(job, engine, target, raw)
            if difference is not None:
                return _Export(exported_at, difference)
            return _updated(job, engine, target, raw, exported_at=exported_at, settled=True)


def _update_unsettled(job: ArchiveJob, target: Target, raw: Path, result: _Export) -> Updated:
    with _trouble(raw, target), job.engine() as engine:
        return _updated(job, engine, target, raw, exported_at=result.exported_at, settled=False)


@contextmanager
def _trouble(raw: Path, target: Target) -> Iterator[None]:
    with writing(target.path), engine_trouble(raw, target.path):
        yield


def _difference(job: ArchiveJob, engine: Engine, target: Target, raw: Path) -> str | None:
    """Compare an export with what QuestDB's SQL counts; return the difference, None if equal.

    Raises:
        QuestDBUnavailable: QuestDB is away.
    """
    table, day = target.table, target.day
    counted = ", ".join(f"count({quoted(column.name)})" for column in target.columns)
    where = range_sql(table.spec.timestamp, None if day is None else (day, day))
    (theirs,) = ask(job.server, f"SELECT count(), {counted} FROM {quoted(table.name)}{where}")
    names = ("rows", *(column.name for column in target.columns))
    mine = engine.counts_of(raw, target.columns)
    for name, got, want in zip(names, mine, map(int, map(str, theirs)), strict=True):
        if got != want:
            return (
                f"cannot archive {table.name} {day or ''}: QuestDB at {job.server.address} exported"
                f" {got:,} values of {name} and counts {want:,}; nothing was written. Run it again,"
                " and report it if it stays so"
            )
    return None


def _updated(
    job: ArchiveJob,
    engine: Engine,
    target: Target,
    raw: Path,
    *,
    exported_at: datetime,
    settled: bool,
) -> Updated:
    """Compare an export with the archived file; write the file if they differ."""
    old = target.old
    content = engine.content_of(raw, target.columns)
    if content.rows == 0:
        return Updated("empty")
    facts = Facts(
        table=target.table.name,
        day=target.day,
        shard=job.shard,
        rows=content.rows,
        digest=content.digest,
        source_digest=content.digest,
        digest_by=DIGEST_BY,
        columns=column_text(target.columns),
        final=settled and job.is_final(target.day, exported_at),
        exported_at=exported_at,
        directory=target.moment.directory,
        txn=target.moment.txn,
        committed_at=target.moment.committed_at,
    )
    if old is not None:
        if (old.columns, old.source_digest, old.digest_by, old.final) == (
            facts.columns,
            facts.source_digest,
            facts.digest_by,
            facts.final,
        ):
            return Updated("equal", old.rows, kept_rows=old.kept_rows, final=old.final)
        kept = engine.kept_content(target.path, raw, target.table.keys, target.columns)
        if kept.rows:
            _refuse_narrower(target, old)
            whole = content + kept
            facts = msgspec.structs.replace(
                facts, rows=whole.rows, digest=whole.digest, kept_rows=kept.rows
            )
    _write(engine, target, raw, facts)
    size_bytes = target.path.stat().st_size
    return Updated("written", facts.rows, size_bytes, facts.kept_rows, facts.final)


def _refuse_narrower(target: Target, old: Facts) -> None:
    """Refuse to drop values of kept rows because their column is not archived now."""
    names = {column.name for column in target.columns}
    lost = [column.name for column in columns_of_text(old.columns) if column.name not in names]
    if lost:
        raise OperatorError(
            f"cannot write {target.path}: it has rows that QuestDB does not have any more, with the"
            f" column {lost[0]}, which is not archived now; set archive.event_ids = true if it is"
            " event_id, else add the column to the table again"
        )


def _write(engine: Engine, target: Target, raw: Path, facts: Facts) -> None:
    new = new_path(target.path)
    make_day_folder(target.path.parent)
    try:
        engine.write_sorted(
            new,
            raw,
            target.columns,
            kept_of=target.path if facts.kept_rows else None,
            order=target.table.order,
            keys=target.table.keys,
            metadata=facts_text(facts),
        )
        # Read the file back: disks and encoders fail silently.
        if engine.content_of(new, target.columns).digest != facts.digest:
            raise OperatorError(
                f"cannot write {target.path}: what was written reads back otherwise; check the disk"
            )
        put_in_place(new, target.path)
    finally:
        new.unlink(missing_ok=True)
