"""A disk that is soon full, where mounting is allowed."""

import errno
import os
from pathlib import Path

import pytest
from loadtest.faults import small_disk as module
from loadtest.faults.small_disk import small_disk

PAGES = 16
SIZE_BYTES = PAGES * os.sysconf("SC_PAGE_SIZE")


def fill(path: Path, size_bytes: int) -> None:
    path.write_bytes(b"x" * size_bytes)


def test_small_disk_is_full_when_it_says_so(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", SIZE_BYTES) as mounted:
        if not mounted:
            pytest.skip("this machine lets us mount nothing")
        with pytest.raises(OSError, match="No space") as error:
            fill(tmp_path / "disk" / "file", 2 * SIZE_BYTES)
        assert error.value.errno == errno.ENOSPC
    assert list((tmp_path / "disk").iterdir()) == []


def test_folder_is_an_ordinary_one_where_mounting_is_not_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_COMMAND", "no-such-mount")
    with small_disk(tmp_path / "disk", SIZE_BYTES) as mounted:
        assert not mounted
        fill(tmp_path / "disk" / "file", 2 * SIZE_BYTES)
    assert (tmp_path / "disk" / "file").exists()
