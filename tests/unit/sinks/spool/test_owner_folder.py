import os
import stat
from pathlib import Path
from unittest import mock

import pytest
from tests.unit.sinks.spool.folder_rig import (
    RECORD_BYTES,
    append,
    deliver,
    deliver_one,
    files,
    orphan,
    taken_over,
)
from tests.unit.sinks.spool.spool_rig import crashed
from utility_ts_analytics.sinks.spool.checkpoint import NAME, write_checkpoint
from utility_ts_analytics.sinks.spool.owner_folder import Losses, OwnerFolder

from utility_ts_analytics.sinks.spool import owner_folder


def test_new_directory_is_private_locked_and_has_room_for_its_checkpoint(tmp_path: Path) -> None:
    folder = OwnerFolder.create(tmp_path, Losses())
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert files(folder) == [NAME]
    assert OwnerFolder.take_over(folder.path, Losses()) is None
    assert OwnerFolder.create(tmp_path, Losses()).path != folder.path


def test_names_are_on_the_disk_before_anything_is_in_them(tmp_path: Path) -> None:
    """And a directory is gone from it in the other order: its checkpoint last."""
    synced: list[Path] = []
    at_sync: list[list[str]] = []

    def fsync(fd: int) -> None:
        synced.append(Path(f"/proc/self/fd/{fd}").readlink())
        at_sync.append(sorted(path.name for path in synced[-1].iterdir()))

    with mock.patch.object(os, "fsync", fsync):
        folder = OwnerFolder.create(tmp_path, Losses())
        assert synced == [folder.path, tmp_path]
        append(folder, 0)
        assert deliver(folder) == ["0.0"]
        folder.release()
    assert synced[2:] == [folder.path, folder.path]
    assert at_sync[2:] == [["0000000001.spool", NAME], [NAME]]


def test_new_directory_that_somebody_else_locked_first_is_left_to_him(tmp_path: Path) -> None:
    with mock.patch.object(owner_folder, "lock_directory", side_effect=[None, os.dup(0)]) as lock:
        folder = OwnerFolder.create(tmp_path, Losses())
    assert [call.args[0] == folder.path for call in lock.call_args_list] == [False, True]
    with (
        mock.patch.object(owner_folder, "lock_directory", return_value=None),
        pytest.raises(OSError, match="no new directory could be locked"),
    ):
        OwnerFolder.create(tmp_path, Losses())


@pytest.mark.parametrize("per_segment", [1, 2, 3, 100])
def test_records_come_back_in_order_and_delivered_segments_go(
    tmp_path: Path, per_segment: int
) -> None:
    folder = OwnerFolder.create(tmp_path, Losses())
    for number in range(5):
        append(folder, number, per_segment=per_segment)
    assert (folder.rows, folder.size_bytes) == (5, 5 * RECORD_BYTES)
    assert len(files(folder)) == 1 + -(-5 // per_segment)
    for number in range(5):
        assert deliver_one(folder) == [f"{number}.0"]
        assert folder.rows == 4 - number
    assert (folder.rows, folder.size_bytes) == (0, 0)
    assert files(folder) == [NAME]
    append(folder, 7)
    assert deliver(folder) == ["7.0"]


@pytest.mark.parametrize("per_segment", [1, 2, 100])
@pytest.mark.parametrize("delivered", range(6))
def test_successor_goes_on_where_the_crash_was(
    tmp_path: Path, per_segment: int, delivered: int
) -> None:
    (tmp_path / "before").mkdir()
    folder = OwnerFolder.create(tmp_path / "before", Losses())
    for number in range(5):
        append(folder, number, per_segment=per_segment)
    for _ in range(delivered):
        deliver_one(folder)
    stream = crashed(tmp_path / "before", tmp_path / "after")
    successor = taken_over(stream / folder.path.name)
    assert successor.rows == 5 - min(delivered, 5)
    assert deliver(successor) == [f"{number}.0" for number in range(delivered, 5)]
    successor.release()
    assert list(stream.iterdir()) == []


def test_delivered_segment_that_came_back_is_not_delivered_again(tmp_path: Path) -> None:
    """Its removal had not reached the disk when the power went."""
    folder = OwnerFolder.create(tmp_path, Losses())
    for number in range(3):
        append(folder, number, per_segment=1)
    first = folder.path / "0000000001.spool"
    data = first.read_bytes()
    for _ in range(2):
        deliver_one(folder)
    folder.release()
    first.write_bytes(data)
    successor = taken_over(folder.path)
    assert not first.exists()
    assert deliver(successor) == ["2.0"]


@pytest.mark.parametrize("checkpoint", [None, b"", b"x" * 20])
def test_damaged_checkpoint_means_from_the_segment_s_start(
    tmp_path: Path, checkpoint: bytes | None
) -> None:
    folder = OwnerFolder.create(tmp_path, Losses())
    for number in range(4):
        append(folder, number, per_segment=2)
    for _ in range(3):
        deliver_one(folder)
    folder.release()
    (folder.path / NAME).unlink()
    if checkpoint is not None:
        (folder.path / NAME).write_bytes(checkpoint)
    assert deliver(taken_over(folder.path)) == ["2.0", "3.0"]


def test_checkpoint_behind_the_end_means_from_the_segment_s_start(tmp_path: Path) -> None:
    path = orphan(tmp_path, 2)
    write_checkpoint(path, 1, 2 * RECORD_BYTES + 1)
    assert deliver(taken_over(path)) == ["0.0", "1.0"]


def test_checkpoint_at_the_end_means_nothing_left(tmp_path: Path) -> None:
    path = orphan(tmp_path, 2)
    write_checkpoint(path, 1, 2 * RECORD_BYTES)
    folder = taken_over(path)
    assert folder.size_bytes == 0
    folder.release()
    assert list(tmp_path.iterdir()) == []


def test_other_files_are_neither_read_nor_removed(tmp_path: Path) -> None:
    path = orphan(tmp_path, 1)
    (path / "1.spool").write_text("notes")
    folder = taken_over(path)
    assert deliver(folder) == ["0.0"]
    folder.release()
    assert files(folder) == ["1.spool", NAME]


def test_released_directory_stays_while_it_holds_rows(tmp_path: Path) -> None:
    folder = OwnerFolder.create(tmp_path, Losses())
    append(folder, 0)
    folder.release()
    successor = taken_over(folder.path)
    assert successor.rows == 1
    assert OwnerFolder.take_over(folder.path, Losses()) is None
