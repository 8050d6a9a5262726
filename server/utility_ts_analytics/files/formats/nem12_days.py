"""One channel's day of a NEM12 file: a 300 record with the 400 records behind it.

The row parsers are nemreader's; what they pass over in silence (a value that is no number, more
values than the day has intervals) is found here. Rules: AEMO, "Meter Data File Format
Specification NEM12 & NEM13", sections 4.3 to 4.5; suffixes: AEMO, "MSATS Procedure: National
Metering Identifier", table 1.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Literal

import numpy as np
import numpy.typing as npt
from nemreader.nem_objects import NmiDetails, Reading
from nemreader.nem_reader import (
    parse_200_row,
    parse_300_row,
    parse_400_row,
    update_reading_events,
)

from utility_ts_analytics.records.validation import RowCode

MARKET_OFFSET = timedelta(hours=10)
"""Market time is AEST, UTC+10, all year (section 2: no summer time)."""

PARTNERS = {"J": "A", "K": "B", "L": "C", "P": "D", "Q": "E", "R": "F", "X": "N"}
"""First letter of a reactive channel -> that of the active channel of the same direction."""

_DIRECTIONS = {
    **dict.fromkeys("DEF", "consumption"),
    **dict.fromkeys("ABC", "generation"),
    "N": "net",
}
"""First letter of an active channel: average, master and check of each direction."""

_INTERVALS = (1, 5, 10, 15, 30, 60)
"""The specification has 5, 15 and 30; older files, and AEMO's examples, others."""

_EVENT_CELLS = 6
_TRAILING_CELLS = (3, 4, 5)
"""Behind the values: quality and two reasons, then the two times, of which files leave out some."""

_QUALITY = re.compile(r"[AEFNSV]\d{0,2}", re.ASCII)
_DATE = re.compile(r"\d{8}", re.ASCII)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  market time, like what is subtracted from it
_MICROSECOND = timedelta(microseconds=1)

Micros = npt.NDArray[np.int64]
Quantity = Literal["kwh", "kvarh"]


def partner_suffix(suffix: str) -> str | None:
    """Return the active channel that a reactive one belongs to; None for other channels."""
    letter = PARTNERS.get(suffix[:1])
    return None if letter is None else letter + suffix[1:]


def date_of(cell: str) -> datetime | None:
    """Return the date of a 300 record; None where it is none."""
    cell = cell.strip()
    if _DATE.fullmatch(cell) is None:
        return None
    try:
        return datetime(int(cell[:4]), int(cell[4:6]), int(cell[6:]))  # noqa: DTZ001  market time
    except ValueError:
        return None


class RecordError(Exception):
    """A record cannot be read.

    Attributes:
        code: Of the closed set.
        field: At fault, if one is.
    """

    def __init__(self, detail: str, code: RowCode = "wrong-type", field: str | None = None) -> None:
        super().__init__(detail)
        self.code: RowCode = code
        self.field = field


@dataclass(frozen=True, slots=True)
class Channel:
    """What a 200 record opens.

    Attributes:
        details: As nemreader has it.
        text: The record.
        quantity: Column of its values; None for what has no column: voltage, VAh and the like.
        factor: Multiplies them.
    """

    details: NmiDetails
    text: bytes
    quantity: Quantity | None
    factor: Fraction

    @classmethod
    def of_row(cls, row: Sequence[str], text: bytes) -> "Channel":
        """Read a 200 record.

        Raises:
            RecordError: It is none.
        """
        try:
            details = parse_200_row(list(row))
        except (ValueError, IndexError):
            raise RecordError("the 200 record lacks fields, or its interval is no number") from None
        if details.interval_length not in _INTERVALS:
            raise RecordError(
                "the 200 record must have an interval of 1, 5, 10, 15, 30 or 60 minutes"
            )
        if not details.nmi or not details.nmi_suffix:
            raise RecordError("the 200 record lacks its NMI or suffix", "missing-field", "meter_id")
        quantity, factor = _quantity(details.uom.strip(), details.interval_length)
        return cls(details, text, quantity, factor)

    @property
    def direction(self) -> str | None:
        """Whether it counts what was consumed, generated, or the difference."""
        return _DIRECTIONS.get(self.details.nmi_suffix[:1].upper())

    @property
    def interval_count(self) -> int:
        """Intervals of a day."""
        return 1440 // self.details.interval_length


def _quantity(unit: str, interval_minutes: int) -> tuple[Quantity | None, Fraction]:
    """Return the column for a unit, in any case, and the factor to it."""
    spelling = unit.upper()
    for of_power, quantity in _QUANTITIES.items():
        prefix = _PREFIXES.get(spelling.removesuffix("H").removesuffix(of_power))
        if prefix is None or not spelling.removesuffix("H").endswith(of_power):
            continue
        hours = Fraction(1) if spelling.endswith("H") else Fraction(interval_minutes, 60)
        return quantity, prefix * hours
    return None, Fraction(1)


_QUANTITIES: dict[str, Quantity] = {"W": "kwh", "VAR": "kvarh"}
_PREFIXES = {"": Fraction(1, 1000), "K": Fraction(1), "M": Fraction(1000)}
"""Before W, Wh, var and varh; power is the mean of its interval."""


@dataclass(slots=True)
class LostDay:
    """A 300 record of a channel with a column that cannot be read, or a 400 record behind it.

    Attributes:
        channel: Whose.
        line: Of the 300 record.
        text: The 300 record and the 400 records behind it.
        date: Of it; None where that is what cannot be read.
        error: What is wrong.
    """

    channel: Channel
    line: int
    text: bytes
    date: datetime | None
    error: RecordError

    def belongs_to(self, suffix: str, date: datetime | None, interval: int) -> bool:
        """Tell whether it may be of the day of a channel; an unknown date may be any."""
        details = self.channel.details
        return ((details.nmi_suffix, details.interval_length) == (suffix, interval)) and (
            date is None or self.date is None or date == self.date
        )


@dataclass(slots=True)
class Day:
    """One channel's day.

    Attributes:
        channel: Whose.
        line: Of the 300 record.
        text: The 300 record and the 400 records behind it.
        readings: Of nemreader, one for each interval.
        unread: Intervals whose value is no number.
        bad_cells: What stands there instead, by the interval.
        reactive: The day of the reactive channel that belongs to it; None without one.
    """

    channel: Channel
    line: int
    text: bytes
    readings: list[Reading]
    unread: npt.NDArray[np.bool_]
    bad_cells: Mapping[int, str]
    reactive: "Day | None" = None

    @classmethod
    def of_row(cls, channel: Channel, row: Sequence[str], line: int, text: bytes) -> "Day":
        """Read a 300 record.

        Raises:
            RecordError: It has not the values of a day, no date, or no quality.
        """
        count, details = channel.interval_count, channel.details
        cells = [cell.strip() for cell in row]
        while len(cells) > 2 + count + min(_TRAILING_CELLS) and not cells[-1]:
            cells.pop()  # a comma at the end of the line
        if len(cells) < count + 3 or _QUALITY.fullmatch(cells[count + 2]) is None:
            minutes = details.interval_length
            raise RecordError(
                f"the 300 record has not the {count} values of {minutes} minutes that its 200"
                " record says, and a quality flag behind them",
                "missing-field",
            )
        if _DATE.fullmatch(cells[1]) is None:
            raise RecordError("the 300 record's date must be YYYYMMDD", "invalid-timestamp", "ts")
        values = cells[2 : 2 + count]
        # nemreader wants every optional cell to be there.
        cells += [""] * (count + 7 - len(cells))
        try:
            record = parse_300_row(
                cells, details.interval_length, details.uom, details.meter_serial_number
            )
        except (ValueError, TypeError):
            raise RecordError(
                "the 300 record's date is no day", "invalid-timestamp", "ts"
            ) from None
        readings = record.interval_values
        read: list[float | None] = [reading.read_value for reading in readings]
        unread = [
            cell != "" and (value is None or not np.isfinite(value))
            for cell, value in zip(values, read, strict=True)
        ]
        bad_cells = {index: values[index] for index, bad in enumerate(unread) if bad}
        return cls(channel, line, text, readings, np.array(unread, np.bool_), bad_cells)

    def apply_event(self, row: Sequence[str], text: bytes) -> None:
        """Apply a 400 record.

        Raises:
            RecordError: It is none, or its intervals are not of the day.
        """
        cells = [cell.strip() for cell in row]
        cells += [""] * (_EVENT_CELLS - len(cells))
        self.text += text
        try:
            event = parse_400_row(cells, self.channel.details.interval_length)
        except (ValueError, IndexError):
            raise RecordError("the 400 record's intervals are not those of its day") from None
        if _QUALITY.fullmatch(cells[3]) is None:
            raise RecordError("the 400 record lacks a quality flag", "missing-field")
        self.readings = update_reading_events(self.readings, event)  # type: ignore[no-untyped-call]

    @property
    def key(self) -> tuple[str, datetime, int]:
        """What a reactive channel's day must have in common with an active one's."""
        details = self.channel.details
        return details.nmi_suffix, self.readings[0].t_start, details.interval_length

    def partner_key(self) -> tuple[str, datetime, int] | None:
        """Return the key of the active day that this reactive one belongs to."""
        suffix, start, interval = self.key
        partner = partner_suffix(suffix)
        return None if partner is None else (partner, start, interval)

    def values(self) -> npt.NDArray[np.float64]:
        """Return the values in the unit of the column; NaN where there is none."""
        read = np.array([reading.read_value for reading in self.readings], np.float64)
        factor = self.channel.factor
        if factor.numerator != 1:
            read *= factor.numerator
        return read / factor.denominator if factor.denominator != 1 else read

    def flags(self) -> list[str]:
        """Return the quality method of each interval, such as A or S14."""
        return [reading.quality_method or "" for reading in self.readings]

    def starts(self) -> Micros:
        """Return the UTC start of each interval, microseconds since 1970.

        nemreader's `t_start` is the start: value 1 of a day is that of 00:00 to 00:30.
        """
        first = self.readings[0].t_start - MARKET_OFFSET
        step = timedelta(minutes=self.channel.details.interval_length) // _MICROSECOND
        return (first - _EPOCH) // _MICROSECOND + np.arange(len(self.readings)) * step
