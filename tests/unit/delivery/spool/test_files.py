"""Folders and files are private, locks end with their holder, damaged files do not pile up."""

import os
from pathlib import Path

import pytest

from utility_ts_analytics.clock import SystemClock
from utility_ts_analytics.delivery.spool import files
from utility_ts_analytics.delivery.spool.files import (
    DAMAGED_FILES_MAX,
    damaged_name,
    locked,
    make_directory,
    open_private,
    try_lock,
)


def test_folders_are_made_for_their_user_alone(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    make_directory(folder)
    make_directory(folder)
    assert [path.stat().st_mode & 0o777 for path in (folder, folder.parent)] == [0o700, 0o700]


def test_folder_that_exists_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    make_directory(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_file_in_the_way_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        make_directory(tmp_path / "file")


def test_files_are_private_and_links_are_refused(tmp_path: Path) -> None:
    os.close(open_private(tmp_path / "file"))
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
    (tmp_path / "link").symlink_to(tmp_path / "file")
    with pytest.raises(OSError, match="Too many levels"):
        open_private(tmp_path / "link")


def test_lock_is_held_by_one_and_free_after_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "LOCK_WAIT_S", 0.05)
    first, second = (open_private(tmp_path / "lock") for _ in range(2))
    with locked(first, SystemClock()):
        assert not try_lock(second)
        with pytest.raises(TimeoutError, match="another process"), locked(second, SystemClock()):
            raise AssertionError("two hold it")
    assert try_lock(second)
    os.close(second)
    with locked(first, SystemClock()):
        pass
    os.close(first)


def test_damaged_files_get_new_names_and_the_oldest_go(tmp_path: Path) -> None:
    names = []
    for _ in range(DAMAGED_FILES_MAX + 3):
        path = damaged_name(tmp_path, "meter_usage")
        path.touch()
        path.with_name(f"{path.name}-wal").touch()
        names.append(path.name)
    assert len(set(names)) == len(names)
    kept = sorted(path.name for path in tmp_path.glob("*.damaged"))
    assert kept == sorted(names[-DAMAGED_FILES_MAX:])
    assert len(list(tmp_path.glob("*-wal"))) == DAMAGED_FILES_MAX
