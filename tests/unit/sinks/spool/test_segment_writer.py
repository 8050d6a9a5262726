import errno
import os
import stat
from pathlib import Path
from unittest import mock

import pytest
from tests.unit.sinks.spool.spool_rig import failing, failing_write
from utility_ts_analytics.sinks.spool.segment_writer import SegmentWriter


def test_record_is_synced_before_append_returns(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path / "a")
    calls: list[str] = []
    write, sync = os.pwrite, os.fdatasync

    def pwrite(fd: int, data: bytes, offset: int) -> int:
        calls.append("write")
        return write(fd, data, offset)

    def fdatasync(fd: int) -> None:
        calls.append("sync")
        assert (tmp_path / "a").read_bytes() == b"one"
        sync(fd)

    with mock.patch.multiple(os, pwrite=pwrite, fdatasync=fdatasync):
        writer.append(b"one")
    assert calls == ["write", "sync"]
    writer.append(b"two")
    writer.close()
    assert (tmp_path / "a").read_bytes() == b"onetwo"
    assert writer.size_bytes == 6


def test_new_file_is_private_and_its_name_synced(tmp_path: Path) -> None:
    synced = []
    with mock.patch.object(os, "fsync", lambda fd: synced.append(Path(f"/proc/self/fd/{fd}"))):
        SegmentWriter(tmp_path / "a").close()
    assert len(synced) == 1
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600


def test_file_whose_name_cannot_be_synced_is_not_left_behind(tmp_path: Path) -> None:
    with failing("fsync", errno.EIO), pytest.raises(OSError, match="Input/output"):
        SegmentWriter(tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_existing_file_is_never_written_to(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"kept")
    with pytest.raises(FileExistsError):
        SegmentWriter(tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"kept"


def test_segment_has_room_up_to_its_size_and_always_for_a_first_record(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path / "a")
    assert writer.has_room(11, 10)
    writer.append(b"four")
    assert writer.has_room(6, 10)
    assert not writer.has_room(7, 10)
    writer.close()


@pytest.mark.parametrize("after_bytes", range(3))
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG])
def test_failed_write_is_cut_off_and_only_a_full_disk_is_forgiven(
    tmp_path: Path, after_bytes: int, number: int
) -> None:
    writer = SegmentWriter(tmp_path / "a")
    writer.append(b"one")
    with failing_write(number, after_bytes=after_bytes), pytest.raises(OSError, match="Errno"):
        writer.append(b"two")
    assert (tmp_path / "a").read_bytes() == b"one"
    assert writer.size_bytes == 3
    assert writer.has_room(1, 100) is (number in (errno.ENOSPC, errno.EDQUOT))
    writer.close()


def test_short_writes_are_continued(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path / "a")
    write = os.pwrite
    with mock.patch.object(os, "pwrite", lambda fd, data, at: write(fd, data[:2], at)):
        writer.append(b"abcde")
    writer.append(b"f")
    writer.close()
    assert (tmp_path / "a").read_bytes() == b"abcdef"


def test_write_that_takes_nothing_fails_instead_of_going_round(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path / "a")
    with mock.patch.object(os, "pwrite", return_value=0), pytest.raises(OSError, match="Input"):
        writer.append(b"one")
    writer.close()


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_file_is_never_trusted_after_a_failed_sync(tmp_path: Path, number: int) -> None:
    writer = SegmentWriter(tmp_path / "a")
    writer.append(b"one")
    with failing("fdatasync", number), pytest.raises(OSError, match="Errno"):
        writer.append(b"two")
    assert (tmp_path / "a").read_bytes() == b"one"
    assert not writer.has_room(1, 100)
    writer.close()


def test_file_that_cannot_be_cut_is_not_written_to_again(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path / "a")
    writer.append(b"one")
    with (
        failing_write(errno.ENOSPC, after_bytes=1),
        failing("ftruncate", errno.EIO),
        pytest.raises(OSError, match="No space"),
    ):
        writer.append(b"two")
    assert (tmp_path / "a").read_bytes() == b"onet"
    assert not writer.has_room(1, 100)
    assert writer.size_bytes == 3
    writer.close()


@pytest.mark.parametrize("change", ["removed", "longer", "shorter"])
def test_file_that_somebody_else_changed_is_not_written_to_again(
    tmp_path: Path, change: str
) -> None:
    path = tmp_path / "a"
    writer = SegmentWriter(path)
    writer.append(b"one")
    if change == "removed":
        path.unlink()
    else:
        os.truncate(path, 4 if change == "longer" else 2)
    assert not writer.has_room(1, 100)
    writer.close()


def test_trouble_at_close_means_nothing(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path / "a")
    with failing("close", errno.EIO):
        writer.close()
    writer.close()
