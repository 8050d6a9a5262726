"""Files are read whole whatever they are packed in, and cut ones never taken for whole."""

import gzip
import io
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
import zstandard
from tests.unit.ingest.sources.source_rig import read_file, written

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.ingest.sources.contract import BLOCK_BYTES_MAX
from utility_ts_analytics.ingest.sources.file_pieces import FilePieces
from utility_ts_analytics.reading.compression import PIECE_BYTES_MAX, Encoding

LINES = [f"2024-01-01T00:00:00Z,m-{number},{number * 7_919 % 10_007}\n" for number in range(9_000)]
TEXT = ("ts,meter_id,kwh\n" + "".join(LINES)).encode()
HALF = len(TEXT) // 2


@pytest.mark.parametrize(
    ("name", "packed"),
    [
        ("r.csv", TEXT),
        ("r.csv.gz", gzip.compress(TEXT)),
        ("r.csv.gz", gzip.compress(TEXT[:HALF]) + gzip.compress(b"") + gzip.compress(TEXT[HALF:])),
        ("r.csv.zst", zstandard.compress(TEXT)),
        ("r.csv.zst", zstandard.compress(TEXT[:HALF]) + zstandard.compress(TEXT[HALF:])),
    ],
    ids=["plain", "gzip", "gzip members", "zstd", "zstd frames"],
)
def test_file_is_read_whole(tmp_path: Path, name: str, packed: bytes) -> None:
    path = written(tmp_path, name, packed)
    found = read_file(path)
    assert found.places == list(range(2, len(LINES) + 2))
    with ExitStack() as stack:
        encoding: Encoding = {".gz": "gzip", ".zst": "zstd"}.get(path.suffix, "identity")  # type: ignore[assignment]
        pieces = FilePieces(path, encoding, stack)
        sizes = [len(piece) for piece in pieces]
        assert (sum(sizes), pieces.bytes_read) == (len(TEXT), len(packed))
        assert pieces.size_bytes == len(packed)
    assert max(sizes) <= BLOCK_BYTES_MAX + PIECE_BYTES_MAX


@pytest.mark.parametrize(
    ("name", "packed", "reason"),
    [
        ("r.csv.gz", gzip.compress(TEXT)[:-2_000], "its gzip data ends early"),
        ("r.csv.zst", zstandard.compress(TEXT)[:-2_000], "its zstd data ends early"),
        ("r.csv.gz", gzip.compress(TEXT) + b"junk", "it is not gzip after its first member"),
        ("r.csv.gz", TEXT, "it is not gzip in its first member"),
    ],
)
def test_damaged_file_hands_out_whole_lines_and_is_refused_at_its_end(
    tmp_path: Path, name: str, packed: bytes, reason: str
) -> None:
    path = written(tmp_path, name, packed)
    with ExitStack() as stack:
        pieces = FilePieces(path, "zstd" if name.endswith("zst") else "gzip", stack)
        held: list[bytes] = []

        def read() -> None:
            held.extend(pieces)

        with pytest.raises(OperatorError, match=reason) as refused:
            read()
    assert str(refused.value).startswith(f"cannot read {path}: ")
    assert "near byte" in str(refused.value)
    text = b"".join(held)
    assert TEXT.startswith(text)
    assert (len(text) > HALF) == (packed != TEXT)


def test_missing_file_and_folder_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"missing\.csv: No such file"):
        read_file(tmp_path / "missing.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(OperatorError, match=r"folder\.csv: Is a directory"):
        read_file(tmp_path / "folder.csv")


def test_dash_is_standard_input_and_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(TEXT))
    monkeypatch.setattr(sys, "stdin", stdin)
    found = read_file(Path("-"), kind="csv")
    assert len(found.rows) == len(LINES)
    assert not stdin.buffer.closed
