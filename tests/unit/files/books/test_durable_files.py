"""Files that are there whole or not at all."""

from pathlib import Path

import pytest

from utility_ts_analytics.files.books.durable_files import make_folder, replace_file


def test_file_is_replaced_whole_and_for_its_owner_only(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b")
    path = tmp_path / "a" / "b" / "file"
    for content in (b"one", b"two, longer", b""):
        replace_file(path, content)
        assert path.read_bytes() == content
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_file_that_cannot_be_replaced_stays_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    with pytest.raises(IsADirectoryError):
        replace_file(path, b"one")
    assert list(tmp_path.iterdir()) == [path]
