"""Files that are not what their name says are refused with what they are, and what to do."""

import gzip
import io
import os
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
import zstandard
from tests.unit.ingest.sources.source_rig import read_file, written

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.ingest.file_kinds import FileKind, kind_of

CSV = b"ts,meter_id,kwh\n2024-01-01T00:00:00Z,m,1\n"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("r.ndjson", "ndjson"),
        ("r.jsonl.gz", "ndjson"),
        ("r.csv", "csv"),
        ("R.CSV.ZST", "csv"),
        ("r.dat", "psv"),
        ("r.psv", "psv"),
        ("r.tsv.gz", "tsv"),
        ("r.parquet", "parquet"),
        ("r.feather", "arrow"),
        ("r.arrow", "arrow"),
        ("r.nem12", "nem12"),
        ("r.txt", None),
        ("readings", None),
        ("r.gz", None),
    ],
)
def test_name_says_the_kind(tmp_path: Path, name: str, kind: FileKind | None) -> None:
    assert kind_of(written(tmp_path, name, CSV)) == kind
    assert kind_of(tmp_path / "missing" / name) == kind


def test_first_bytes_tell_nem12_and_files_without_a_suffix(tmp_path: Path) -> None:
    assert kind_of(Path("-")) == "ndjson"
    assert kind_of(written(tmp_path, "a.csv", "100,NEM12,200402070911,MDA1,Ret1\n")) == "nem12"
    assert kind_of(written(tmp_path, "b.csv", '\r\n"100","NEM13"\n')) == "nem12"
    assert kind_of(written(tmp_path, "c", b"PAR1...")) == "parquet"
    assert kind_of(written(tmp_path, "d", b"ARROW1...")) == "arrow"


def test_pipe_is_judged_by_its_name_and_keeps_its_bytes(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "r.csv")
    os.mkfifo(tmp_path / "readings")
    assert kind_of(tmp_path / "r.csv") == "csv"
    assert kind_of(tmp_path / "readings") is None


def parquet() -> bytes:
    sink = io.BytesIO()
    pa.parquet.write_table(pa.table({"ts": ["2024-01-01T00:00:00Z"]}), sink)
    return sink.getvalue()


def zipped(name: str) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr(name, "x" * 100)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (gzip.compress(CSV), "compressed with gzip: its name must end in .gz"),
        (zstandard.compress(CSV), "compressed with zstd: its name must end in .zst"),
        (b"BZh91AY&SY", "compressed with bzip2"),
        (parquet(), "is Parquet: name it .parquet"),
        (b"ARROW1\x00\x00", "is Arrow: name it .arrow"),
        (zipped("[Content_Types].xml"), "an Excel workbook (.xlsx): save the sheet as CSV UTF-8"),
        (zipped("readings.csv"), "a zip archive: unpack it first"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook"),
        (b"%PDF-1.7\n", "is a PDF"),
        (CSV.decode().encode("utf-16"), "is UTF-16: save it as UTF-8"),
        (CSV.decode().encode("utf-16-le"), "is UTF-16: save it as UTF-8"),
        (CSV.decode().encode("utf-16-be"), "is UTF-16: save it as UTF-8"),
        (bytes(range(1, 256)) * 2, "no text but binary data"),
        (b"", "it is empty"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_csv_that_is_something_else_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    path = written(tmp_path, "r.csv", content)
    with pytest.raises(OperatorError) as refused:
        read_file(path)
    assert str(refused.value).startswith(f"cannot read {path}")
    assert reason in str(refused.value)


def test_what_is_packed_is_looked_at_too(tmp_path: Path) -> None:
    packed = gzip.compress(zipped("readings.csv"), mtime=0)
    with pytest.raises(OperatorError, match=r"r\.csv\.gz, line 1: it is a zip archive"):
        read_file(written(tmp_path, "r.csv.gz", packed))
