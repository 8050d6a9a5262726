"""A damaged database is set aside, its readable records are saved, and everybody goes on."""

import contextlib
import random
import sqlite3
from pathlib import Path

import pytest
from tests.unit.delivery.spool.spool_rig import ORIGIN, Store, database_of, fast_folder, opened

from utility_ts_analytics.delivery.spool import SpoolBroken, shared_database
from utility_ts_analytics.delivery.spool.record import Stored
from utility_ts_analytics.delivery.spool.shared_database import put

RECORDS = 30
ROWS = 40


def filled(folder: Path) -> Store:
    store = opened(folder)
    for number in range(RECORDS):
        store.add(number, ROWS)
    return store


def overwrite(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def break_tree(folder: Path, table: str) -> None:
    """Make the root page of a table unreadable."""
    path = database_of(folder)
    with contextlib.closing(sqlite3.connect(path)) as database:
        query = "select rootpage from sqlite_master where name = ?"
        (page,) = database.execute(query, (table,)).fetchone()
        (page_bytes,) = database.execute("pragma page_size").fetchone()
    overwrite(path, (page - 1) * page_bytes, b"\xff" * 64)


def take_all(store: Store) -> list[int]:
    """Deliver everything, past what is damaged; the numbers of the batches."""
    for _ in range(5):
        try:
            return [int(meters[0].partition(".")[0]) for meters in store.deliver()]
        except OSError as error:
            raise AssertionError("no error of the disk is expected") from error
        except Exception:  # noqa: BLE001, S112 - it was set aside; the next try has the new one
            continue
    raise AssertionError("the spool does not go on after damage")


def test_no_database_at_all_is_set_aside_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(tmp_path).close()
    overwrite(database_of(tmp_path), 0, b"this is no database" * 100)
    store = Store(tmp_path)
    store.rows = RECORDS * ROWS
    assert store.open() is not None
    assert store.open() is None
    [aside] = tmp_path.glob("meter_usage-*.damaged")
    assert str(aside) in capsys.readouterr().out
    assert store.lost_rows == RECORDS * ROWS
    store.add(7)
    assert take_all(store) == [7]
    store.close()


@pytest.mark.parametrize("seed", range(12))
def test_damage_costs_what_it_hit_and_never_what_it_did_not(seed: int) -> None:
    """Random bytes anywhere: what comes out is right, in order; what does not is counted."""
    rng = random.Random(seed)  # noqa: S311
    with fast_folder() as folder:
        store = filled(folder)
        store.close()
        path = database_of(folder)
        for _ in range(rng.choice([1, 1, 4])):
            overwrite(path, rng.randrange(path.stat().st_size), rng.randbytes(rng.choice([1, 64])))
        again = Store(folder)
        again.rows = RECORDS * ROWS
        again.open()
        numbers = take_all(again)
        assert numbers == sorted(set(numbers))
        assert set(numbers) <= set(range(RECORDS))
        assert len(numbers) >= RECORDS // 2, "most records are not where the damage is"
        assert again.lost_rows >= (RECORDS - len(numbers)) * ROWS or len(numbers) == RECORDS
        again.add(99)
        assert take_all(again) == [99]
        again.close()


def test_others_go_on_with_the_database_that_took_its_place(tmp_path: Path) -> None:
    first, second = filled(tmp_path), opened(tmp_path)
    path = database_of(tmp_path)
    second.count()
    first.close()
    break_tree(tmp_path, "parts")
    first = Store(tmp_path)
    with pytest.raises(sqlite3.DatabaseError, match="malformed"):
        first.oldest()
    second.add(77)
    assert take_all(first)[-1] == 77
    second.count()
    assert second.rows == 0
    for store in (first, second):
        store.close()
    assert database_of(tmp_path) != path


def test_kill_while_a_database_is_set_aside_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(tmp_path).close()
    break_tree(tmp_path, "totals")
    killed = Store(tmp_path)
    copied = 0

    def dying_put(connection: sqlite3.Connection, record: Stored) -> None:
        nonlocal copied
        copied += 1
        if copied == RECORDS // 2:
            raise KeyboardInterrupt
        put(connection, record)

    with monkeypatch.context() as patched:
        patched.setattr(shared_database, "put", dying_put)
        with pytest.raises(KeyboardInterrupt):
            killed.open()
    killed.close()
    assert len(list(tmp_path.glob("*.sqlite3"))) == 2
    store = Store(tmp_path)
    assert store.open() is not None
    assert take_all(store) == list(range(RECORDS))
    assert store.lost_rows == 0
    store.close()


def test_wait_for_a_hanging_process_ends_with_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("utility_ts_analytics.delivery.spool.files.LOCK_WAIT_S", 0.05)
    holder, other = opened(tmp_path), opened(tmp_path)
    with holder._shared.turn():
        result = other.append([], ORIGIN)
    assert isinstance(result, SpoolBroken)
    assert "another process" in result.reason
    for store in (holder, other):
        store.close()
