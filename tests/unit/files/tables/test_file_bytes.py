"""Bytes of a file, as often as they are asked for, however it is packed."""

import gzip
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.tables.file_bytes import FileBytes

CONTENT = b"".join(b"%d,%d\n" % (number, number * 7_919 % 10_007) for number in range(150_000))
Pack = Callable[[bytes], bytes]
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


def gzipped(data: bytes) -> bytes:
    return gzip.compress(data, 1)


def whole(file: FileBytes) -> bytes:
    return b"".join(file.chunks())


def zipped(path: Path, method: int, content: bytes = CONTENT) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("in/a.csv", content)
    return path


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.mark.parametrize("pack", [bytes, gzipped, zstandard.compress])
def test_every_pass_gives_the_same_unpacked_bytes(
    tmp_path: Path, temporary: Path, pack: Pack
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(pack(CONTENT))
    file = FileBytes(path)
    assert file.seekable is (pack is bytes)
    assert file.first_bytes(10) == CONTENT[:10]
    assert whole(file) == whole(file) == CONTENT
    assert file.bytes_read == path.stat().st_size
    assert file.plain_path().read_bytes() == CONTENT
    assert file.plain_path() == file.plain_path()
    file.close()
    file.close()
    assert list(temporary.iterdir()) == []
    assert path.exists()


def test_pass_may_begin_in_the_middle(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(CONTENT)
    assert b"".join(FileBytes(path).chunks(1_234_567)) == CONTENT[1_234_567:]
    # What looks like a packing there is none.
    path.write_bytes(b"plain\n\x1f\x8b")
    assert b"".join(FileBytes(path).chunks(6)) == b"\x1f\x8b"


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("pack", [bytes, gzipped])
def test_member_of_a_zip_file_is_a_file(tmp_path: Path, method: int, pack: Pack) -> None:
    path = zipped(tmp_path / "a.zip", method, pack(CONTENT))
    file = FileBytes(path, "in/a.csv")
    assert (file.name, file.inner_name, file.seekable) == (f"{path}/in/a.csv", "a.csv", False)
    assert whole(file) == whole(file) == CONTENT
    assert file.bytes_read == len(pack(CONTENT))
    assert file.plain_path().read_bytes() == CONTENT
    file.close()


@pytest.mark.parametrize("method", METHODS)
def test_damaged_member_is_one_line_whatever_packs_it(tmp_path: Path, method: int) -> None:
    path = zipped(tmp_path / "a.zip", method)
    content = bytearray(path.read_bytes())
    content[60:160] = bytes(100)
    path.write_bytes(content)
    file = FileBytes(path, "in/a.csv")
    with pytest.raises(OperatorError, match=r"cannot read .*a\.zip/in/a\.csv: ") as raised:
        whole(file)
    assert "\n" not in str(raised.value)


def test_member_that_is_not_there_any_more_is_one_line(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", zipfile.ZIP_STORED)
    file = FileBytes(path, "b.csv")
    with pytest.raises(OperatorError, match=r"There is no item named .b\.csv"):
        whole(file)
    path.write_bytes(b"no zip file")
    with pytest.raises(OperatorError, match="it is damaged"):
        whole(file)
    path.unlink()
    with pytest.raises(OperatorError, match="No such file"):
        whole(file)


@pytest.mark.parametrize("pack", [gzipped, zstandard.compress])
def test_file_that_is_cut_gives_what_is_before_the_cut(tmp_path: Path, pack: Pack) -> None:
    path = tmp_path / "a.csv"
    packed = pack(CONTENT)
    path.write_bytes(packed[: len(packed) // 2])
    found = b""
    with pytest.raises(OperatorError, match=r"cannot read .*a\.csv: .*ends early"):  # noqa: PT012
        for chunk in FileBytes(path).chunks():
            found += chunk
    assert found
    assert CONTENT.startswith(found)


def test_list_of_members_is_read_once_for_all_of_them_and_again_when_it_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[object] = []
    real = zipfile.ZipFile

    def counting(path: Path, *arguments: object) -> zipfile.ZipFile:
        opened.append(path)
        return real(path)

    path = zipped(tmp_path / "a.zip", zipfile.ZIP_STORED, b"1\n")
    monkeypatch.setattr(zipfile, "ZipFile", counting)
    for _ in range(5):
        assert whole(FileBytes(path, "in/a.csv")) == b"1\n"
    assert len(opened) == 1
    monkeypatch.undo()
    zipped(path, zipfile.ZIP_STORED, b"22\n")
    assert whole(FileBytes(path, "in/a.csv")) == b"22\n"


@pytest.mark.parametrize("pack", [gzipped, zstandard.compress])
def test_several_members_or_frames_are_one_file(tmp_path: Path, pack: Pack) -> None:
    path = tmp_path / "a"  # known by its first bytes, not by its name
    path.write_bytes(pack(CONTENT) + pack(b"") + pack(b"last\n"))
    assert whole(FileBytes(path)) == CONTENT + b"last\n"
    path.write_bytes(pack(CONTENT) + b"rest")
    with pytest.raises(OperatorError, match=r"cannot read .*a: .*near byte"):
        whole(FileBytes(path))


def test_chunks_are_about_a_mib_and_none_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"x" * 5_000_000))
    sizes = [len(chunk) for chunk in FileBytes(path).chunks()]
    assert sum(sizes) == 5_000_000
    assert all(1_000_000 < size < 1_400_000 for size in sizes[:-1])
    path.write_bytes(b"")
    file = FileBytes(path)
    assert (list(file.chunks()), file.first_bytes(9), file.seekable) == ([], b"", True)


@pytest.mark.parametrize("pack", [gzipped, zstandard.compress])
def test_copy_that_cannot_be_finished_is_removed_at_once(
    tmp_path: Path, temporary: Path, pack: Pack
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(pack(CONTENT)[:-20])
    file = FileBytes(path)
    with pytest.raises(OperatorError, match="ends early"):
        file.plain_path()
    assert list(temporary.iterdir()) == []
    path.write_bytes(pack(CONTENT))
    assert file.plain_path().read_bytes() == CONTENT
    file.close()
    assert list(temporary.iterdir()) == []


def test_folder_without_room_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(CONTENT))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(OperatorError, match=r"cannot unpack .*a\.gz: .*none, or set TMPDIR"):
        FileBytes(path).plain_path()


def test_copy_of_an_input_goes_when_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "copy"
    path.write_bytes(b"a\n")
    file = FileBytes(path, name="-", owns_path=True)
    assert (file.name, whole(file), file.plain_path()) == ("-", b"a\n", path)
    file.close()
    assert not path.exists()


def test_file_that_grows_or_shrinks_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(CONTENT)
    chunks = FileBytes(path).chunks()
    found = next(chunks)
    with path.open("ab") as grown:
        grown.write(b"more\n")
    assert found + b"".join(chunks) == CONTENT + b"more\n"
    chunks = FileBytes(path).chunks()
    found = next(chunks)
    with path.open("r+b") as shrunk:
        shrunk.truncate(len(found) + 300_000)
    rest = b"".join(chunks)
    assert CONTENT.startswith(found + rest)
    assert len(rest) >= 200_000
