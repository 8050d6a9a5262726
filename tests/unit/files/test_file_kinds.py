"""Text that is something else is refused with what it is, and what to do."""

import gzip
import io
import zipfile
from pathlib import PurePath

import pyarrow as pa
import pyarrow.parquet
import pytest
import zstandard

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.file_kinds import check_text, is_nem, without_compression

CSV = b"ts,meter_id,kwh\n2024-01-01T00:00:00Z,m,1\n"


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
        (gzip.compress(CSV), "is still packed with gzip"),
        (zstandard.compress(CSV), "is still packed with zstd"),
        (b"BZh91AY&SY", "is compressed with bzip2"),
        (parquet(), "is Parquet: read it as that, with parquet($path)"),
        (b"ARROW1\x00\x00", "is Arrow: read it as that, with arrow($path)"),
        (zipped("[Content_Types].xml"), "is an Excel workbook (.xlsx): read it as that"),
        (zipped("readings.csv"), "is a zip archive: unpack it first"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is an old Excel workbook (.xls)"),
        (b"%PDF-1.7\n", "is a PDF"),
        (CSV.decode().encode("utf-16"), "is UTF-16: save it as UTF-8"),
        (CSV.decode().encode("utf-16-le"), "is UTF-16: save it as UTF-8"),
        (CSV.decode().encode("utf-16-be"), "is UTF-16: save it as UTF-8"),
        (bytes(range(1, 256)) * 2, "is no text but binary data"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_text_that_is_something_else_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(OperatorError) as refused:
        check_text(content, "r.csv")
    assert str(refused.value).startswith(f"cannot read r.csv, line 1: it {reason}")


@pytest.mark.parametrize(
    "content", [CSV, b"", b"\xef\xbb\xbf" + CSV, b"\tx\r\n\x1a", "Zähler;kWh\n".encode("cp1252")]
)
def test_text_passes(content: bytes) -> None:
    check_text(content, "r.csv")


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("a/r.csv.gz", "a/r.csv"),
        ("r.JSON.ZST", "r.JSON"),
        ("r.csv", "r.csv"),
        ("r", "r"),
        ("r.gz", "r"),
    ],
)
def test_names_without_their_packing(name: str, plain: str) -> None:
    assert without_compression(PurePath(name)) == PurePath(plain)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"100,NEM12,200402070911,MDA1,Ret1\n", True),
        (b'\xef\xbb\xbf\r\n"100","NEM13"\n', True),
        (b"100,NEM14\n", False),
        (b"200,NMI,E1\n", False),
    ],
)
def test_files_of_the_australian_market_are_known(head: bytes, expected: bool) -> None:
    assert is_nem(head) is expected
