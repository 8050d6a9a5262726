"""DuckDB as the archive uses it: digests, sorted files, metadata; in bounded memory."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import duckdb

from utility_ts_analytics.archive.duckdb_sql import (
    archived_value,
    hashed_value,
    kept_rows,
    literal,
    open_duckdb,
    quoted,
    scan,
)
from utility_ts_analytics.database.table_spec import ColumnSpec

if TYPE_CHECKING:
    import pyarrow as pa

ROW_GROUP_ROWS: Final = 61_440
"""Rows of a meter and day lie in one or two row groups of this size (figures: decision 0032)."""

DIGEST_BY: Final = f"duckdb-{duckdb.__version__}"
"""DuckDB's `hash` may change with its version."""

METADATA_KEY: Final = "utility_ts_analytics.archive"
"""Key of the Parquet key-value metadata; its value is JSON."""

SOURCE: Final = "$file"
"""Stands for the file in a query for `Engine.stream`."""


class DamagedFile(Exception):
    """A Parquet file cannot be read.

    Attributes:
        path: Of the file.
        cause: DuckDB's message, one line.
    """

    def __init__(self, path: Path, cause: str) -> None:
        super().__init__(f"cannot read {path}: {cause}")
        self.path = path
        self.cause = cause


class CannotWrite(Exception):
    """DuckDB could not write: no space, no permission, or the folder is gone."""


class NoMemory(Exception):
    """The memory that DuckDB may use is not enough."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a file holds, whatever the order of its rows.

    Attributes:
        rows: How many.
        xor: Of the hashes of all rows, 64 bits.
        total: Sum of the same hashes.
    """

    rows: int
    xor: int
    total: int

    @property
    def digest(self) -> str:
        """Equal for equal content; different content collides with probability 2^-64 (0032)."""
        return f"{self.rows:x}-{self.xor:016x}-{self.total:x}"

    def __add__(self, other: "Content") -> "Content":
        """Return what both together hold."""
        return Content(self.rows + other.rows, self.xor ^ other.xor, self.total + other.total)


class Engine:
    """One DuckDB in memory that spills into a folder. Not thread-safe.

    Args:
        memory_mib: What DuckDB may use, MiB.
        spill: Folder for the rest; made when needed.
    """

    def __init__(self, *, memory_mib: int, spill: Path) -> None:
        self._connection = open_duckdb(memory_mib=memory_mib, spill=spill)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._connection.close()

    def content_of(self, path: Path, columns: Sequence[ColumnSpec]) -> Content:
        """Read all of a file and return what it holds.

        Args:
            path: From QuestDB's export or of the archive; both give the same digest.
            columns: Those that count.

        Raises:
            DamagedFile: It cannot be read, or lacks a column.
        """
        return self._content(scan(path), columns, path)

    def _content(self, relation: str, columns: Sequence[ColumnSpec], path: Path) -> Content:
        hashed = ", ".join(hashed_value(column) for column in columns)
        # The outer hash mixes once more: DuckDB combines the hashes of columns by XOR, and under
        # bit_xor alone two rows that swap a value would cancel out.
        sql = (
            "SELECT count(*), coalesce(bit_xor(h), 0), coalesce(sum(h::HUGEINT), 0)"
            f" FROM (SELECT hash(hash({hashed})) AS h FROM {relation})"
        )
        with _reading(path):
            ((rows, xor, total),) = self._connection.execute(sql).fetchall()
        return Content(int(rows), int(xor), int(total))

    def counts_of(self, path: Path, columns: Sequence[ColumnSpec]) -> tuple[int, ...]:
        """Return the number of rows of a file, and of values of each column that are not NULL."""
        counted = ", ".join(f"count({quoted(column.name)})" for column in columns)
        with _reading(path):
            (counts,) = self._connection.execute(
                f"SELECT count(*), {counted} FROM {scan(path)}"
            ).fetchall()
        return tuple(map(int, counts))

    def kept_content(
        self, old: Path, new: Path, keys: Sequence[str], columns: Sequence[ColumnSpec]
    ) -> Content:
        """Return the content of rows of `old` whose business keys `new` lacks.

        Args:
            old: A file of the archive.
            new: QuestDB's rows.
            keys: Of the table.
            columns: Of the result; those that `old` lacks are NULL in its rows.
        """
        return self._content(f"{kept_rows(old, new, keys, columns)}", columns, old)

    def count_missing(self, rows: Path, file: Path, columns: Sequence[ColumnSpec]) -> int:
        """Return how many rows of `rows` are not in `file` with all their values."""
        names = ", ".join(archived_value(column) for column in columns)
        sql = (
            f"SELECT count(*) FROM (SELECT {names} FROM {scan(rows)}"
            f" EXCEPT ALL SELECT {names} FROM {scan(file)})"
        )
        with _reading(file):
            ((count,),) = self._connection.execute(sql).fetchall()
        return int(count)

    def write_sorted(
        self,
        target: Path,
        rows: Path,
        columns: Sequence[ColumnSpec],
        *,
        kept_of: Path | None,
        order: Sequence[str],
        keys: Sequence[str],
        metadata: str,
    ) -> None:
        """Write a file of the archive.

        Args:
            target: Written in place; the caller renames it.
            rows: What QuestDB sent.
            columns: Of the file.
            kept_of: An archived file; its rows whose keys `rows` lacks are kept.
            order: Columns by which the rows are sorted.
            keys: Of the table.
            metadata: Value of `METADATA_KEY`.

        Raises:
            DamagedFile: A source cannot be read.
            CannotWrite: The file cannot be written.
            NoMemory: More memory is needed.
        """
        names = ", ".join(map(archived_value, columns))
        select = f"SELECT {names} FROM {scan(rows)}"
        if kept_of is not None:
            kept = kept_rows(kept_of, rows, keys, columns)
            select += f" UNION ALL SELECT {names} FROM {kept}"
        by = ", ".join(quoted(name) for name in order)
        self._copy(f"SELECT * FROM ({select}) ORDER BY {by}", target, metadata, rows)

    def stream(self, sql: str, path: Path, *, batch_rows: int) -> "Iterator[pa.RecordBatch]":
        """Yield the answer to a query over one file, as Arrow batches of at most so many rows.

        Raises:
            DamagedFile: The file cannot be read.
            NoMemory: More memory is needed.
        """
        with _reading(path):
            reader = self._connection.sql(sql.replace(SOURCE, scan(path))).to_arrow_reader(
                batch_rows
            )
        while True:
            with _reading(path):
                batch = next(reader, None)
            if batch is None:
                return
            yield batch

    def answer(self, sql: str, rows: "pa.RecordBatch") -> list[tuple[object, ...]]:
        """Return the answer to a query over Arrow rows in the place of `SOURCE`."""
        # A cursor of its own: a stream may be open.
        cursor = self._connection.cursor()
        try:
            cursor.register("given_rows", rows)
            return cursor.execute(sql.replace(SOURCE, "given_rows")).fetchall()
        finally:
            cursor.close()

    def _copy(self, select: str, target: Path, metadata: str, source: Path) -> None:
        sql = (
            f"COPY ({select}) TO {literal(str(target))} (FORMAT parquet, COMPRESSION zstd,"
            f" ROW_GROUP_SIZE {ROW_GROUP_ROWS},"
            f" KV_METADATA {{{literal(METADATA_KEY)}: {literal(metadata)}}})"
        )
        with _reading(source, written=target):
            self._connection.execute(sql)

    def metadata_of(self, paths: Sequence[Path]) -> dict[Path, bytes]:
        """Return the archive's metadata of files, by path; those without any are left out.

        Raises:
            DamagedFile: One of them cannot be read; the error names the first of all.
        """
        with _reading(paths[0] if paths else Path()):
            return self._metadata_of(paths)

    def _metadata_of(self, paths: Sequence[Path]) -> dict[Path, bytes]:
        if not paths:
            return {}
        names = ", ".join(literal(str(path)) for path in paths)
        rows = self._connection.execute(
            f"SELECT file_name, value FROM parquet_kv_metadata([{names}])"
            f" WHERE key = {literal(METADATA_KEY)}::BLOB"
        ).fetchall()
        return {Path(name): bytes(value) for name, value in rows}


@contextmanager
def _reading(path: Path, *, written: Path | None = None) -> Iterator[None]:
    """Turn DuckDB's errors into those of this module."""
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        text = _line(error)
        if "max_temp_directory_size" in text:
            raise CannotWrite(text) from error
        raise NoMemory(text) from error
    except duckdb.IOException as error:
        text = _line(error)
        if "write" in text.lower() or (written is not None and str(written) in text):
            raise CannotWrite(text) from error
        raise DamagedFile(path, text) from error
    except duckdb.Error as error:
        raise DamagedFile(path, _line(error)) from error


def _line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
