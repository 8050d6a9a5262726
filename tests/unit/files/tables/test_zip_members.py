"""Zip files: what is read of them, what is left out and why, and what they cannot do to memory."""

import io
import struct
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from tests.unit.files.format_rig import SAMPLES

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.tables import zip_members
from utility_ts_analytics.files.tables.file_bytes import FileBytes
from utility_ts_analytics.files.tables.zip_members import Member, is_workbook, members


def zipped(path: Path, files: dict[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def bytes_of(files: dict[str, bytes]) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return sink.getvalue()


WORKBOOK = bytes_of({"[Content_Types].xml": b"<Types/>", "xl/workbook.xml": b"<workbook/>"})


def test_sample_has_two_files_and_a_text_about_them() -> None:
    found = members(SAMPLES / "two-files.zip")
    assert [one.name for one in found.files] == ["README.txt", "jan/a.csv", "jan/b.csv"]
    first = found.files[1]
    content = b"".join(FileBytes(SAMPLES / "two-files.zip", first.name).chunks())
    assert len(content) == first.size_bytes


def test_members_are_sorted_without_folders_hidden_files_and_those_of_macos(tmp_path: Path) -> None:
    files = {
        "year/": b"",
        "year/b.csv": b"12",
        "year/A.csv": b"1",
        "a.csv": b"",
        ".DS_Store": b"x",
        "year/.hidden/c.csv": b"x",
        "__MACOSX/year/._b.csv": b"x",
    }
    found = members(zipped(tmp_path / "a.zip", files))
    assert found.files == [Member("a.csv", 0), Member("year/A.csv", 1), Member("year/b.csv", 2)]
    assert found.skipped == []


def test_what_cannot_be_read_is_left_out_and_named(tmp_path: Path) -> None:
    nested = bytes_of({"a.csv": b"x"})
    path = zipped(
        tmp_path / "a.zip",
        {
            "a.csv": b"x" * 100,
            "inner.zip": nested,
            "inner.bin": nested,
            "book.xlsx": WORKBOOK,
            "book": WORKBOOK,
            "locked.csv": b"secret",
        },
    )
    content = path.read_bytes()
    # Both headers of the last member say that it is encrypted.
    local = content.rindex(b"PK\x03\x04", 0, content.index(b"locked.csv"))
    central = content.rindex(b"PK\x01\x02")
    for place in (local + 6, central + 8):
        content = content[:place] + b"\x01\x00" + content[place + 2 :]
    path.write_bytes(content)
    found = members(path)
    assert [one.name for one in found.files] == ["a.csv", "book", "book.xlsx"]
    assert [(one.name, one.reason.partition(":")[0]) for one in found.skipped] == [
        ("inner.bin", "is a zip file within the zip file"),
        ("inner.zip", "is a zip file within the zip file"),
        ("locked.csv", "is encrypted"),
    ]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_member_that_is_in_there_twice_is_read_once(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", b"1")
        archive.writestr("a.csv", b"22")
    found = members(tmp_path / "a.zip")
    assert len(found.files) == 1
    assert [one.reason for one in found.skipped] == ["is in there twice"]


def test_bombs_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_members, "BOMB_BYTES_MIN", 1_000_000)
    path = zipped(tmp_path / "a.zip", {"bomb.csv": bytes(2_000_000), "small.csv": bytes(900_000)})
    found = members(path)
    assert [one.name for one in found.files] == ["small.csv"]
    assert "unpacks to 2000000 bytes" in found.skipped[0].reason


def test_member_gives_no_more_bytes_than_the_directory_says(tmp_path: Path) -> None:
    """A directory that lies makes a damaged file, not a large one."""
    path = zipped(tmp_path / "a.zip", {"a.csv": bytes(5_000_000)})
    content = path.read_bytes()
    place = content.rindex(b"PK\x01\x02")
    path.write_bytes(content[: place + 24] + struct.pack("<I", 1000) + content[place + 28 :])
    assert members(path).files == [Member("a.csv", 1000)]
    with zipfile.ZipFile(path) as archive, archive.open("a.csv") as file:
        with pytest.raises(zipfile.BadZipFile, match="Bad CRC-32"):
            file.read()
        assert file.tell() <= 1000


def test_memory_does_not_depend_on_the_members(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a.csv": bytes(50_000_000)})
    tracemalloc.start()
    [one] = members(path).files
    assert sum(map(len, FileBytes(path, one.name).chunks())) == 50_000_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000


def test_list_of_members_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_members, "DIRECTORY_BYTES_MAX", 1_000)
    path = zipped(tmp_path / "a.zip", {f"{number}.csv": b"" for number in range(30)})
    with pytest.raises(OperatorError, match="its list of members is over 1000 bytes"):
        members(path)
    assert not is_workbook(path)


@pytest.mark.parametrize("content", [b"", b"ts,meter_id\n", b"PK\x03\x04" + bytes(50)])
def test_files_that_are_none_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    with pytest.raises(OperatorError, match=r"cannot read .*a\.zip: File is not a zip file"):
        members(path)
    with pytest.raises(OperatorError, match="No such file"):
        members(tmp_path / "missing.zip")
    assert not is_workbook(path)
    assert not is_workbook(tmp_path / "missing.zip")


def test_workbooks_are_told_from_other_zip_files(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(WORKBOOK)
    assert is_workbook(tmp_path / "a.zip")
    assert is_workbook(SAMPLES / "workbook-half-hours.xlsx")
    assert not is_workbook(SAMPLES / "two-files.zip")
