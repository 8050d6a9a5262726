"""What is in a zip file: the files to read, in a fixed order, and those that are left out.

Nothing is unpacked to disk by its name, and nothing is held in memory: members are read as streams,
of which Python's zipfile hands out no more bytes than the directory says. Needs no other package.
"""

import lzma
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from utility_ts_analytics.errors import OperatorError

DIRECTORY_BYTES_MAX: Final = 67_108_864
"""Of the list of members, which is held: about half a million of them."""

RATIO_MAX: Final = 200
"""Unpacked to packed size. A year of zeros as CSV packs 1 to 100; deflate reaches 1 to 1,032."""

BOMB_BYTES_MIN: Final = 1_073_741_824
"""Up to this size no ratio is looked at."""

_END_RECORD_BYTES: Final = 65_557
"""The last record of a zip file with the longest comment (APPNOTE 4.3.16)."""

_METHODS: Final = (
    zipfile.ZIP_STORED,
    zipfile.ZIP_DEFLATED,
    zipfile.ZIP_BZIP2,
    zipfile.ZIP_LZMA,
)
_HEAD_BYTES: Final = 4_096
_ENCRYPTED: Final = 0x1
_ZIP: Final = b"PK\x03\x04"
_WORKBOOK_SUFFIXES: Final = (".xlsx", ".xlsm")


@dataclass(frozen=True, slots=True)
class Member:
    """One file to read.

    Attributes:
        name: Within the zip file, folders included.
        size_bytes: Unpacked.
    """

    name: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Skipped:
    """One file that is left out.

    Attributes:
        name: Within the zip file.
        reason: Follows the name: "is encrypted".
    """

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Members:
    """What a zip file holds.

    Attributes:
        files: Sorted by name. May be empty.
        skipped: Sorted by name; without folders, hidden files and what macOS adds.
    """

    files: Sequence[Member]
    skipped: Sequence[Skipped]


def members(path: Path) -> Members:
    """Return the members of a zip file.

    What kind of file each is, and whether it is one of readings at all, is not looked at here.

    Raises:
        OperatorError: It is no zip file, is damaged, or has too many members.
    """
    files: list[Member] = []
    skipped: list[Skipped] = []
    seen: set[str] = set()
    _check_directory(path)
    try:
        with zipfile.ZipFile(path) as archive:
            for one in sorted(archive.infolist(), key=lambda found: found.filename):
                if one.is_dir() or _is_hidden(one.filename):
                    continue
                reason = _fault(archive, one, seen)
                seen.add(one.filename)
                if reason is None:
                    files.append(Member(one.filename, one.file_size))
                else:
                    skipped.append(Skipped(one.filename, reason))
    except OSError as error:
        raise OperatorError(f"cannot read {path}: {error.strerror or error}") from error
    except (zipfile.BadZipFile, EOFError, UnicodeDecodeError, ValueError) as error:
        raise OperatorError(f"cannot read {path}: {error}") from error
    return Members(files, skipped)


def is_workbook(path: Path) -> bool:
    """Tell whether a file is an Excel workbook (.xlsx, .xlsm), whatever its name.

    Reads its list of members only; what cannot be read is none.
    """
    try:
        _check_directory(path)
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/workbook.xml") for name in archive.namelist())
    except (OSError, OperatorError, zipfile.BadZipFile, EOFError, ValueError):
        return False


def _is_hidden(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return "__MACOSX" in parts or any(part.startswith(".") for part in parts)


def _fault(archive: zipfile.ZipFile, one: zipfile.ZipInfo, seen: set[str]) -> str | None:
    """Return why a member is left out, or None."""
    if one.flag_bits & _ENCRYPTED:
        return "is encrypted: unpack it with its password first"
    if one.compress_type not in _METHODS:
        return f"is packed in a way that is not read (method {one.compress_type}): pack it anew"
    if one.filename in seen:
        return "is in there twice"
    size, packed = one.file_size, max(one.compress_size, 1)
    if size > BOMB_BYTES_MIN and size > RATIO_MAX * packed:
        return f"unpacks to {size} bytes, {size // packed} times its packed size: unpack it first"
    try:
        with archive.open(one) as file:
            head = file.read(_HEAD_BYTES)
    except (zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError, ValueError):
        # Damaged: the load reports it as failed when it reads it, and does not leave it out.
        return None
    if head.startswith(_ZIP) and not _looks_like_workbook(one.filename, head):
        return "is a zip file within the zip file: unpack it first"
    return None


def _looks_like_workbook(name: str, head: bytes) -> bool:
    return name.lower().endswith(_WORKBOOK_SUFFIXES) or b"[Content_Types].xml" in head


def _check_directory(path: Path) -> None:
    """Check the size of the list of members, before zipfile holds all of it."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _END_RECORD_BYTES))
            tail = file.read()
    except OSError as error:
        raise OperatorError(f"cannot read {path}: {error.strerror or error}") from error
    end = tail.rfind(b"PK\x05\x06")
    directory = int.from_bytes(tail[end + 12 : end + 16], "little") if end >= 0 else 0
    large = tail.rfind(b"PK\x06\x06")
    if large >= 0:
        directory = max(
            directory % 0xFFFF_FFFF, int.from_bytes(tail[large + 40 : large + 48], "little")
        )
    if directory > DIRECTORY_BYTES_MAX:
        raise OperatorError(
            f"cannot read {path}: its list of members is over {DIRECTORY_BYTES_MAX} bytes: unpack"
            " it first"
        )
