"""What makes a file another one."""

import os
from pathlib import Path

import pytest

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.books.journal import FileIdentity, difference, identify

CONTENT = bytes(range(256)) * 1024


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.csv"
    path.write_bytes(CONTENT)
    return path


def kept_time(path: Path, before: FileIdentity) -> None:
    """Set the time of the last change back, as `cp -p` and `touch -r` do."""
    os.utime(path, ns=(before.mtime_ns, before.mtime_ns))


def test_file_that_nobody_touched_is_the_same(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.csv"
    link.symlink_to(path)
    assert difference(identify(path), identify(path)) is None
    assert difference(identify(path), identify(link)) is None


def test_each_change_is_told(path: Path, tmp_path: Path) -> None:
    before = identify(path)
    os.utime(path, ns=(0, 0))
    assert difference(before, identify(path)) == "it has been written to"
    for at in (0, len(CONTENT) - 1):
        with path.open("r+b") as file:
            file.seek(at)
            file.write(b"\x55")
        kept_time(path, before)
        assert difference(before, identify(path)) == "its content has changed"
        path.write_bytes(CONTENT)
        kept_time(path, before)
    assert difference(before, identify(path)) is None
    with path.open("ab") as file:
        file.write(b"x")
    assert difference(before, identify(path)) == "its size was 262,144 bytes and is 262,145"


def test_file_that_took_the_place_of_another_is_told(path: Path, tmp_path: Path) -> None:
    before = identify(path)
    other = tmp_path / "b.csv"
    other.write_bytes(CONTENT)
    kept_time(other, before)
    assert difference(before, identify(other)) == "it is another file"
    other.replace(path)
    assert difference(before, identify(path)) == "another file has taken its place"


def test_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"cannot read .*gone: No such file"):
        identify(tmp_path / "gone")


def test_members_of_a_zip_file_are_told_apart_and_change_with_it(path: Path) -> None:
    first, second = identify(path, "a.csv"), identify(path, "deep/a.csv")
    assert (first.path, second.path) == (f"{path}/a.csv", f"{path}/deep/a.csv")
    assert difference(first, second) == "it is another file"
    with path.open("ab") as file:
        file.write(b"x")
    assert difference(first, identify(path, "a.csv")) == (
        "its size was 262,144 bytes and is 262,145"
    )
