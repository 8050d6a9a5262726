"""The SQLite database of one stream's spool, shared by processes that take turns.

A damaged database is set aside, and a new one takes over the records that can still be read. The
new one has a new name: SQLite removes the log of a database by name when the last connection
closes, and that must never be the log of the new one.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import structlog

from utility_ts_analytics.clock import Clock
from utility_ts_analytics.delivery.spool.files import (
    damaged_name,
    locked,
    make_directory,
    open_private,
    sync_directory,
    try_lock,
)
from utility_ts_analytics.delivery.spool.record import Stored, digest_of
from utility_ts_analytics.delivery.spool.salvage import is_damage, readable_records

_SCHEMA: Final = """
create table if not exists records
    (number integer primary key, row_count integer not null, origin integer not null, digest blob);
create table if not exists parts
    (number integer, part integer, lines blob not null, primary key (number, part)) without rowid;
create table if not exists totals (last_number integer not null, row_count integer not null);
"""
_FIRST_TOTALS: Final = "insert into totals select ?, 0 where not exists (select * from totals)"
_COUNT_AGAIN: Final = (
    "update totals set row_count = (select coalesce(sum(row_count), 0) from records)"
)

_PRAGMAS: Final = (
    "auto_vacuum = incremental",
    "journal_mode = wal",
    "synchronous = full",
    "secure_delete = off",
    "wal_autocheckpoint = 1",  # the log stays short, so that removing needs no room on the disk
)

_ENDINGS: Final = ("", "-wal", "-shm")

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


class SharedDatabase:
    """Lends its connection for one step at a time. Used by one thread.

    Args:
        folder: Where the files are; made when they are needed.
        stream: Begins their names.
        clock: For waits, and for the first number of a new database.
        known_rows: Returns how many rows wait, as far as is known.
        lost: Called with the number of acknowledged rows that cannot be read any more.
    """

    def __init__(
        self,
        folder: Path,
        stream: str,
        *,
        clock: Clock,
        known_rows: Callable[[], int],
        lost: Callable[[int], None],
    ) -> None:
        self.folder = folder
        self._stream = stream
        self._clock = clock
        self._known_rows = known_rows
        self._lost = lost
        self._files: dict[str, int] = {}
        self._connection: sqlite3.Connection | None = None
        self._path = self._path_of(1)
        self._inode = 0
        self._folder_is_synced = False

    @contextmanager
    def turn(self) -> Iterator[sqlite3.Connection]:
        """Lend the open database while no other process uses it.

        Raises:
            OSError: The files cannot be used now.
            sqlite3.Error: The database cannot. If it is damaged, another one has taken its place.
        """
        if not self._folder_is_synced or not self.folder.exists():
            make_directory(self.folder)
            self._folder_is_synced = True
        with locked(self._file("lock"), self._clock):
            try:
                yield self._connected()
            except sqlite3.DatabaseError as error:
                if is_damage(error):
                    self._set_aside(str(error))
                raise

    def try_to_deliver(self) -> bool:
        """Take the lock of the one that delivers, until `close`; tell whether it was free.

        Raises:
            OSError: Locks do not work here.
        """
        return try_lock(self._file("deliverer"))

    def set_aside_record(self, parts: Iterator[bytes]) -> Path:
        """Write the parts of a damaged record to a file of its own and return its name."""
        aside = damaged_name(self.folder, self._stream)
        with os.fdopen(open_private(aside), "wb") as file:
            file.writelines(parts)
        return aside

    def close(self) -> None:
        """Close the database and release the locks."""
        self._disconnect()
        for file in self._files.values():
            os.close(file)
        self._files = {}

    def _connected(self) -> sqlite3.Connection:
        """Return the connection; a new one where another process has set ours aside."""
        if self._connection is None or _inode_of(self._path) != self._inode:
            vanished_rows = 0
            self._disconnect()
            self._set_aside_returned()
            paths = self._paths()
            if paths:
                self._path = paths[0]
            else:  # the first start, or it was deleted under us
                vanished_rows = self._known_rows()
                self._path = self._path_of(_number_of(self._path) + bool(self._inode))
            self._connection = self._connect(self._path)
            self._inode = _inode_of(self._path)
            if vanished_rows:
                self._lost(vanished_rows)
                _log.error("the spool was deleted", file=str(self._path), lost_rows=vanished_rows)
        return self._connection

    def _set_aside_returned(self) -> None:
        """Set aside databases that vanished, were counted as lost, and have come back.

        Their rows are older than others that QuestDB has by now.
        """
        for path in self._paths():
            if self._inode and _number_of(path) < _number_of(self._path):
                aside = damaged_name(self.folder, self._stream)
                self._move(path, aside)
                _log.error("a spool that was given up has come back", file=str(aside))

    def _move(self, path: Path, aside: Path) -> None:
        for ending in _ENDINGS:  # its name first: with its log it is whole up to then
            source = path.with_name(f"{path.name}{ending}")
            if source.exists():
                source.rename(aside.with_name(f"{aside.name}{ending}"))

    def _connect(self, path: Path) -> sqlite3.Connection:
        if not path.exists():
            os.close(open_private(path))
            sync_directory(self.folder)
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            for pragma in _PRAGMAS:
                connection.execute(f"pragma {pragma}")
            connection.executescript(_SCHEMA)
            # Numbers of a database that was set aside do not come again.
            connection.execute(_FIRST_TOTALS, (self._clock.wall_ns() // 1_000_000,))
        except BaseException:
            connection.close()
            raise
        return connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _set_aside(self, reason: str) -> None:
        """Have the next database take over what can be read of this one, then move this one away.

        Until it is moved, it is the one in use: a process that finds it after a kill does the same.
        """
        known_rows = self._known_rows()
        self._disconnect()
        for left in self._paths()[1:]:  # by one who did not get to the end of this
            self._move(left, damaged_name(self.folder, self._stream))  # whose it is is a guess
        connection = self._connect(self._path_of(_number_of(self._path) + 1))
        try:
            for record in readable_records(self._path):
                if digest_of(record.parts) == record.digest:
                    with transaction(connection):
                        put(connection, record)
            connection.execute(_COUNT_AGAIN)
            (saved_rows,) = connection.execute("select row_count from totals").fetchone()
        finally:
            connection.close()
        aside = damaged_name(self.folder, self._stream)
        self._move(self._path, aside)
        lost_rows = max(0, known_rows - saved_rows)
        self._lost(lost_rows)
        _log.error(
            "the spool is damaged and was set aside",
            file=str(aside),
            reason=reason,
            saved_rows=saved_rows,
            lost_rows=lost_rows,
        )

    def _paths(self) -> list[Path]:
        return sorted(self.folder.glob(f"{self._stream}.*.sqlite3"), key=_number_of)

    def _path_of(self, number: int) -> Path:
        return self.folder / f"{self._stream}.{number}.sqlite3"

    def _file(self, kind: str) -> int:
        """Return the open file of a lock: the one that others find, if ours was deleted."""
        path = self.folder / f"{self._stream}.{kind}"
        file = self._files.get(kind)
        if file is not None and os.fstat(file).st_ino != _inode_of(path):
            os.close(self._files.pop(kind))
            file = None
        if file is None:
            file = self._files[kind] = open_private(path)
        return file


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit what the block does, synced, or nothing of it."""
    connection.execute("begin immediate")
    try:
        yield
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:  # some errors have rolled back already
            connection.execute("rollback")
        raise


def put(connection: sqlite3.Connection, record: Stored) -> None:
    """Insert a record, unless one with its number is there; totals are the caller's."""
    connection.execute(
        "insert or ignore into records values (?, ?, ?, ?)",
        (record.number, record.rows, record.origin, record.digest),
    )
    connection.executemany(
        "insert or ignore into parts values (?, ?, ?)",
        [(record.number, index, part) for index, part in enumerate(record.parts)],
    )


def _number_of(path: Path) -> int:
    digits = path.name.split(".")[-2]
    return int(digits) if digits.isdecimal() else 0


def _inode_of(path: Path) -> int:
    """Return what tells the file from others of its name; 0 if there is none."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0
