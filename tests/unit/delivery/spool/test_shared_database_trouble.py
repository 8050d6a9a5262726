"""Kills between two steps, files that vanish and come back: no record passes another."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.delivery.spool.spool_rig import (
    ORIGIN,
    Store,
    batch,
    change,
    database_of,
    numbered,
    opened,
)
from tests.unit.delivery.spool.test_shared_database import break_tree, filled, take_all

from utility_ts_analytics.delivery.spool import database as database_module
from utility_ts_analytics.delivery.spool import shared_database
from utility_ts_analytics.delivery.spool.record import Stored
from utility_ts_analytics.delivery.spool.shared_database import put, transaction


def test_kill_right_after_a_commit_keeps_later_rows_behind_the_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextlib.contextmanager
    def killed_after_commit(connection: sqlite3.Connection) -> Iterator[None]:
        with transaction(connection):
            yield
        raise KeyboardInterrupt

    store = opened(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(database_module, "transaction", killed_after_commit)
        with pytest.raises(KeyboardInterrupt):
            store.append(batch(1), ORIGIN)
    assert store.rows == 1, "what all other lanes go by"
    assert store.deliver() == numbered(1)
    store.close()


def test_set_aside_that_was_cut_short_brings_no_delivered_record_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(tmp_path).close()
    break_tree(tmp_path, "totals")
    killed = Store(tmp_path)

    def dying_put(connection: sqlite3.Connection, record: Stored) -> None:
        put(connection, record)
        if b'"5.0"' in record.parts[0]:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(shared_database, "put", dying_put)
        with pytest.raises(KeyboardInterrupt):
            killed.open()
    killed.close()
    # The service goes on with the damaged one as far as it works, and its first records are stored.
    [first, _] = sorted(tmp_path.glob("*.sqlite3"))
    with contextlib.closing(sqlite3.connect(first)) as database, database:
        for table in ("parts", "records"):
            oldest = "(select number from records order by number limit 3)"
            database.execute(f"delete from {table} where number in {oldest}")
    store = Store(tmp_path)
    store.open()
    assert take_all(store)[0] == 3, "0, 1 and 2 were delivered, and newer versions may stand"
    store.close()


def test_lock_files_that_are_deleted_do_not_make_two_deliver(tmp_path: Path) -> None:
    first, second = opened(tmp_path), opened(tmp_path)
    assert first.try_to_deliver()
    for name in ("lock", "deliverer"):
        (tmp_path / f"meter_usage.{name}").unlink()
    third = opened(tmp_path)
    assert third.try_to_deliver()
    assert not first.try_to_deliver(), "it asks again before each record"
    assert not second.try_to_deliver()
    for store in (first, second, third):
        store.close()


def test_spool_that_was_given_up_is_not_delivered_when_its_disk_comes_back(
    tmp_path: Path,
) -> None:
    folder, gone = tmp_path / "spool", tmp_path / "gone"
    store = opened(folder)
    store.add(1)
    folder.rename(gone)  # its disk is unmounted
    store.add(2)  # a newer version
    assert store.lost_rows == 1
    assert store.deliver() == numbered(2)
    folder.rename(tmp_path / "other")
    gone.rename(folder)  # and comes back
    assert store.deliver() == []
    assert store.lost_rows == 1
    assert len(list(folder.glob("*.damaged"))) == 1
    store.close()


def test_totals_that_a_cut_commit_left_too_high_are_counted_again(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.add(0)
    store.rows = 99  # noted before a commit that never came
    assert store.deliver() == numbered(0)
    assert store.rows == 0
    change(tmp_path, "update totals set row_count = 0")
    assert database_of(tmp_path).exists()
    store.close()
