"""What is damaged, gone or refused, and that the rest goes on."""

import errno
import os
from pathlib import Path
from unittest import mock

import pytest
from structlog.testing import capture_logs
from tests.unit.sinks.spool.folder_rig import (
    DECODER,
    RECORD_BYTES,
    append,
    damage,
    deliver,
    files,
    orphan,
    taken_over,
)
from tests.unit.sinks.spool.spool_rig import failing, failing_write, meters
from utility_ts_analytics.sinks.spool.checkpoint import NAME, read_checkpoint
from utility_ts_analytics.sinks.spool.owner_folder import Losses, OwnerFolder


@pytest.mark.parametrize("call", ["fdatasync", "fsync"])
def test_directory_that_cannot_be_written_is_given_up(tmp_path: Path, call: str) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with failing(call, errno.EIO), pytest.raises(OSError, match="Input/output"):
        OwnerFolder.create(tmp_path, Losses())
    for path in tmp_path.iterdir():
        taken_over(path).release()
    assert list(tmp_path.iterdir()) == []
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_damage_is_skipped_counted_logged_once_and_kept(tmp_path: Path) -> None:
    path = orphan(tmp_path, 6, per_segment=3)
    damage(path / "0000000001.spool", RECORD_BYTES + 30)
    losses = Losses()
    folder = taken_over(path, losses)
    with capture_logs() as logs:
        assert deliver(folder) == ["0.0", "2.0", "3.0", "4.0", "5.0"]
    assert losses == Losses(records=1, rows=1)
    assert logs == [
        {
            "event": "the spool is damaged",
            "log_level": "error",
            "file": str(path / "0000000001.spool"),
            "offset": RECORD_BYTES,
            "skipped_bytes": RECORD_BYTES,
            "rows": 1,
        }
    ]
    folder.release()
    (kept,) = tmp_path.iterdir()
    assert kept.name == f"{path.name}-0000000001.damaged"
    assert kept.stat().st_size == 3 * RECORD_BYTES


def test_torn_tail_is_counted_apart_and_kept(tmp_path: Path) -> None:
    path = orphan(tmp_path, 3)
    os.truncate(path / "0000000001.spool", 3 * RECORD_BYTES - 1)
    losses = Losses()
    folder = taken_over(path, losses)
    assert folder.rows == 2
    with capture_logs() as logs:
        assert deliver(folder) == ["0.0", "1.0"]
    assert losses == Losses(torn=1)
    assert [entry["event"] for entry in logs] == ["the spool holds an unfinished record"]
    assert (folder.rows, folder.size_bytes) == (0, 0)
    assert len(list(tmp_path.glob("*.damaged"))) == 1


def test_nothing_is_written_behind_damage(tmp_path: Path) -> None:
    losses = Losses()
    folder = OwnerFolder.create(tmp_path, losses)
    append(folder, 0)
    append(folder, 1)
    damage(folder.path / "0000000001.spool", 3)
    record = folder.next(DECODER)
    assert record is not None
    assert meters(record.rows) == ["1.0"]
    append(folder, 2)
    assert files(folder) == ["0000000001.spool", "0000000002.spool", NAME]
    folder.remove(record)
    assert deliver(folder) == ["2.0"]
    assert losses.records == 1
    assert len(list(tmp_path.glob("*.damaged"))) == 1


def test_damage_at_the_end_of_the_open_segment_ends_it(tmp_path: Path) -> None:
    folder = OwnerFolder.create(tmp_path, Losses())
    append(folder, 0)
    damage(folder.path / "0000000001.spool", 3)
    assert folder.next(DECODER) is None
    assert (folder.rows, folder.size_bytes) == (0, 0)
    append(folder, 1)
    assert deliver(folder) == ["1.0"]


def test_segment_that_is_gone_or_unreadable_does_not_block_the_rest(tmp_path: Path) -> None:
    losses = Losses()
    folder = taken_over(orphan(tmp_path, 5, per_segment=1), losses)
    (folder.path / "0000000002.spool").unlink()
    read = os.pread

    def pread(fd: int, length: int, offset: int) -> bytes:
        if Path(f"/proc/self/fd/{fd}").readlink().name == "0000000004.spool":
            raise OSError(errno.EIO, "Input/output error")
        return read(fd, length, offset)

    with mock.patch.object(os, "pread", pread):
        assert deliver(folder) == ["0.0", "2.0", "4.0"]
    assert losses == Losses(records=2, rows=2)
    assert [path.name[-18:] for path in tmp_path.glob("*.damaged")] == ["0000000004.damaged"]


def test_segment_that_cannot_be_read_at_takeover_is_found_when_its_turn_comes(
    tmp_path: Path,
) -> None:
    path = orphan(tmp_path, 2, per_segment=1)
    with failing("pread", errno.EIO):
        folder = taken_over(path)
    assert (folder.rows, folder.size_bytes) == (0, 2 * RECORD_BYTES)
    assert deliver(folder) == ["0.0", "1.0"]


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOMEM, errno.EACCES])
def test_want_of_descriptors_or_permission_costs_nothing(tmp_path: Path, number: int) -> None:
    losses = Losses()
    folder = taken_over(orphan(tmp_path, 2), losses)
    with failing("pread", number):
        assert folder.next(DECODER) is None
    assert folder.size_bytes == 2 * RECORD_BYTES
    assert deliver(folder) == ["0.0", "1.0"]
    assert losses == Losses()


def test_checkpoint_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    folder = taken_over(orphan(tmp_path, 2))
    with failing("fdatasync", errno.EIO), capture_logs() as logs:
        assert deliver(folder) == ["0.0", "1.0"]
    assert len(logs) == 2


def test_segment_that_cannot_be_removed_stops_nothing_and_is_not_delivered_again(
    tmp_path: Path,
) -> None:
    path = orphan(tmp_path, 3, per_segment=1)
    folder = taken_over(path)
    with failing("unlink", errno.EROFS), capture_logs() as logs:
        assert deliver(folder) == ["0.0", "1.0", "2.0"]
    assert len(logs) == 3
    folder.release()
    assert read_checkpoint(path) == (3, RECORD_BYTES)
    assert files(folder) == [*(f"000000000{n}.spool" for n in (1, 2, 3)), NAME]
    successor = taken_over(path)
    assert successor.size_bytes == 0
    successor.release()
    assert list(tmp_path.iterdir()) == []


def test_segment_that_cannot_be_removed_is_not_written_to_again(tmp_path: Path) -> None:
    folder = OwnerFolder.create(tmp_path, Losses())
    append(folder, 0)
    with failing("unlink", errno.EROFS):
        assert deliver(folder) == ["0.0"]
    append(folder, 1)
    assert (folder.path / "0000000001.spool").stat().st_size == RECORD_BYTES
    assert deliver(folder) == ["1.0"]


def test_failed_append_leaves_nothing_and_the_next_one_works(tmp_path: Path) -> None:
    folder = OwnerFolder.create(tmp_path, Losses())
    append(folder, 0)
    for number in (errno.ENOSPC, errno.EIO):
        with failing_write(number, after_bytes=9), pytest.raises(OSError, match="Errno"):
            append(folder, 9)
        append(folder, number)
    with failing("fdatasync", errno.EIO), pytest.raises(OSError, match="Errno"):
        append(folder, 9)
    append(folder, 5)
    assert folder.rows == 4
    assert files(folder) == [*(f"000000000{n}.spool" for n in (1, 2, 3)), NAME]
    assert deliver(folder) == ["0.0", f"{errno.ENOSPC}.0", f"{errno.EIO}.0", "5.0"]
    folder.release()
    assert list(tmp_path.iterdir()) == []


def test_failed_first_append_leaves_an_empty_segment_that_goes_in_time(tmp_path: Path) -> None:
    folder = OwnerFolder.create(tmp_path, Losses())
    with failing("fdatasync", errno.EIO), pytest.raises(OSError, match="Errno"):
        append(folder, 9)
    assert folder.next(DECODER) is None
    append(folder, 1)
    assert deliver(folder) == ["1.0"]
    with failing_write(errno.ENOSPC), pytest.raises(OSError, match="Errno"):
        append(folder, 9)
    folder.release()
    assert list(tmp_path.iterdir()) == []


def test_removed_directory_takes_no_rows_silently(tmp_path: Path) -> None:
    folder = OwnerFolder.create(tmp_path, Losses())
    append(folder, 0)
    for path in folder.path.iterdir():
        path.unlink()
    folder.path.rmdir()
    with pytest.raises(FileNotFoundError):
        append(folder, 1)
    folder.release()


def test_directory_that_cannot_be_listed_is_an_error_and_stays_unlocked(tmp_path: Path) -> None:
    path = orphan(tmp_path, 1)
    with (
        mock.patch.object(Path, "iterdir", side_effect=PermissionError(errno.EACCES, "no")),
        pytest.raises(PermissionError),
    ):
        OwnerFolder.take_over(path, Losses())
    assert deliver(taken_over(path)) == ["0.0"]
