"""Bodies made ahead hold the rows they are cut from."""

import gzip
import json
from pathlib import Path

import pytest
import zstandard
from loadtest.memory.posts import array_bodies, compress_bodies, unfinished_head, unfinished_line
from loadtest.readings import split_bodies


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "lines"
    path.write_bytes(b"".join(b'{"n":%d}\n' % number for number in range(10)))
    return path


def unpacked(part: bytes, encoding: str) -> bytes:
    if encoding == "gzip":
        return gzip.decompress(part)
    return zstandard.ZstdDecompressor().decompressobj().decompress(part)


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_compressed_bodies_are_the_bodies(encoding: str, lines: Path, tmp_path: Path) -> None:
    plain = split_bodies(lines, 4)
    packed = compress_bodies(lines, plain, tmp_path / "packed", encoding)
    data = (tmp_path / "packed").read_bytes()
    parts = [data[body.offset : body.offset + body.size] for body in packed]
    assert b"".join(unpacked(part, encoding) for part in parts) == lines.read_bytes()
    assert [body.rows for body in packed] == [4, 4, 2]


def test_large_zstd_bodies_ask_for_the_largest_window(tmp_path: Path) -> None:
    (tmp_path / "lines").write_bytes(b" " * 9_000_000 + b"\n")
    bodies = split_bodies(tmp_path / "lines", 1)
    compress_bodies(tmp_path / "lines", bodies, tmp_path / "packed", "zstd")
    packed = (tmp_path / "packed").read_bytes()
    assert zstandard.get_frame_parameters(packed).window_size == 8 * 2**20


def test_arrays_hold_the_rows(lines: Path, tmp_path: Path) -> None:
    bodies = array_bodies(lines, split_bodies(lines, 4), tmp_path / "arrays")
    data = (tmp_path / "arrays").read_bytes()
    rows = [json.loads(data[body.offset : body.offset + body.size]) for body in bodies]
    assert [row["n"] for part in rows for row in part] == list(range(10))


def test_openings_do_not_end() -> None:
    assert len(unfinished_head(7001, 5_000)) == 5_000
    assert b"\r\n\r\n" not in unfinished_head(7001, 5_000)
    head, _, body = unfinished_line(7001, 5_000).partition(b"\r\n\r\n")
    assert (len(body), b"\n" in body, b"content-length" in head) == (5_000, False, True)
