"""What a workbook may take: looked at before it is read, since its reader holds a whole sheet.

A workbook is a zip file of XML. Two things make a small file large in memory: parts that unpack to
much, and two cells that lie far apart, since the reader has a place for every cell between them.
"""

import re
import zipfile
import zlib
from pathlib import Path
from typing import Final

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.tables.zip_members import is_workbook

PART_BYTES_MAX: Final = 536_870_912
"""Of one part, unpacked: 1,500,000 rows of 8 cells, which take 950 MiB."""

CELLS_MAX: Final = 20_000_000
"""Cells that a sheet spans from A1 on, 32 bytes each beside their text."""

_READ_BYTES: Final = 1_048_576
_TAG_BYTES_MAX: Final = 65_536
_PARTS: Final = re.compile(r"(?:.*/)?(?:worksheets/[^/]+|sharedStrings|styles|workbook)\.xml", re.I)
_PLACE: Final = re.compile(rb"""\br=["']([A-Z]{0,3})(\d{1,7})["']""")
_ROW: Final = re.compile(rb"<(?:\w+:)?row\b")
_CELL: Final = re.compile(rb"<(?:\w+:)?c\b")


def check_workbook(path: Path, name: str) -> None:
    """Check that a workbook can be read within bounds, by reading its parts once.

    Args:
        path: Of the file on disk.
        name: Of the file, for messages.

    Raises:
        OperatorError: It is none, is damaged, or too large; says what to do.
    """
    if not is_workbook(path):
        raise OperatorError(f"cannot read {name}: it is a zip file, but no workbook (.xlsx)")
    try:
        with zipfile.ZipFile(path) as archive:
            for part in archive.infolist():
                if _PARTS.fullmatch(part.filename):
                    _check_part(archive, part, name)
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        # An encrypted part is a RuntimeError, one that is packed in an odd way NotImplementedError.
        raise OperatorError(f"cannot read {name}: {error}") from error


def _check_part(archive: zipfile.ZipFile, part: zipfile.ZipInfo, name: str) -> None:
    """Read a part to its end: its size is then known to be what the directory says."""
    if part.file_size > PART_BYTES_MAX:
        raise OperatorError(
            f"cannot read {name}: {part.filename} in it unpacks to {part.file_size} bytes, over"
            f" {PART_BYTES_MAX}: save the sheet as CSV UTF-8"
        )
    span = _Span()
    with archive.open(part) as file:
        while chunk := file.read(_READ_BYTES):
            span.take(chunk)
    width, rows_end = span.width, span.rows_end
    if width * rows_end > CELLS_MAX:
        raise OperatorError(
            f"cannot read {name}: {part.filename} in it spans {rows_end} rows and {width} columns,"
            f" over {CELLS_MAX} cells: save what is filled as CSV UTF-8"
        )


class _Span:
    """How far the cells of a sheet reach, by the places that they name, and by counting them."""

    def __init__(self) -> None:
        self.width = 0
        self.rows_end = 0
        self._row_count = 0
        self._cells_of_row = 0
        self._held = b""

    def take(self, chunk: bytes) -> None:
        """Take the next bytes; a tag that may be cut is left to the next call."""
        data = self._held + chunk
        end = max(data.rfind(b"<"), 0) if len(self._held) < _TAG_BYTES_MAX else len(data)
        data, self._held = data[:end], data[end:]
        columns: set[bytes] = set()
        for column, row in _PLACE.findall(data):
            columns.add(column)
            self.rows_end = max(self.rows_end, int(row))
        self.width = max(self.width, *map(_column_number, columns), 0)
        # Places need not be named: then a row is the next one, and so is a cell.
        first, *others = _ROW.split(data)
        self._row_count += len(others)
        counts = [self._cells_of_row + _cell_count(first), *map(_cell_count, others)]
        self._cells_of_row = counts[-1]
        self.width = max(self.width, *counts)
        self.rows_end = max(self.rows_end, self._row_count)


def _cell_count(data: bytes) -> int:
    return len(_CELL.findall(data))


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number
