"""NEM12, the interval meter data of the Australian market, as a table of intervals.

A file is records by their first cell: 100 header, 200 channel of a connection point (NMI), 300 day
of values, 400 quality of a part of that day, 500 service order, 900 end. The days of one NMI are
held until the next NMI begins, up to a bound, because the reactive channel that belongs to an
active one stands behind it. The columns are made in `nem12_columns`.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.formats.nem12_columns import NEM12_SCHEMA, DayColumns
from utility_ts_analytics.files.formats.nem12_days import (
    Channel,
    Day,
    LostDay,
    RecordError,
    date_of,
)
from utility_ts_analytics.files.pieces import add_note
from utility_ts_analytics.files.tables.contract import CELL_CHARACTERS_MAX, RecordBlock, Refused
from utility_ts_analytics.files.tables.file_bytes import FileBytes
from utility_ts_analytics.files.tables.text import TextFile, lines_of
from utility_ts_analytics.reading.lines import LongLine

HELD_DAYS_MAX = 4_000
"""Channel days held for one NMI: five years of two channels, about 60 MB at five minutes. Behind
it the days held so far go out, and a reactive day finds no partner among them."""

_HEADER_CELLS = 4
_BLANKS = b" \t\r\n\x1a"


class Nem12Table:
    """One NEM12 file as a table of the intervals of its active channels that have a value.

    `rec` is the line of the 300 record, which is one row for each interval: here it rises, and
    repeats. A refused record comes with the 200 record of its channel, and with the records of the
    other channel that gives its rows energy or reactive energy, so that it can be corrected and
    loaded again. Where the reactive record of a day cannot be read, its active one is refused with
    it: the rows would replace whole ones that are stored.

    Columns.

    - `ts` TIMESTAMPTZ: start of the interval. Files have market time, UTC+10 all year.
    - `minutes` INTEGER: length of the interval, 1 to 60.
    - `nmi`, `suffix`, `serial` text: connection point, channel (E1, B1) and meter; `serial` may be
      NULL.
    - `direction` text: consumption, generation or net; NULL for channels of another kind.
    - `kwh` DOUBLE: of the channel, from Wh, kWh, MWh, or W, kW, MW as means of the interval.
    - `kvarh` DOUBLE: of the reactive channel of the same direction, number, day and length; NULL
      where there is none.
    - `quality` text: A, S, F, E, or N, which AEMO calls null data; `method` text: with the method,
      such as S14.
    - `participant` text: who the header says the file is from; NULL without one.

    Args:
        file: The file.
        max_line_bytes: Longest line, bytes.
    """

    schema = NEM12_SCHEMA
    suffix = ""

    def __init__(self, file: FileBytes, max_line_bytes: int) -> None:
        self._file = file
        self._text = TextFile(file, "utf-8", max_line_bytes)
        self.head = self._header()

    def blocks(self, notes: dict[str, int]) -> Iterator[RecordBlock]:
        """Yield the blocks; see `RecordTable`.

        Args:
            notes: Gets what was paired, left out and not kept, by names that begin with `nem12-`.
        """
        yield from _Pass(notes, self._file.name).blocks(_records(self._text))

    def _header(self) -> bytes:
        """Return the first record if it is a header."""
        for row, _, text in _records(self._text):
            return text if row[0] == "100" else b""
        return b""


@dataclass(frozen=True, slots=True)
class _Place:
    line: int
    text: bytes


class _Pass:
    """One pass over a file."""

    def __init__(self, notes: dict[str, int], name: str) -> None:
        self._name = name
        self._notes = notes
        self._columns = DayColumns(notes)
        self._channel: Channel | None = None
        self._day: Day | None = None
        self._days: list[Day] = []
        self._refused: list[Refused] = []
        self._lost: list[LostDay] = []
        self._last_lost: LostDay | None = None
        self._nmi: list[str] = []
        self._size_bytes = 0
        self._ended = False
        self._channels = {"kwh": 0, "kvarh": 0}

    def blocks(self, records: Iterator[tuple[list[str], int, bytes]]) -> Iterator[RecordBlock]:
        begun = False
        for row, line, text in records:
            self._size_bytes += len(text)
            if not begun:
                begun = True
                if self._is_header(row, line):
                    continue
            if self._is_full(row):
                yield from self._flush()
            try:
                self._read(row, line, text)
            except RecordError as error:
                self._refuse(error, _Place(line, text))
        if not begun:
            raise OperatorError(f"cannot read {self._name}: it has no records")
        yield from self._flush()
        if not self._ended:
            # nemreader only warns, and so do most: whole lines are whole days.
            add_note(self._notes, "nem12-no-end-record")
        if not self._channels["kwh"]:
            # Said although it is none: why a file that was read gives nothing.
            self._notes["nem12-active-channels"] = 0
            self._notes["nem12-reactive-channels"] = self._channels["kvarh"]

    def _is_header(self, row: list[str], line: int) -> bool:
        """Read the first record; one distributor's portal leaves the header out."""
        place = f"cannot read {self._name}, line {line}"
        if row[0] == "200":
            add_note(self._notes, "nem12-no-header-record")
            return False
        if row[0] != "100" or len(row) < 2:
            raise OperatorError(f"{place}: a NEM12 file begins with a 100 record")
        if row[1].strip() == "NEM13":
            raise OperatorError(
                f"{place}: it is NEM13, readings of registers that count on, taken months apart:"
                " there are no intervals in it to store"
            )
        if row[1].strip() != "NEM12":
            raise OperatorError(f"{place}: its version must be NEM12")
        self._columns.participant = row[3].strip() if len(row) >= _HEADER_CELLS else ""
        return True

    def _read(self, row: list[str], line: int, text: bytes) -> None:
        """Take one record behind the header."""
        match row[0]:
            case "200":
                # A bad one must not lend its days the one before.
                self._channel = self._day = self._last_lost = None
                self._nmi = row[1:2]
                self._channel = Channel.of_row(row, text)
                if self._channel.quantity is not None:
                    self._channels[self._channel.quantity] += 1
            case "300":
                self._read_day(row, line, text)
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

    def _read_day(self, row: list[str], line: int, text: bytes) -> None:
        if self._channel is None:
            raise RecordError("the 300 record has no good 200 record before it")
        self._day = self._last_lost = None
        try:
            self._day = Day.of_row(self._channel, row, line, text)
        except RecordError as error:
            date = date_of(row[1]) if len(row) > 1 else None
            self._lose(LostDay(self._channel, line, text, date, error))
        else:
            self._days.append(self._day)

    def _apply_event(self, row: list[str], text: bytes) -> None:
        """Apply a 400 record; the day whose quality it garbles is refused as a whole."""
        day = self._day
        if self._last_lost is not None:
            self._last_lost.text += text
            return
        if day is None:
            if not self._refused:
                raise RecordError("the 400 record has no 300 record before it")
            last = self._refused[-1]
            self._refused[-1] = Refused(
                *(last.rec, last.line, last.code, last.field, last.detail, last.cell),
                last.text + text,
            )
            return
        try:
            day.apply_event(row, text)
        except RecordError as error:
            self._days.pop()
            self._day = None
            date = day.readings[0].t_start
            self._lose(LostDay(day.channel, day.line, day.text, date, error))

    def _lose(self, lost: LostDay) -> None:
        """Keep a day that cannot be read, until those that belong to it are there."""
        if lost.channel.quantity is None:
            self._refuse(lost.error, _Place(lost.line, lost.text))
        else:
            self._last_lost = lost
            self._lost.append(lost)

    def _refuse(self, error: RecordError, place: _Place) -> None:
        head = self._channel.text if self._channel is not None else b""
        cell = place.text[:CELL_CHARACTERS_MAX].decode(errors="replace").strip()
        self._last_lost = None
        self._refused.append(
            Refused(
                *(place.line, place.line, error.code, error.field, str(error), cell),
                head + place.text,
            )
        )

    def _is_full(self, row: list[str]) -> bool:
        """Tell whether what is held must go out before this record."""
        held = len(self._days) + len(self._refused) + len(self._lost)
        if not held or row[0] == "400":
            return False
        other = row[0] == "200" and row[1:2] != self._nmi
        return other or held >= HELD_DAYS_MAX

    def _flush(self) -> Iterator[RecordBlock]:
        """Hand out what is held, in blocks of bounded size."""
        refused, self._refused = self._refused, []
        days, self._days = self._days, []
        lost, self._lost = self._lost, []
        self._last_lost = None
        size_bytes, self._size_bytes = self._size_bytes, 0
        yield from self._columns.blocks(days, lost, refused, size_bytes)


def _records(text: TextFile) -> Iterator[tuple[list[str], int, bytes]]:
    """Yield the cells, line number and text of each line that is not blank."""
    name = text.file.name
    for part in text.parts():
        if isinstance(part, LongLine):
            raise OperatorError(
                f"cannot read {name}, line {part.line}: it is over {text.max_line_bytes} bytes"
                " (max_line_bytes)"
            )
        for line, data in enumerate(lines_of(part.data), part.first_line):
            if not data.strip(_BLANKS):
                continue
            try:
                [row] = csv.reader([data.decode()], strict=True)
            except (UnicodeDecodeError, csv.Error, ValueError) as error:
                raise OperatorError(f"cannot read {name}, line {line}: {error}") from error
            yield [row[0].strip(), *row[1:]], line, data
