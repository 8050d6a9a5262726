"""Reads the records that a damaged database of a spool still has."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from utility_ts_analytics.delivery.spool.record import Stored

_NUMBERS_TRIED_MAX: Final = 100_000
_PRIMARY_CODE: Final = 0xFF
_DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_UNREADABLE: Final = frozenset(
    {
        sqlite3.SQLITE_IOERR_READ,
        sqlite3.SQLITE_IOERR_SHORT_READ,
        sqlite3.SQLITE_IOERR_CORRUPTFS,
    }
)


def is_damage(error: sqlite3.Error) -> bool:
    """Tell whether the file is broken, rather than the moment."""
    code = getattr(error, "sqlite_errorcode", 0)
    return (code & _PRIMARY_CODE) in _DAMAGE or code in _UNREADABLE


def readable_records(path: Path) -> Iterator[Stored]:
    """Yield the records that can be read, in order. Each is queried alone, past broken pages.

    The caller compares them with their digest (`Stored.digest`).
    """
    with suppress(sqlite3.Error), closing(sqlite3.connect(path, isolation_level=None)) as database:
        for number in _numbers(database):
            with suppress(sqlite3.Error):
                found = database.execute(
                    "select row_count, origin, digest from records where number = ?", (number,)
                ).fetchone()
                parts = database.execute(
                    "select lines from parts where number = ? order by part", (number,)
                ).fetchall()
                if found is not None:
                    rows, origin, digest = found
                    yield Stored(number, rows, origin, digest, [lines for (lines,) in parts])


def _numbers(database: sqlite3.Connection) -> Sequence[int]:
    """Return numbers that records may have: those of both tables, as far as they can be walked."""
    numbers = set()
    for table in ("records", "parts"):
        for order in ("asc", "desc"):
            with suppress(sqlite3.Error):
                query = f"select number from {table} order by number {order}"  # noqa: S608
                for (number,) in database.execute(query):
                    numbers.add(number)
    with suppress(sqlite3.Error):
        (last,) = database.execute("select last_number from totals").fetchone()
        numbers.update(range(min(numbers, default=last), last + 1)[-_NUMBERS_TRIED_MAX:])
    return sorted(numbers)
