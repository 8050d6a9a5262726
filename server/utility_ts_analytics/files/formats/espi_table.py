"""Green Button (ESPI XML), the format of utilities in North America, as a table of readings.

Read twice: first for the entries that say what the readings are, then for the readings. Memory does
not depend on how many readings there are. What the numbers mean is in `espi_codes`, who belongs to
whom in `espi_links`.
"""

import re
from collections.abc import Iterator
from typing import Final

import pyarrow as pa

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.formats.espi_codes import (
    QUALITIES,
    UNITS,
    Energy,
    ReadingType,
    energy_of,
    is_energy,
)
from utility_ts_analytics.files.formats.espi_links import Series, SeriesOfEntries
from utility_ts_analytics.files.formats.espi_refused import refused_line, refused_readings
from utility_ts_analytics.files.formats.espi_xml import IntervalReading, entries, readings
from utility_ts_analytics.files.pieces import add_note
from utility_ts_analytics.files.tables.contract import (
    CELL_CHARACTERS_MAX,
    REC,
    RecordBlock,
    Refused,
)
from utility_ts_analytics.files.tables.file_bytes import FileBytes
from utility_ts_analytics.files.tables.row_blocks import CountedBytes, Row, RowBlocks
from utility_ts_analytics.records.validation import RowCode

_TIME: Final = pa.timestamp("us", tz="UTC")
_SERIES: Final = (
    pa.field("usage_point", pa.string()),
    pa.field("usage_point_link", pa.string()),
    pa.field("meter_reading", pa.string()),
    pa.field("title", pa.string()),
    pa.field("service_kind", pa.int32()),
    pa.field("multiplier", pa.int32()),
    pa.field("uom", pa.int32()),
    pa.field("unit", pa.string()),
    pa.field("flow_direction", pa.int32()),
    pa.field("accumulation", pa.int32()),
    pa.field("kind", pa.int32()),
    pa.field("data_qualifier", pa.int32()),
    pa.field("phase", pa.int32()),
    pa.field("energy", pa.bool_()),
)
_READING: Final = (
    pa.field("start", _TIME),
    pa.field("ts", _TIME),
    pa.field("seconds", pa.int64()),
    pa.field("minutes", pa.float64()),
    pa.field("value", pa.string()),
    pa.field("quality", pa.string()),
    pa.field("quality_name", pa.string()),
    pa.field("kwh", pa.float64()),
)
_SCHEMA: Final = pa.schema([REC, *_SERIES, *_READING])

_NUMBER: Final = re.compile(r"([+-]?\d{1,18})(?:\.(\d{1,18}))?", re.ASCII)
_SECONDS: Final = re.compile(r"-?\d{1,11}", re.ASCII)
_SECONDS_END: Final = 253_402_300_800
"""Year 10000."""
_DURATION_END: Final = 10**9
"""Thirty years."""
_MICROSECONDS: Final = 1_000_000
_HEAD_BYTES: Final = 64


class _Fault(Exception):
    """A reading cannot be read: code, field, sentence and the text at fault."""

    def __init__(self, code: RowCode, field: str, detail: str, cell: str) -> None:
        super().__init__(detail)
        self.code: RowCode = code
        self.field = field
        self.cell = cell


class EspiTable:
    """One Green Button file as a table of its interval readings.

    Columns. `rec`: number of the reading in the file, from 1. NULL where the file does not say.

    - `usage_point` text: last part of the usage point's own address, `usage_point_link` all of it;
      `meter_reading` text: last part of that one's address; `title` text: of the usage point, or
      else of the meter reading.
    - `service_kind` INTEGER: 0 electricity, 1 gas, 2 water.
    - `start`, `ts` TIMESTAMPTZ: start of the interval, the same in both.
    - `seconds` BIGINT, `minutes` DOUBLE: length of the interval, > 0.
    - `value` text: as it stands in the file, to be multiplied with 10 to the power of `multiplier`
      INTEGER; `uom` INTEGER is the unit's code, `unit` text its name (Wh, W, varh, therm).
    - `flow_direction` INTEGER: 1 delivered, 19 received, 4 net, 20 total; `accumulation` INTEGER:
      4 delta, 1, 2, 3 and 9 registers that count on; `kind` INTEGER: 12 energy, 37 power, 8 demand;
      `data_qualifier` INTEGER: 8 maximum, 9 minimum; `phase` INTEGER.
    - `quality` text: code; several are parted by commas; `quality_name` text: valid, raw,
      estimated-reference-day and so on, an unknown code as it is.
    - `energy` BOOLEAN: whether it is electric energy of an interval, or mean power, which is the
      same with its length; NULL where the file lacks the reading type.
    - `kwh` DOUBLE: where `energy` is true and there is a value; the double nearest to the number.

    A refused reading becomes one line of NDJSON with these names. Such a file can be corrected and
    read as this table again.

    Args:
        file: The file.
    """

    schema = _SCHEMA
    head = b""
    suffix = ".ndjson"

    def __init__(self, file: FileBytes) -> None:
        self._file = file

    def blocks(self, notes: dict[str, int]) -> Iterator[RecordBlock]:
        """Yield the blocks; see `RecordTable.blocks`.

        Args:
            notes: Gets `espi-readings-without-a-value` and `espi-readings-without-reading-type`.
        """
        head = self._file.first_bytes(_HEAD_BYTES).lstrip(b"\xef\xbb\xbf \t\r\n")
        return self._of_ndjson(notes) if head.startswith(b"{") else self._of_xml(notes)

    def _of_xml(self, notes: dict[str, int]) -> Iterator[RecordBlock]:
        name, file = self._file.name, CountedBytes(self._file)
        series = SeriesOfEntries(entries(self._file.chunks(), name), name)
        rows = _Rows(notes)
        rec = 0
        for piece in readings(file.chunks(), name):
            for reading in piece:
                rec += 1
                rows.take(rec, reading, series.of(reading.entry))
                if rows.blocks.is_full:
                    yield rows.blocks.take(file.taken())
        if not rec:
            raise OperatorError(f"cannot read {name}: it has no interval readings")
        yield rows.blocks.take(file.taken())

    def _of_ndjson(self, notes: dict[str, int]) -> Iterator[RecordBlock]:
        """Read a file of refused readings, which somebody has corrected."""
        file = CountedBytes(self._file)
        rows = _Rows(notes)
        for rec, (reading, series) in refused_readings(file.chunks(), self._file.name):
            rows.take(rec, reading, series)
            if rows.blocks.is_full:
                yield rows.blocks.take(file.taken())
        yield rows.blocks.take(file.taken())


class _Rows:
    """Makes rows of readings."""

    def __init__(self, notes: dict[str, int]) -> None:
        self.blocks: RowBlocks[tuple[IntervalReading, Series]] = RowBlocks(
            _SCHEMA, lambda source: refused_line(*source)
        )
        self._notes = notes
        self._series = Series()
        self._constants = _constants(self._series)
        self._energy: Energy | None = None

    def take(self, rec: int, reading: IntervalReading, series: Series) -> None:
        """Add a reading, or its refusal."""
        try:
            row = self._row(rec, reading, series)
        except _Fault as fault:
            cell = fault.cell[:CELL_CHARACTERS_MAX] or None
            text = refused_line(reading, series)
            self.blocks.refuse(
                Refused(rec, reading.line, fault.code, fault.field, str(fault), cell, text)
            )
        else:
            self.blocks.add(row, reading.line, (reading, series))

    def _row(self, rec: int, reading: IntervalReading, series: Series) -> Row:
        if series is not self._series:
            # Readings of one series stand together.
            self._series, self._constants = series, _constants(series)
            self._energy = energy_of(series.kind, series.service_kind)
        kind = series.kind
        length = kind.interval_seconds if kind is not None else None
        seconds = _duration(reading.duration) if reading.duration else length
        start = _start(reading, length) * _MICROSECONDS
        kwh = None
        if not reading.value:
            add_note(self._notes, "espi-readings-without-a-value")
        else:
            value, scale = _number(reading.value)
            if self._energy is not None and seconds is not None:
                kwh = self._energy.kwh(value, scale, seconds)
        if kind is None:
            add_note(self._notes, "espi-readings-without-reading-type")
        codes = reading.qualities or ([kind.quality] if kind and kind.quality else [])
        quality = ",".join(codes) or None
        named = ",".join(QUALITIES.get(code, code) for code in codes) or None
        minutes = seconds / 60 if seconds is not None else None
        value_text = reading.value or None
        return (
            *(rec, *self._constants),
            *(start, start, seconds, minutes, value_text, quality, named, kwh),
        )


def _constants(series: Series) -> Row:
    kind = series.kind or ReadingType()
    return (
        series.usage_point,
        series.usage_point_link,
        series.meter_reading,
        series.title,
        series.service_kind,
        kind.multiplier,
        kind.uom,
        None if kind.uom is None else UNITS.get(kind.uom, str(kind.uom)),
        kind.flow_direction,
        kind.accumulation,
        kind.kind,
        kind.data_qualifier,
        kind.phase,
        is_energy(series.kind, series.service_kind),
    )


def _start(reading: IntervalReading, length: int | None) -> int:
    """Return the start of a reading, seconds since 1970: its own, or by its place in the block."""
    text, shift = reading.start, 0
    if not text and reading.block_start and length is not None:
        text, shift = reading.block_start, reading.number * length
    if not text:
        raise _Fault("missing-field", "ts", "the reading has no start", "")
    if _SECONDS.fullmatch(text) is None or not 0 <= int(text) + shift < _SECONDS_END:
        detail = "the start of a reading must be seconds since 1970"
        raise _Fault("invalid-timestamp", "ts", detail, text)
    return int(text) + shift


def _duration(text: str) -> int | None:
    """Return the length of an interval, seconds; None for the zero of readings at an instant."""
    if _SECONDS.fullmatch(text) is None or not 0 <= int(text) < _DURATION_END:
        detail = "the duration of a reading must be seconds"
        raise _Fault("invalid-number", "kwh", detail, text)
    return int(text) or None


def _number(text: str) -> tuple[int, int]:
    """Return a number as a whole one and what it is to be divided by."""
    found = _NUMBER.fullmatch(text)
    if found is None:
        raise _Fault("invalid-number", "kwh", "the value of a reading must be a number", text)
    before, after = found[1], found[2] or ""
    return int(before + after), 10 ** len(after)
