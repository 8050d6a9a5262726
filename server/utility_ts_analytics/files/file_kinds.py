"""Kinds of files: their names, their first bytes, and advice on files that are not read.

`file_contents` recognises a file by both. Needs no package that reads columns.
"""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Final, Literal, TypeVar, get_args

from utility_ts_analytics.errors import OperatorError

FileKind = Literal[
    "ndjson",
    "csv",
    "psv",
    "tsv",
    "parquet",
    "arrow",
    "nem12",
    "json",
    "espi",
    "mscons",
    "workbook",
    "zip",
]
"""`psv` and `tsv` are CSV with another separator, for files that are read without a mapping."""
FILE_KINDS: tuple[FileKind, ...] = get_args(FileKind)

PathT = TypeVar("PathT", bound=PurePath)

_PACKED_SUFFIXES: Final = (".gz", ".zst")

NAMES: Final[Mapping[str, FileKind]] = {
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "json",
    ".csv": "csv",
    ".dat": "psv",
    ".psv": "psv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".nem12": "nem12",
    ".xml": "espi",
    ".edi": "mscons",
    ".mscons": "mscons",
    ".xlsx": "workbook",
    ".xlsm": "workbook",
    ".zip": "zip",
}
"""Kinds by the last suffix of a name, `.gz` and `.zst` left out."""

_HEAD_BYTES = 512
_PARQUET = "is Parquet: read it as that, with parquet($path) or --format parquet"
_ARROW = "is Arrow: read it as that, with arrow($path) or --format arrow"
UTF_16 = (
    "is UTF-16: save it as UTF-8 (`iconv -f UTF-16 -t UTF-8`), or say encoding := 'utf-16' in its"
    " mapping"
)
MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"PAR1", _PARQUET),
    (b"PARE", "is encrypted Parquet, which is not read: decrypt it first"),
    (b"ARROW1", _ARROW),
    (b"\x1f\x8b", "is still packed with gzip: unpack it first"),
    (b"\x28\xb5\x2f\xfd", "is still packed with zstd: unpack it first"),
    (b"BZh", "is compressed with bzip2: unpack it first, or pack it with gzip or zstd"),
    (b"\xfd7zXZ\x00", "is compressed with xz: unpack it first, or pack it with gzip or zstd"),
    (b"7z\xbc\xaf\x27\x1c", "is a 7z archive: unpack it first"),
    (b"%PDF", "is a PDF: ask for the data as CSV"),
    (b"\xd0\xcf\x11\xe0", "is an old Excel workbook (.xls): save the sheet as .xlsx or CSV UTF-8"),
    (b"\xff\xfe", UTF_16),
    (b"\xfe\xff", UTF_16),
    (b"SQLite format 3\x00", "is an SQLite database: export the table as CSV"),
    (b"Obj\x01", "is Avro, which is not read: convert it to Parquet"),
    (b"ORC", "is ORC, which is not read: convert it to Parquet"),
)
ZIP = b"PK\x03\x04"
_PLAIN_CONTROLS = frozenset(b"\t\n\r\f\x1a")
"""Control characters of text files; 0x1A ends files of old systems."""

NO_KIND: Final = (
    "is of no known kind: its name must end in .ndjson, .jsonl, .json, .csv, .dat, .psv, .tsv,"
    " .nem12, .parquet, .pq, .arrow, .feather, .xml, .edi, .xlsx or .zip, with .gz or .zst behind"
    " it if it is packed; or say what it is with --format"
)


def without_compression(path: PathT) -> PathT:
    """Return the name that the file has once it is unpacked."""
    return path.with_suffix("") if path.suffix.lower() in _PACKED_SUFFIXES else path


def is_nem(head: bytes) -> bool:
    """Return whether a text begins like a file of AEMO's meter data format (NEM12, NEM13)."""
    line = head.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n").replace(b'"', b"")
    return line.startswith((b"100,NEM12", b"100,NEM13"))


def check_text(head: bytes, name: str) -> None:
    """Check that the first bytes of a file, unpacked, are text.

    Args:
        head: Beginning of the file; at most the first 512 bytes count.
        name: Name of the file, for the message.

    Raises:
        OperatorError: They are of another kind; names it, and what to do.
    """
    head = head[:_HEAD_BYTES]
    if head.startswith(ZIP):
        is_workbook = b"[Content_Types].xml" in head or b"xl/" in head
        what = (
            "is an Excel workbook (.xlsx): read it as that, with workbook($path)"
            if is_workbook
            else "is a zip archive: unpack it first"
        )
        raise OperatorError(f"cannot read {name}, line 1: it {what}")
    for magic, what in MAGIC:
        if head.startswith(magic):
            raise OperatorError(f"cannot read {name}, line 1: it {what}")
    reason = no_text(head)
    if reason is not None:
        raise OperatorError(f"cannot read {name}, line 1: it {reason}")


def no_text(head: bytes) -> str | None:
    """Return the kind of bytes that are no text and have no mark; None for text."""
    if head[1::2].count(0) > len(head) // 4 or head[::2].count(0) > len(head) // 4:
        return f"{UTF_16}, or it is no text at all"
    controls = sum(byte < 0x20 and byte not in _PLAIN_CONTROLS for byte in head)
    return "is no text but binary data" if controls > len(head) // 10 else None
