import errno
import os
import stat
from pathlib import Path
from unittest import mock

import pytest
from tests.unit.sinks.spool.spool_rig import failing
from utility_ts_analytics.sinks.spool.directories import (
    DAMAGED_FILES_MAX,
    keep_damaged,
    lock_directory,
    make_directory,
    sync_directory,
)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_missing_is_made_private_and_synced(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with mock.patch.object(os, "fsync") as sync:
        make_directory(tmp_path / "a" / "b")
    assert (mode(tmp_path / "a"), mode(tmp_path / "a" / "b")) == (0o700, 0o700)
    assert mode(tmp_path) == 0o755
    # The names of `a` and `b`, and that of what was there: a second process may be in its making.
    assert sync.call_count == 3


def test_what_exists_keeps_its_mode_and_its_name_is_synced(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir(mode=0o750)
    with mock.patch.object(os, "fsync") as sync:
        make_directory(tmp_path / "a")
    assert mode(tmp_path / "a") == 0o750
    assert sync.call_count == 1


def test_file_in_the_way_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(NotADirectoryError):
        make_directory(tmp_path / "a")
    with pytest.raises(NotADirectoryError):
        make_directory(tmp_path / "a" / "b")


def test_directory_prepared_where_we_may_not_read_will_do(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with failing("open", errno.EACCES):
        make_directory(tmp_path / "a")
    with failing("open", errno.EACCES), pytest.raises(PermissionError):
        make_directory(tmp_path / "b")


def test_directory_that_cannot_be_synced_is_an_error(tmp_path: Path) -> None:
    with failing("fsync", errno.EIO), pytest.raises(OSError, match="Input/output"):
        sync_directory(tmp_path)
    (tmp_path / "a").mkdir()
    with failing("fsync", errno.EIO), pytest.raises(OSError, match="Input/output"):
        make_directory(tmp_path / "a" / "b")


def test_lock_is_one_holder_s_until_it_is_closed(tmp_path: Path) -> None:
    lock = lock_directory(tmp_path)
    assert lock is not None
    assert lock_directory(tmp_path) is None
    os.close(lock)
    again = lock_directory(tmp_path)
    assert again is not None
    os.close(again)


def test_directory_that_is_gone_cannot_be_locked(tmp_path: Path) -> None:
    assert lock_directory(tmp_path / "gone") is None


@pytest.mark.parametrize("made_again", [False, True])
def test_directory_that_went_away_while_it_was_locked_is_not_locked(
    tmp_path: Path, made_again: bool
) -> None:
    path = tmp_path / "a"
    path.mkdir()

    def flock(fd: int, _: int) -> None:
        path.rmdir()
        if made_again:
            path.mkdir()

    before = len(list(Path("/proc/self/fd").iterdir()))
    with mock.patch("fcntl.flock", flock):
        assert lock_directory(path) is None
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_disk_without_locks_is_an_error_and_nothing_stays_open(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with (
        mock.patch("fcntl.flock", side_effect=OSError(errno.ENOLCK, "No locks available")),
        pytest.raises(OSError, match="No locks"),
    ):
        lock_directory(tmp_path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path)
    with pytest.raises(OSError, match=r"Not a directory|symbolic links"):
        lock_directory(tmp_path / "a")


def test_only_the_latest_damaged_segments_are_kept(tmp_path: Path) -> None:
    owner = tmp_path / "7-abc"
    owner.mkdir()
    for number in range(DAMAGED_FILES_MAX + 2):
        segment = owner / f"{number:010}.spool"
        segment.write_text(str(number))
        os.utime(segment, (number, number))
        keep_damaged(segment)
    kept = sorted(tmp_path.glob("*.damaged"))
    assert [path.read_text() for path in kept] == [str(n) for n in range(2, 2 + DAMAGED_FILES_MAX)]
    assert kept[0].name == "7-abc-0000000002.damaged"
    assert list(owner.iterdir()) == []


def test_damaged_segment_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        keep_damaged(tmp_path / "a" / "0000000001.spool")
