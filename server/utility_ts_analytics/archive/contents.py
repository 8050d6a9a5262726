"""What an archive holds: files by table, day and shard, as their own metadata says. Reads only."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from utility_ts_analytics.archive.engine import CannotWrite, DamagedFile, Engine, NoMemory
from utility_ts_analytics.archive.folder import day_of, is_data_file, spill_folder, table_folder
from utility_ts_analytics.errors import OperatorError

FORMAT: Final = 1
"""Of the facts; a later one may mean other things."""

_MEMORY_MIB: Final = 256
"""More than enough to read metadata."""

_FOLDERS_MAX: Final = 50_000
"""Longer periods are looked up in the listing instead of day by day."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one file; stored as JSON in the file's own metadata.

    Attributes:
        format: `FORMAT`.
        table: Name in QuestDB.
        day: UTC; None for a table that is one file.
        shard: Which QuestDB it comes from.
        rows: Rows of the file.
        digest: Of the rows of the file, in any order (`Engine.content_of`).
        source_digest: Of the rows that QuestDB had; as `digest` unless `kept_rows` > 0.
        digest_by: Function that made the digests; those of another one cannot be compared.
        columns: Names and QuestDB types (`tables.column_text`).
        kept_rows: Rows that were archived before and that QuestDB did not have any more.
        final: The day had ended long enough before, and all that was committed was seen.
        exported_at: When the export began.
        directory: QuestDB's name of the table's directory; a new table of that name has another.
        txn: Transaction up to which everything committed is in the file.
        committed_at: When QuestDB committed that transaction; "" if it does not know.
    """

    format: int = FORMAT
    table: str
    day: date | None
    shard: str
    rows: int
    digest: str
    source_digest: str
    digest_by: str
    columns: str
    kept_rows: int = 0
    final: bool
    exported_at: datetime
    directory: str
    txn: int
    committed_at: str


@dataclass(frozen=True, slots=True)
class ArchivedDay:
    """One file: the rows of one table, day and shard.

    Attributes:
        path: Of the file.
        table: Name in QuestDB.
        day: UTC day of the rows' designated timestamp.
        shard: Which QuestDB they come from.
        rows: How many, >= 1.
        final: As `Facts.final`. Corrections may still come.
        exported_at: When the export began; aware, UTC.
        digest: Of the rows, whatever their order.
        txn: As `Facts.txn`.
    """

    path: Path
    table: str
    day: date
    shard: str
    rows: int
    final: bool
    exported_at: datetime
    digest: str
    txn: int


def days_of(root: Path, table: str, first: date, last: date) -> list[ArchivedDay]:
    """Return the archived days of a table, by day, then by shard; may be empty.

    A year takes some 0.1 s.

    Args:
        root: The archive's folder.
        table: Name in QuestDB.
        first: First day.
        last: Last day, inclusive.

    Raises:
        OperatorError: The folder is not there, or a file is damaged or not of the archive; the
            message names it and says what to do.
    """
    _require(root)
    found = [
        (path, day)
        for day, folder in sorted(_day_folders(root, table, first, last))
        for path in sorted(_listed(folder))
        if is_data_file(path)
    ]
    looked_at = look_at_files(root, [path for path, _ in found])
    return [_archived_day(path, table, day, looked_at[path]) for path, day in found]


def reference_of(root: Path, table: str) -> list[Path]:
    """Return the files of a table that is kept whole, one per shard, by name; may be empty.

    Raises:
        OperatorError: The archive's folder is not there.
    """
    _require(root)
    return sorted(path for path in _listed(table_folder(root, table)) if is_data_file(path))


def look_at_files(root: Path, paths: list[Path]) -> dict[Path, Facts | OperatorError]:
    """Return the facts of each file, or the error about it, by path, in their order."""
    texts: dict[Path, bytes] = {}
    looked_at: dict[Path, Facts | OperatorError] = {}
    with Engine(memory_mib=_MEMORY_MIB, spill=spill_folder(root, "contents")) as engine:
        try:
            texts = engine.metadata_of(paths)
        except DamagedFile:
            for path in paths:
                try:
                    texts |= engine.metadata_of([path])
                except DamagedFile as error:
                    looked_at[path] = damaged(path, error.cause)
    for path in paths:
        if path in looked_at:
            continue
        if path not in texts:
            looked_at[path] = damaged(path, "it was not written by ingestion-service archive")
            continue
        try:
            looked_at[path] = facts_of_text(texts[path])
        except ValueError as error:
            looked_at[path] = damaged(path, str(error))
    return {path: looked_at[path] for path in paths}


def damaged(path: Path, cause: str) -> OperatorError:
    """Return the error about a file that cannot be used."""
    return OperatorError(
        f"cannot use {path}: {cause}; move it away and run ingestion-service archive, which writes"
        " it again while QuestDB has the rows, or put a copy of it in its place"
    )


def facts_text(facts: Facts) -> str:
    """Return the JSON for the file's metadata."""
    return msgspec.json.encode(facts).decode()


def facts_of_text(text: str | bytes) -> Facts:
    """Return the facts of such a JSON.

    Raises:
        ValueError: It is something else, or of a later format. The message is one line.
    """
    try:
        facts = msgspec.json.decode(text, type=Facts)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise ValueError(f"its metadata cannot be read ({error})") from error
    if facts.format != FORMAT:
        raise ValueError(f"it is of format {facts.format}, this version reads format {FORMAT}")
    return facts


@contextmanager
def engine_trouble(raw: Path, target: Path) -> Iterator[None]:
    """Turn DuckDB's errors about files and memory into errors that name the remedy.

    Args:
        raw: What QuestDB sent.
        target: The file of the archive.

    Raises:
        OperatorError: In the place of every error of `engine`.
    """
    try:
        yield
    except DamagedFile as error:
        if error.path == raw:
            raise OperatorError(
                f"cannot read what QuestDB sent for {target}: {error.cause}; run it again"
            ) from error
        raise damaged(error.path, error.cause) from error
    except CannotWrite as error:
        raise OperatorError(
            f"cannot write {target}: {error}; make room and run it again: what is archived stays,"
            " nothing is half"
        ) from error
    except NoMemory as error:
        raise OperatorError(f"cannot write {target}: {error}; raise archive.memory_mib") from error


def _archived_day(path: Path, table: str, day: date, found: Facts | OperatorError) -> ArchivedDay:
    if isinstance(found, OperatorError):
        raise found
    if (found.table, found.day) != (table, day):
        raise OperatorError(
            f"cannot use {path}: its metadata says {found.table} of {found.day};"
            " put it back where it was, or remove it and run ingestion-service archive"
        )
    return ArchivedDay(
        path,
        found.table,
        day,
        found.shard,
        found.rows,
        found.final,
        found.exported_at,
        found.digest,
        found.txn,
    )


def _day_folders(root: Path, table: str, first: date, last: date) -> Iterator[tuple[date, Path]]:
    folder = table_folder(root, table)
    count = (last - first).days + 1
    if count > _FOLDERS_MAX:
        for path in _listed(folder):
            day = day_of(path)
            if day is not None and first <= day <= last:
                yield day, path
        return
    for number in range(count):
        day = first + timedelta(days=number)
        path = folder / f"day={day.isoformat()}"
        if path.is_dir():
            yield day, path


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except FileNotFoundError:
        return []


def _require(root: Path) -> None:
    if not root.is_dir():
        raise OperatorError(
            f"cannot read the archive {root}: no such folder; check archive.dir, or mount the disk"
        )
