"""NEM12, the interval meter data of the Australian market, as columns of `meter_usage`.

A file is records by their first cell: 100 header, 200 channel of a connection point (NMI), 300 day
of values, 400 quality of a part of that day, 500 service order, 900 end. The days of one NMI are
held until the next NMI begins, up to a bound, because the reactive channel that belongs to an
active one stands behind it. `docs/MAPPINGS.md` says what becomes of each.
"""

import csv
from collections.abc import Iterator, Mapping
from contextlib import ExitStack

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.ingest.file_kinds import FileKind
from utility_ts_analytics.ingest.mapping.model import FileSection, Nem12Section
from utility_ts_analytics.ingest.notes import add_note
from utility_ts_analytics.ingest.sources.contract import Refused, SourceBlock
from utility_ts_analytics.ingest.sources.file_pieces import FilePieces
from utility_ts_analytics.ingest.sources.in_pieces import ReadInPieces
from utility_ts_analytics.ingest.sources.nem12_columns import DayColumns
from utility_ts_analytics.ingest.sources.nem12_days import Channel, Day, RecordError
from utility_ts_analytics.ingest.sources.text_lines import TextLines
from utility_ts_analytics.records.validation import RowError

HELD_DAYS_MAX = 4_000
"""Channel days held for one NMI: five years of two channels, about 60 MB at five minutes. Behind
it the days held so far go out, and a reactive day finds no partner among them."""

_HEADER_CELLS = 4


class Nem12Source(ReadInPieces):
    """One NEM12 file.

    A line of `SourceBlock` is a 300 record, which is one row for each interval with a value.

    Args:
        pieces: The file.
        rules: `[nem12]` of a mapping, or its defaults.
        line_bytes_max: Longest line, bytes.
        stack: Closes the file.
    """

    def __init__(
        self, pieces: FilePieces, rules: Nem12Section, *, line_bytes_max: int, stack: ExitStack
    ) -> None:
        super().__init__(pieces, stack)
        self.refused_kind: FileKind = "nem12"
        self._notes: dict[str, int] = {}
        self._lines = TextLines(pieces, FileSection(), line_bytes_max, self._notes)
        self._columns = DayColumns(rules, self._notes)
        self._channel: Channel | None = None
        self._day: Day | None = None
        self._days: list[Day] = []
        self._refused: list[Refused] = []
        self._size_bytes = 0
        self._ended = False

    @property
    def notes(self) -> Mapping[str, int]:
        """What was left out or paired, and how often."""
        return self._notes

    def __iter__(self) -> Iterator[SourceBlock]:
        """Yield the blocks; see `contract.Source`."""
        begun = False
        for row, line, text in self._records():
            self._size_bytes += len(text)
            if not begun:
                begun = True
                if self._is_header(row, line, text):
                    continue
            if self._is_full(row):
                yield from self._flush()
            try:
                self._read(row, line, text)
            except RecordError as error:
                self._refuse(error, line, text)
        if not begun:
            raise OperatorError(f"cannot read {self.name}: it has no records")
        yield from self._flush()
        if not self._ended:
            # nemreader only warns, and so do most: whole lines are whole days.
            add_note(self._notes, "nem12-no-end-record")

    def _records(self) -> Iterator[tuple[list[str], int, bytes]]:
        """Yield the cells, line number and text of each line that is not blank."""
        for block in self._lines:
            for text, line in zip(block.lines(), block.numbers, strict=True):
                if not text.strip(b" \t\r\n\x1a"):
                    continue
                try:
                    [row] = csv.reader([text.decode()], strict=True)
                except (UnicodeDecodeError, csv.Error, ValueError) as error:
                    raise OperatorError(f"cannot read {self.name}, line {line}: {error}") from error
                yield [row[0].strip(), *row[1:]], line, text

    def _is_header(self, row: list[str], line: int, text: bytes) -> bool:
        """Read the first record; one distributor's portal leaves the header out."""
        if row[0] == "200":
            add_note(self._notes, "nem12-no-header-record")
            return False
        if row[0] != "100" or len(row) < 2:
            raise OperatorError(
                f"cannot read {self.name}, line {line}: a NEM12 file begins with a 100 record"
            )
        if row[1].strip() == "NEM13":
            raise OperatorError(
                f"cannot read {self.name}, line {line}: it is NEM13, readings of registers that"
                " count on, taken months apart: there are no intervals in it to store"
            )
        if row[1].strip() != "NEM12":
            raise OperatorError(f"cannot read {self.name}, line {line}: its version must be NEM12")
        self.head = text
        self._columns.source_system = row[3].strip() if len(row) >= _HEADER_CELLS else ""
        return True

    def _read(self, row: list[str], line: int, text: bytes) -> None:
        """Take one record behind the header."""
        match row[0]:
            case "200":
                # A bad one must not lend its days the one before.
                self._channel = self._day = None
                self._channel = Channel.of_row(row, text)
            case "300":
                if self._channel is None:
                    raise RecordError("the 300 record has no good 200 record before it")
                self._day = None
                self._day = Day.of_row(self._channel, row, line, text)
                self._days.append(self._day)
            case "400":
                self._apply_event(row, text)
            case "500":
                add_note(self._notes, "nem12-service-orders")
            case "900":
                self._ended = True
            case "100":
                # Files that are put together have their headers in the middle.
                self._ended = False
                self._channel = self._day = None
            case _:
                raise RecordError("the line is no record of NEM12 (100, 200, 300, 400, 500, 900)")

    def _apply_event(self, row: list[str], text: bytes) -> None:
        """Apply a 400 record; the day whose quality it garbles is refused as a whole."""
        day = self._day
        if day is None:
            if not self._refused:
                raise RecordError("the 400 record has no 300 record before it")
            last = self._refused[-1]
            self._refused[-1] = Refused(last.error, last.text + text)
            return
        try:
            day.apply_event(row, text)
        except RecordError as error:
            self._days.pop()
            self._day = None
            self._refuse(error, day.line, day.text)

    def _refuse(self, error: RecordError, line: int, text: bytes) -> None:
        head = self._channel.text if self._channel is not None else b""
        found = RowError(line, error.code, error.field, str(error))
        self._refused.append(Refused(found, head + text))

    def _is_full(self, row: list[str]) -> bool:
        """Tell whether what is held must go out before this record."""
        held = len(self._days) + len(self._refused)
        if not held or row[0] == "400":
            return False
        other = row[0] == "200" and (
            not self._days or row[1:2] != [self._days[-1].channel.details.nmi]
        )
        return other or held >= HELD_DAYS_MAX

    def _flush(self) -> Iterator[SourceBlock]:
        """Hand out what is held, in blocks of bounded size."""
        refused, self._refused = self._refused, []
        days, self._days = self._days, []
        size_bytes, self._size_bytes = self._size_bytes, 0
        yield from self._columns.blocks(days, refused, size_bytes)
