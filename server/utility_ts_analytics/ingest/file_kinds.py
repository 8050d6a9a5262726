"""What kind of file it is: by its name, by its first bytes, and what to do about the wrong ones.

The name says what somebody means it to be, the first bytes what it is. Where they differ, the file
is refused: guessing would load half of the mistakes. Needs none of the packages that read columns.
"""

from pathlib import Path, PurePath
from typing import Literal, TypeVar, get_args

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.reading.compression import Encoding

FileKind = Literal["ndjson", "csv", "psv", "tsv", "parquet", "arrow", "nem12"]
"""`psv` and `tsv` are CSV with another delimiter; a mapping's `delimiter` beats all three."""
FILE_KINDS: tuple[FileKind, ...] = get_args(FileKind)

PathT = TypeVar("PathT", bound=PurePath)

_ENCODINGS: dict[str, Encoding] = {".gz": "gzip", ".zst": "zstd"}

_KINDS: dict[str, FileKind] = {
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".csv": "csv",
    ".dat": "psv",
    ".psv": "psv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".nem12": "nem12",
}
UNKNOWN_NAME = (
    "its name must end in .ndjson, .jsonl, .csv, .dat, .psv, .tsv or .nem12, with .gz or .zst"
    " behind it if it is compressed, or in .parquet, .pq, .arrow or .feather; or say what it is"
    " with --format"
)
BINARY_KINDS: frozenset[FileKind] = frozenset(("parquet", "arrow"))

_HEAD_BYTES = 512
_PARQUET = "is Parquet: name it .parquet, or say --format parquet"
_ARROW = "is Arrow: name it .arrow, or say --format arrow"
_UTF_16 = "is UTF-16: save it as UTF-8 (`iconv -f UTF-16 -t UTF-8`)"
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"PAR1", _PARQUET),
    (b"PARE", "is encrypted Parquet, which is not read: decrypt it first"),
    (b"ARROW1", _ARROW),
    (b"\x1f\x8b", "is compressed with gzip: its name must end in .gz"),
    (b"\x28\xb5\x2f\xfd", "is compressed with zstd: its name must end in .zst"),
    (b"BZh", "is compressed with bzip2: unpack it first, or pack it with gzip or zstd"),
    (b"\xfd7zXZ\x00", "is compressed with xz: unpack it first, or pack it with gzip or zstd"),
    (b"7z\xbc\xaf\x27\x1c", "is a 7z archive: unpack it first"),
    (b"%PDF", "is a PDF: ask for the data as CSV"),
    (b"\xd0\xcf\x11\xe0", "is an old Excel workbook (.xls): save the sheet as CSV UTF-8"),
    (b"\xff\xfe", _UTF_16),
    (b"\xfe\xff", _UTF_16),
    (b"SQLite format 3\x00", "is an SQLite database: export the table as CSV"),
    (b"Obj\x01", "is Avro, which is not read: convert it to Parquet"),
    (b"ORC", "is ORC, which is not read: convert it to Parquet"),
)
_ZIP = b"PK\x03\x04"
_PLAIN_CONTROLS = frozenset(b"\t\n\r\f\x1a")
"""Controls that text files have; 0x1A ends files of old systems."""


def encoding_of(path: PurePath) -> Encoding:
    """Return how the name says that the file is compressed."""
    return _ENCODINGS.get(path.suffix.lower(), "identity")


def without_compression(path: PathT) -> PathT:
    """Return the name that the file has once it is unpacked."""
    return path if encoding_of(path) == "identity" else path.with_suffix("")


def kind_of(path: Path) -> FileKind | None:
    """Return what the name says, or the first bytes where the name says nothing.

    NEM12 files are called `.csv`: their first bytes, `100,NEM12`, tell. None where nothing tells.
    `-` is NDJSON. Reads at most a few hundred bytes; a file that cannot be opened, and a pipe,
    from which they would be gone, are judged by their names.
    """
    if str(path) == "-":
        return "ndjson"
    encoding = encoding_of(path)
    kind = _KINDS.get(without_compression(path).suffix.lower())
    if encoding != "identity" or kind not in (None, "csv"):
        return kind
    head = _first_bytes(path)
    if head.startswith(b"PAR1") and kind is None:
        return "parquet"
    if head.startswith(b"ARROW1") and kind is None:
        return "arrow"
    return "nem12" if is_nem(head) else kind


def is_nem(head: bytes) -> bool:
    """Tell whether a text begins as a file of AEMO's meter data format does."""
    line = head.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n").replace(b'"', b"")
    return line.startswith((b"100,NEM12", b"100,NEM13"))


def check_text(head: bytes, name: str) -> None:
    """Check that the first bytes of a text kind, decompressed, are a text's.

    Args:
        head: As much of the beginning as there is; at most the first 512 bytes count.
        name: Of the file, for the message.

    Raises:
        OperatorError: They are something else's; says what, and what to do.
    """
    head = head[:_HEAD_BYTES]
    if head.startswith(_ZIP):
        is_workbook = b"[Content_Types].xml" in head or b"xl/" in head
        what = (
            "is an Excel workbook (.xlsx): save the sheet as CSV UTF-8"
            if is_workbook
            else "is a zip archive: unpack it first"
        )
        raise OperatorError(f"cannot read {name}, line 1: it {what}")
    for magic, what in _MAGIC:
        if head.startswith(magic):
            raise OperatorError(f"cannot read {name}, line 1: it {what}")
    if head[1::2].count(0) > len(head) // 4 or head[::2].count(0) > len(head) // 4:
        raise OperatorError(f"cannot read {name}, line 1: it {_UTF_16}, or it is no text at all")
    controls = sum(byte < 0x20 and byte not in _PLAIN_CONTROLS for byte in head)
    if controls > len(head) // 10:
        raise OperatorError(f"cannot read {name}, line 1: it is no text but binary data")


def _first_bytes(path: Path) -> bytes:
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES)
    except OSError:
        return b""
