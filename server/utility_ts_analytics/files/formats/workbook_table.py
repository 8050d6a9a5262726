"""Excel workbooks (.xlsx, .xlsm) as a table: one sheet, every cell as text.

Read by calamine, which holds the sheet that it reads: measured 122 MiB for 200,000 rows of 8 cells
(1.0 s), and twice that for twice the rows. What a sheet may unpack to, and how many cells it may
span, is looked at before (`workbook_bounds`), so that no file takes more than about a GiB.
"""

import csv
import io
import math
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Final

import pyarrow as pa
import python_calamine as calamine

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.formats.workbook_bounds import check_workbook
from utility_ts_analytics.files.pieces import add_note
from utility_ts_analytics.files.tables.contract import REC, RecordBlock, RecordTable, Refused
from utility_ts_analytics.files.tables.csv_table import CsvRules, CsvTable, column_names
from utility_ts_analytics.files.tables.file_bytes import FileBytes
from utility_ts_analytics.files.tables.row_blocks import RowBlocks

_ZIP: Final = b"PK\x03\x04"
_OLE: Final = b"\xd0\xcf\x11\xe0"
_LINE_BYTES_MAX: Final = 1_048_576
_EXACT_END: Final = 10**15
"""Excel keeps 15 digits of a number: from here on, the last ones of an id may be others."""

_NEAR: Final = timedelta(milliseconds=50)
"""A time is a fraction of a day, in some files with six or seven digits: 0.0208333 is 00:30:00."""

_SECOND: Final = timedelta(seconds=1)
_END_OF_DAY: Final = date(1900, 1, 1)
"""What calamine makes of 1.0 as a time of day: 24:00."""

_Cell = int | float | str | bool | time | date | datetime | timedelta


class _LostDigits(Exception):
    """A cell is a whole number of more digits than Excel keeps."""

    def __init__(self, column: int, cell: float) -> None:
        super().__init__()
        self.column = column
        self.cell = f"{cell:.15g}"


class WorkbookTable:
    """One sheet of a workbook as a table, every column as text; `rec` counts the rows with a cell.

    Dates and times are `YYYY-MM-DD HH:MM:SS`, to the second where they are within 0.05 s of one,
    else with milliseconds; a time of day is `HH:MM:SS` (24:00:00 is the end of the day), a duration
    `H:MM:SS`. Numbers have as many digits as they need and no exponent, whole ones no point. TRUE
    and FALSE are what they are; empty cells, and cells with an error such as #N/A, are NULL. A row
    with a whole number of more than 15 digits is refused: Excel has changed its last digits, and
    only a cell of text could have kept them.

    Columns are named by the first row behind `skip`; empty names and names that come twice are as
    in `csv()`. Refused rows are CSV with that header. Such a file is read as this table again:
    `skip` and `sheet` have no meaning for it.

    Args:
        file: The file.
        sheet: Name of the sheet; None is the first one.
        skip: Rows at the top that are left out, blank ones included, >= 0.
        header: Whether a row with names follows; else they are `column0`, `column1`, ...

    Attributes:
        schema: `rec` and the columns of the sheet.
        head: The header as a line of CSV; empty without one.

    Raises:
        OperatorError: The file is no workbook, is too large, has no such sheet or no header.
    """

    suffix = ".csv"

    def __init__(
        self, file: FileBytes, sheet: str | None = None, skip: int = 0, header: bool = True
    ) -> None:
        self._file = file
        self._sheet = sheet
        self._skip = skip
        self._header = header
        self._refused_rows = self._as_text()
        self.schema: pa.Schema
        self.head: bytes
        if self._refused_rows is not None:
            self.schema, self.head = self._refused_rows.schema, self._refused_rows.head
        else:
            check_workbook(file.plain_path(), file.name)
            self.schema, self.head = self._layout()

    def blocks(self, notes: dict[str, int]) -> Iterator[RecordBlock]:
        """Yield the blocks; see `RecordTable`.

        Args:
            notes: Gets `workbook-blank-rows`.
        """
        if self._refused_rows is not None:
            yield from self._refused_rows.blocks(notes)
            return
        rows: RowBlocks[Sequence[_Cell]] = RowBlocks(self.schema, lambda row: csv_line(_shown(row)))
        rec = 0
        size_bytes = self._file.plain_path().stat().st_size
        for line, row in self._rows(self._skip + int(self._header)):
            if not any(cell != "" for cell in row):
                add_note(notes, "workbook-blank-rows")
                continue
            rec += 1
            try:
                rows.add((rec, *map(_text, range(len(row)), row)), line, row)
            except _LostDigits as lost:
                rows.refuse(self._refusal(rec, line, row, lost))
            if rows.is_full:
                yield rows.take(size_bytes)
                size_bytes = 0
        yield rows.take(size_bytes)

    def _as_text(self) -> RecordTable | None:
        """Return the table of a text file; None where it is a workbook."""
        head = self._file.first_bytes(4)
        if head.startswith(_ZIP):
            return None
        if head.startswith(_OLE):
            raise OperatorError(
                f"cannot read {self._file.name}: it is an old Excel workbook (.xls), or one with a"
                " password: save the sheet as .xlsx or CSV UTF-8"
            )
        return CsvTable(self._file, CsvRules(header=self._header), _LINE_BYTES_MAX)

    def _layout(self) -> tuple[pa.Schema, bytes]:
        names: list[str] = []
        head = b""
        for _, row in self._rows(self._skip):
            names = [""] * len(row)
            if self._header:
                names = [text or "" for text in _shown(row)]
                head = csv_line(names)
            break
        if self._header and not any(names):
            where = f", row {self._skip + 1}" if self._skip else ""
            raise OperatorError(f"cannot read {self._file.name}{where}: it has no header")
        columns = [pa.field(name, pa.string()) for name in column_names(names)]
        return pa.schema([REC, *columns]), head

    def _rows(self, skip: int) -> Iterator[tuple[int, list[_Cell]]]:
        """Yield the rows behind the first `skip` with their numbers, from 1."""
        try:
            with calamine.CalamineWorkbook.from_path(self._file.plain_path()) as book:
                sheet = self._opened(book)
                for number, row in enumerate(sheet.iter_rows(), 1):
                    if number > skip:
                        yield number, row
        except calamine.CalamineError as error:
            reason = str(error).partition("\n")[0] or "it is no workbook"
            raise OperatorError(f"cannot read {self._file.name}: {reason}") from error

    def _opened(self, book: calamine.CalamineWorkbook) -> calamine.CalamineSheet:
        names = book.sheet_names
        if self._sheet is not None and self._sheet not in names:
            raise OperatorError(
                f"cannot read {self._file.name}: it has no sheet {self._sheet!r}, but "
                + ", ".join(map(repr, names))
            )
        if not names:
            raise OperatorError(f"cannot read {self._file.name}: it has no sheet")
        return book.get_sheet_by_name(self._sheet or names[0])

    def _refusal(self, rec: int, line: int, row: Sequence[_Cell], lost: _LostDigits) -> Refused:
        name = self.schema.names[1 + lost.column]
        detail = (
            f"{name} is a number of more than 15 digits, of which Excel has changed the last ones:"
            " make it text at its source"
        )
        return Refused(
            *(rec, line, "invalid-number", None, detail, lost.cell), csv_line(_shown(row))
        )


def csv_line(cells: Sequence[str | None]) -> bytes:
    """Return cells as one line of CSV; None is empty."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(["" if cell is None else cell for cell in cells])
    return line.getvalue().encode()


def _shown(row: Sequence[_Cell]) -> list[str | None]:
    """Return a row as text, with what is left of numbers that have lost digits."""
    shown: list[str | None] = []
    for index, cell in enumerate(row):
        try:
            shown.append(_text(index, cell))
        except _LostDigits as lost:
            shown.append(lost.cell)
    return shown


def _text(column: int, cell: _Cell) -> str | None:
    """Return a cell as text; None where it is empty."""
    if isinstance(cell, str):
        return cell or None
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, int | float):
        return _number(column, cell)
    if isinstance(cell, datetime):
        return _moment(cell)
    if isinstance(cell, date):
        return "24:00:00" if cell == _END_OF_DAY else f"{cell.isoformat()} 00:00:00"
    if isinstance(cell, time):
        return _moment(datetime.combine(date(2000, 1, 1), cell))[11:]
    return _duration(cell)


def _number(column: int, cell: float) -> str:
    if not math.isfinite(cell):
        return str(cell)
    if cell == int(cell):
        if abs(cell) >= _EXACT_END:
            raise _LostDigits(column, cell)
        return str(int(cell))
    # The shortest decimal that is this double, as Excel shows it; Decimal only writes it out.
    return format(Decimal(repr(cell)), "f")


def _near(rest: timedelta) -> timedelta | None:
    """Return what brings a time to a whole second, if it is near one; `rest` is below a second."""
    if rest <= _NEAR:
        return -rest
    return _SECOND - rest if _SECOND - rest <= _NEAR else None


def _moment(cell: datetime) -> str:
    shift = _near(timedelta(microseconds=cell.microsecond))
    if shift is None:
        return cell.isoformat(" ", "milliseconds")
    return (cell + shift).isoformat(" ", "seconds")


def _duration(cell: timedelta) -> str:
    rest = cell % _SECOND
    shift = _near(rest)
    whole = cell + shift if shift is not None else cell - rest
    seconds = whole // _SECOND
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    part = f".{rest // timedelta(milliseconds=1):03}" if shift is None else ""
    return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}{part}"
