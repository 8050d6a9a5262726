"""Who takes over what dead processes left, and in which order it is delivered."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from structlog.testing import capture_logs
from tests.unit.sinks.spool.spool_rig import (
    SPEC,
    batch,
    crashed,
    deliver,
    failing,
    fast_folder,
    fill,
    new_store,
    numbered,
    opened,
    segments,
)
from utility_ts_analytics.sinks.spool.store import Appended, SpoolBroken

from utility_ts_analytics.sinks.spool.record import encode_record

RECORD_BYTES = len(encode_record(batch(0)))


@pytest.fixture
def folder() -> Iterator[Path]:
    with fast_folder() as path:
        yield path


def test_orphans_are_delivered_first_the_oldest_before_all(folder: Path) -> None:
    for age, numbers in enumerate([(5, 6), (3, 4), (1, 2)]):
        before = set(segments(folder))
        held = [opened(folder / "apart")]
        for number in numbers:
            held[0].append(batch(number))
        held[0].close()
        (made,) = segments(folder / "apart")
        os.utime(made, (100 - age, 100 - age))
        target = folder / SPEC.name
        target.mkdir(exist_ok=True)
        made.parent.rename(target / made.parent.name)
        assert len(set(segments(folder)) - before) == 1
    store = opened(folder)
    store.append(batch(7))
    assert (store.pending_rows, store.pending_bytes) == (7, 7 * RECORD_BYTES)
    assert deliver(store) == numbered(1, 2, 3, 4, 5, 6, 7)
    assert len(list((folder / SPEC.name).iterdir())) == 1


def test_living_spools_are_left_alone(folder: Path) -> None:
    owner = opened(folder)
    owner.append(batch(0))
    other = opened(folder)
    assert not other.adopt()
    assert other.oldest() is None
    owner.close()
    assert other.adopt()
    assert not other.adopt()
    assert other.pending_rows == 1
    assert deliver(other) == numbered(0)


def test_one_orphan_is_taken_at_a_time(folder: Path) -> None:
    for number in range(2):
        fill(folder / str(number), 1)
    store = opened(folder)
    for number in range(2):
        owner = next((folder / str(number) / SPEC.name).iterdir())
        owner.rename(folder / SPEC.name / owner.name)
    assert store.adopt()
    assert store.pending_rows == 1
    assert store.adopt()
    assert store.pending_rows == 2
    assert not store.adopt()


def test_record_in_hand_stays_the_oldest_when_an_orphan_comes(folder: Path) -> None:
    store, other = opened(folder), opened(folder)
    store.append(batch(0))
    store.append(batch(1))
    first = store.oldest()
    other.append(batch(2))
    other.close()
    assert store.adopt()
    assert store.oldest() is first
    assert deliver(store) == numbered(0, 2, 1)


def test_empty_orphans_are_removed(folder: Path) -> None:
    opened(folder)
    copy = crashed(folder, folder / "copy")
    (copy / SPEC.name / "7-bare").mkdir()
    (copy / SPEC.name / "notes.txt").write_text("")
    store = opened(copy)
    assert not store.adopt()
    assert len(list((copy / SPEC.name).iterdir())) == 2
    store.close()
    assert [path.name for path in (copy / SPEC.name).iterdir()] == ["notes.txt"]


def test_orphan_that_cannot_be_taken_is_logged_once_and_others_are_taken(folder: Path) -> None:
    fill(folder, 1)
    with capture_logs() as logs, failing("open", errno.EACCES):
        store = new_store(folder)
        assert not store.adopt()
        assert not store.adopt()
    assert [entry["event"] for entry in logs] == ["cannot take over a spool directory"]
    assert store.adopt()


def test_directory_that_cannot_be_listed_holds_no_orphans(folder: Path) -> None:
    fill(folder, 1)
    store = new_store(folder)
    with mock.patch.object(os, "scandir", side_effect=OSError(errno.EIO, "Input/output error")):
        assert not store.adopt()
        assert store.append(batch(1)) == SpoolBroken("cannot spool 1 rows: Input/output error")
    with mock.patch.object(os, "scandir", side_effect=FileNotFoundError(errno.ENOENT, "gone")):
        assert not store.adopt()
    scan = os.scandir

    def scandir(path: Path) -> object:
        if path != folder / SPEC.name:
            raise FileNotFoundError(errno.ENOENT, "gone")
        return scan(path)

    with mock.patch.object(os, "scandir", scandir):
        assert isinstance(store.append(batch(1)), Appended)


def test_orphan_that_cannot_be_read_now_holds_up_nobody_and_is_kept(folder: Path) -> None:
    fill(folder, 1)
    (orphan,) = segments(folder)
    store = opened(folder)
    store.append(batch(1))
    read = os.pread

    def pread(fd: int, length: int, offset: int) -> bytes:
        if Path(f"/proc/self/fd/{fd}").readlink() == orphan:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return read(fd, length, offset)

    with mock.patch.object(os, "pread", pread):
        assert deliver(store) == numbered(1)
        assert store.pending_rows == 1
    assert deliver(store) == numbered(0)


def test_closed_store_leaves_its_rows_to_the_next(folder: Path) -> None:
    store = opened(folder)
    for number in range(3):
        store.append(batch(number))
    store.oldest()
    store.remove_oldest()
    store.oldest()
    store.close()
    assert deliver(opened(folder)) == numbered(1, 2)
