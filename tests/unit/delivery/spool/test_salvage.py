"""What can be read of a damaged database; test_shared_database has whole spools."""

import sqlite3
from pathlib import Path

import pytest
from tests.unit.delivery.spool.spool_rig import database_of, opened

from utility_ts_analytics.delivery.spool.salvage import is_damage, readable_records


def test_records_of_a_sound_database_are_all_readable(tmp_path: Path) -> None:
    store = opened(tmp_path)
    numbers = [store.add(number, 2) for number in range(3)]
    store.close()
    found = list(readable_records(database_of(tmp_path)))
    assert [(record.number, record.rows) for record in found] == [(n, 2) for n in numbers]
    assert found[0].parts[0].startswith(b'{"ts":')


def test_what_is_no_database_has_no_records(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"readings" * 1_000)
    assert list(readable_records(path)) == []
    with sqlite3.connect(path) as database, pytest.raises(sqlite3.DatabaseError) as caught:
        database.execute("select * from records")
    database.close()
    assert is_damage(caught.value)


@pytest.mark.parametrize(
    ("code", "damage"),
    [
        (sqlite3.SQLITE_CORRUPT_INDEX, True),
        (sqlite3.SQLITE_IOERR_READ, True),
        (sqlite3.SQLITE_IOERR_WRITE, False),
        (sqlite3.SQLITE_FULL, False),
        (sqlite3.SQLITE_BUSY, False),
        (sqlite3.SQLITE_READONLY, False),
    ],
)
def test_trouble_of_the_moment_is_no_damage(code: int, *, damage: bool) -> None:
    error = sqlite3.OperationalError("what SQLite says")
    error.sqlite_errorcode = code
    assert is_damage(error) == damage
