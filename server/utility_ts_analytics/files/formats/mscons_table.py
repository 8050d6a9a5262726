"""MSCONS (EDIFACT), the meter values of the German and Austrian market, as a table of quantities.

Rules: BDEW, "MSCONS Nachrichtenbeschreibung": LOC+172 names the place of metering, LIN and PIA the
product, QTY is a value, DTM+163 and DTM+164 behind it are the start and the end of its interval.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import pyarrow as pa

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.formats.edifact import (
    QuantityFault,
    Segment,
    kwh_of,
    segments,
    time_of,
)
from utility_ts_analytics.files.pieces import add_note
from utility_ts_analytics.files.tables.contract import (
    CELL_CHARACTERS_MAX,
    REC,
    RecordBlock,
    Refused,
)
from utility_ts_analytics.files.tables.file_bytes import FileBytes
from utility_ts_analytics.files.tables.row_blocks import CountedBytes, Row, RowBlocks

_TIME: Final = pa.timestamp("us", tz="UTC")
_SCHEMA: Final = pa.schema(
    [
        REC,
        pa.field("location", pa.string()),
        pa.field("product", pa.string()),
        pa.field("quantity_code", pa.string()),
        pa.field("quantity_name", pa.string()),
        pa.field("status", pa.string()),
        pa.field("value", pa.string()),
        pa.field("unit", pa.string()),
        pa.field("from_ts", _TIME),
        pa.field("to_ts", _TIME),
        pa.field("from_text", pa.string()),
        pa.field("to_text", pa.string()),
        pa.field("ts", _TIME),
        pa.field("minutes", pa.float64()),
        pa.field("kwh", pa.float64()),
        pa.field("message", pa.string()),
        pa.field("sender", pa.string()),
        pa.field("receiver", pa.string()),
    ]
)

_NAMES: Final = {
    "220": "true",
    "67": "substitute",
    "201": "proposed",
    "187": "forecast",
    "79": "summed",
    "Z18": "preliminary",
    "20": "unusable",
}
"""BDEW, code list of 6063."""
_FROM, _TO = "163", "164"
_STATUSES_MAX: Final = 20
_BEHIND_QUANTITY: Final = ("DTM", "STS")


class MsconsTable:
    """One MSCONS file as a table of its quantities.

    Columns. `rec`: number of the QTY segment in the file, from 1. NULL where there is none.

    - `location` text: of LOC+172, the place of metering.
    - `product` text: of PIA+5, an OBIS code: 1-1:1.29.0 is consumption, 1-1:2.29.0 feed-in; group D
      (the second number behind the colon) is 8 for registers that count on.
    - `quantity_code` text: 220, 67, 201, ...; `quantity_name` text: true, substitute, proposed,
      forecast, summed, preliminary, unusable, or an unknown code as it is.
    - `status` text: of STS segments behind the quantity: category and reason parted by a colon,
      several parted by commas.
    - `value` text: a number with a point; `unit` text: KWH, KWT, ...
    - `from_ts`, `to_ts`, `ts` (= `from_ts`) TIMESTAMPTZ: where the file says an offset (format
      303); `from_text`, `to_text` text: as they stand in the file, also without one.
    - `minutes` DOUBLE: length of the interval, > 0.
    - `kwh` DOUBLE: of values in kWh, MWH, WHR or without a unit, and of mean power (KWT, MAW, WTT)
      with the length of its interval. What the product is, is not looked at.
    - `message` text: reference of the message; `sender`, `receiver` text: of the interchange.

    A refused quantity comes with the segments that say what it is, so that it can be corrected and
    loaded again.

    Args:
        file: The file.
    """

    schema = _SCHEMA
    suffix = ""

    def __init__(self, file: FileBytes) -> None:
        self._file = file
        self.head = self._head()

    def blocks(self, notes: dict[str, int]) -> Iterator[RecordBlock]:
        """Yield the blocks; see `RecordTable`.

        Args:
            notes: Gets `mscons-quantities-without-a-value`, `mscons-no-end-segment` and
                `edifact-messages-of-other-types`.
        """
        file = CountedBytes(self._file)
        found = _Pass(notes)
        for segment in segments(file.chunks(), self._file.name):
            found.take(segment)
            if found.rows.is_full:
                yield found.rows.take(file.taken())
        found.finish()
        if not found.messages:
            others = ", ".join(sorted(found.others)) or "no"
            raise OperatorError(
                f"cannot read {self._file.name}: it has {others} messages, no MSCONS"
            )
        yield found.rows.take(file.taken())

    def _head(self) -> bytes:
        """Return the segments that open the interchange."""
        head = b""
        for segment in segments(self._file.chunks(), self._file.name):
            if segment.tag not in ("UNA", "UNB"):
                break
            head += segment.text
        return head + b"\n" if head else b""


@dataclass(slots=True)
class _Quantity:
    """A QTY segment with what stands before it and behind it."""

    rec: int
    segment: Segment
    before: tuple[Segment | None, ...]
    parties: tuple[str, str]
    behind: list[Segment] = field(default_factory=list)

    @property
    def text(self) -> bytes:
        parts = [one.text for one in (*self.before, self.segment, *self.behind) if one is not None]
        return b"".join(parts) + b"\n"


class _Pass:
    """One pass over a file."""

    def __init__(self, notes: dict[str, int]) -> None:
        self.rows: RowBlocks[_Quantity] = RowBlocks(_SCHEMA, lambda one: one.text)
        self.messages = 0
        self.others: set[str] = set()
        self._notes = notes
        self._rec = 0
        self._is_open = False
        self._is_mscons = False
        self._parties = ("", "")
        self._message: Segment | None = None
        self._location: Segment | None = None
        self._item: Segment | None = None
        self._product: Segment | None = None
        self._quantity: _Quantity | None = None

    def take(self, segment: Segment) -> None:
        """Take the next segment."""
        if segment.tag in _BEHIND_QUANTITY:
            if self._quantity is not None and len(self._quantity.behind) < _STATUSES_MAX:
                self._quantity.behind.append(segment)
            return
        self._flush()
        if segment.tag == "QTY" and self._is_mscons:
            self._rec += 1
            before = (self._message, self._location, self._item, self._product)
            self._quantity = _Quantity(self._rec, segment, before, self._parties)
        else:
            self._place(segment)

    def _place(self, segment: Segment) -> None:
        """Take a segment that says what the quantities behind it are."""
        match segment.tag:
            case "UNB":
                self._is_open = True
                self._parties = (segment.get(1), segment.get(2))
            case "UNZ":
                self._is_open = False
            case "UNH":
                self._begin_message(segment)
            case "LOC" if segment.get(0) == "172":
                self._location, self._item, self._product = segment, None, None
            case "NAD":
                self._location = self._item = self._product = None
            case "LIN":
                self._item, self._product = segment, None
            case "PIA" if segment.get(0) == "5":
                self._product = segment

    def finish(self) -> None:
        """Take the end of the file."""
        self._flush()
        if self._is_open:
            add_note(self._notes, "mscons-no-end-segment")

    def _begin_message(self, segment: Segment) -> None:
        self._message = segment
        self._location = self._item = self._product = None
        self._is_mscons = segment.get(1) == "MSCONS"
        if self._is_mscons:
            self.messages += 1
        else:
            add_note(self._notes, "edifact-messages-of-other-types")
            if len(self.others) < _STATUSES_MAX:
                self.others.add(segment.get(1))

    def _flush(self) -> None:
        """Add the quantity that is complete now, or its refusal."""
        one, self._quantity = self._quantity, None
        if one is None:
            return
        try:
            row = self._row(one)
        except QuantityFault as fault:
            cell = fault.cell[:CELL_CHARACTERS_MAX] or None
            self.rows.refuse(
                Refused(one.rec, None, fault.code, fault.field, str(fault), cell, one.text)
            )
        else:
            self.rows.add(row, None, one)

    def _row(self, one: _Quantity) -> Row:
        message, location, _, product = one.before
        code, unit = one.segment.get(0), one.segment.get(0, 2)
        value = one.segment.get(0, 1).replace(one.segment.decimal, ".")
        times = {part.get(0): part for part in one.behind if part.tag == "DTM"}
        begin, begin_text = time_of(times.get(_FROM))
        end, end_text = time_of(times.get(_TO))
        minutes = None
        if begin is not None and end is not None:
            minutes = (end - begin) / timedelta(minutes=1)
            if minutes <= 0:
                detail = "the interval must end after its start"
                raise QuantityFault("invalid-timestamp", "ts", detail, end_text or "")
        if not value:
            add_note(self._notes, "mscons-quantities-without-a-value")
        statuses = [f"{part.get(0)}:{part.get(2)}" for part in one.behind if part.tag == "STS"]
        return (
            one.rec,
            location.get(1) or None if location is not None else None,
            product.get(1) or None if product is not None else None,
            *(code or None, _NAMES.get(code, code) or None, ",".join(statuses) or None),
            *(value or None, unit or None, begin, end, begin_text, end_text, begin, minutes),
            kwh_of(value, unit.upper(), minutes) if value else None,
            message.get(0) or None if message is not None else None,
            *(party or None for party in one.parties),
        )
