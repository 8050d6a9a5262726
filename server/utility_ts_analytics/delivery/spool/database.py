"""The spool, blocking: records appended at one end and delivered at the other.

SQLite syncs each commit before it returns (`synchronous = FULL`).
"""

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
import structlog

from utility_ts_analytics.clock import Clock
from utility_ts_analytics.delivery.spool.record import (
    Appended,
    Record,
    SpoolBroken,
    SpoolFull,
    Stored,
    decode_rows,
    digest_of,
    encode_rows,
)
from utility_ts_analytics.delivery.spool.shared_database import SharedDatabase, put, transaction
from utility_ts_analytics.records.reading import Reading
from utility_ts_analytics.records.streams import StreamSpec

_FREE_BYTES_MIN: Final = 262_144
"""Left free on the disk, beside twice the record: SQLite writes it to its log, then to the file."""

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


class SpoolDatabase:
    """The steps of `Spool`, which runs them in its thread.

    Attributes:
        lost_rows: Acknowledged rows found damaged so far; a lower bound after damage to the
            database itself.
    """

    def __init__(
        self,
        folder: Path,
        spec: StreamSpec,
        *,
        max_bytes: int,
        clock: Clock,
        note_rows: Callable[[int], None],
        known_rows: Callable[[], int],
    ) -> None:
        self._folder = folder
        self._stream = spec.name
        self._max_bytes = max_bytes
        self._note_rows = note_rows
        self._decoder = msgspec.json.Decoder(spec.signed_record_type)
        self._shared = SharedDatabase(
            folder, spec.name, clock=clock, known_rows=known_rows, lost=self._note_lost
        )
        self.lost_rows = 0

    def open(self) -> str | None:
        """Open the database and count what waits; return why it cannot be used, or None."""
        self._warn_of_segments()
        try:
            self.count()
        except (OSError, sqlite3.Error) as error:
            return (
                f"cannot use the spool {self._folder}: {_cause(error)};"
                f" make it writable, or change {self._stream}.spool.dir"
            )
        return None

    def count(self) -> None:
        """Publish how many rows wait; errors as `oldest`."""
        with self._shared.turn() as connection:
            self._count(connection)

    def append(self, rows: Sequence[Reading], origin: int) -> Appended | SpoolFull | SpoolBroken:
        """Append rows, on the disk."""
        parts = list(encode_rows(rows))
        size_bytes = sum(map(len, parts))
        what = f"cannot spool {len(rows)} rows"
        try:
            with self._shared.turn() as connection:
                used_bytes = _used_bytes(connection)
                if used_bytes + size_bytes > self._max_bytes:
                    return SpoolFull(
                        f"{what}: {used_bytes} of {self._max_bytes} bytes are taken;"
                        f" see {self._stream}.spool.max_bytes"
                    )
                if _free_bytes(self._folder) < 2 * size_bytes + _FREE_BYTES_MIN:
                    return SpoolFull(f"{what}: the disk is full")
                return Appended(self._insert(connection, parts, len(rows), origin))
        except (OSError, sqlite3.Error) as error:
            full = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
            reason = f"{what}: {_cause(error)}"
            return SpoolFull(reason) if full else SpoolBroken(reason)

    def oldest(self) -> Record | None:
        """Return the next record; damaged ones before it are set aside.

        Raises:
            OSError: It cannot be read now.
            sqlite3.Error: The same.
        """
        with self._shared.turn() as connection:
            while True:
                found = connection.execute(
                    "select number, row_count, origin, digest from records order by number limit 1"
                ).fetchone()
                if found is None:
                    self._count(connection)
                    return None
                number, row_count, origin, digest = found
                parts = list(_parts_of(connection, number))
                rows = decode_rows(parts, digest, self._decoder)
                if rows is not None and len(rows) == row_count:
                    return Record(number, origin, rows)
                self._set_aside(connection, number, row_count)

    def remove(self, number: int) -> None:
        """Take a record away; errors as `oldest`."""
        with self._shared.turn() as connection:
            self._delete(connection, number)

    def try_to_deliver(self) -> bool:
        """Tell whether this spool delivers from now on: one per stream does, until its end.

        Raises:
            OSError: Locks do not work here.
        """
        return self._shared.try_to_deliver()

    def adopt(self, *, known: Callable[[int], bool], heir: int) -> int:
        """Change the origin of records that are not of this service; return their rows.

        Errors as `oldest`.
        """
        with self._shared.turn() as connection:
            origins = connection.execute("select distinct origin from records").fetchall()
            adopted_rows = 0
            for (origin,) in origins:
                if not known(origin):
                    (rows,) = connection.execute(
                        "select sum(row_count) from records where origin = ?", (origin,)
                    ).fetchone()
                    adopted_rows += rows
                    connection.execute(
                        "update records set origin = ? where origin = ?", (heir, origin)
                    )
            self._count(connection)
            return adopted_rows

    def close(self) -> None:
        """Close the database and release the locks; what is not delivered stays."""
        self._shared.close()

    def _insert(
        self, connection: sqlite3.Connection, parts: list[bytes], row_count: int, origin: int
    ) -> int:
        with transaction(connection):
            number, rows = connection.execute(
                "update totals set last_number = last_number + 1, row_count = row_count + ?"
                " returning last_number, row_count",
                (row_count,),
            ).fetchone()
            put(connection, Stored(number, row_count, origin, digest_of(parts), parts))
            # Before the commit: a kill right after it must not let later rows pass the record.
            # Where the commit fails, the next reader of the record counts again.
            self._note_rows(rows)
        return int(number)

    def _delete(self, connection: sqlite3.Connection, number: int) -> None:
        with transaction(connection):
            deleted = connection.execute(
                "delete from records where number = ? returning row_count", (number,)
            ).fetchone()
            connection.execute("delete from parts where number = ?", (number,))
            if deleted is not None:
                connection.execute("update totals set row_count = row_count - ?", deleted)
        if self._count(connection) == 0:
            connection.executescript("pragma incremental_vacuum")  # `execute` does one page
            connection.execute("pragma wal_checkpoint(truncate)").fetchall()

    def _count(self, connection: sqlite3.Connection) -> int:
        (rows,) = connection.execute("select row_count from totals").fetchone()
        self._note_rows(rows)
        return int(rows)

    def _note_lost(self, rows: int) -> None:
        self.lost_rows += rows

    def _set_aside(self, connection: sqlite3.Connection, number: int, row_count: int) -> None:
        aside = self._shared.set_aside_record(_parts_of(connection, number))
        self._delete(connection, number)
        self._note_lost(row_count)
        _log.error("a spooled record is damaged and was set aside", file=str(aside), rows=row_count)

    def _warn_of_segments(self) -> None:
        """Log rows that an earlier version left in its own format: this one does not read it."""
        left = [str(path) for path in self._folder.glob(f"{self._stream}/*/*.spool")]
        if left:
            _log.error(
                "spooled rows of version 0.1 are not delivered by this one;"
                " their lines can be posted (docs/OPERATIONS.md, Upgrade)",
                files=left[:10],
            )


def _parts_of(connection: sqlite3.Connection, number: int) -> Iterator[bytes]:
    query = "select lines from parts where number = ? order by part"
    return (lines for (lines,) in connection.execute(query, (number,)))


def _used_bytes(connection: sqlite3.Connection) -> int:
    pages, free_pages, page_bytes = (
        connection.execute(f"pragma {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free_pages) * page_bytes)


def _free_bytes(folder: Path) -> int:
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def _cause(error: OSError | sqlite3.Error) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
