"""Days of NEM12 channels as columns: pairs of channels, qualities, values that are none."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from utility_ts_analytics.files.formats.nem12_days import Day, LostDay, partner_suffix
from utility_ts_analytics.files.pieces import add_note
from utility_ts_analytics.files.tables.contract import (
    CELL_CHARACTERS_MAX,
    REC,
    RecordBlock,
    Refused,
)

_DAYS_OF_BLOCK_MAX: Final = 50
"""14,400 intervals of five minutes."""

NEM12_SCHEMA: Final = pa.schema(
    [
        REC,
        pa.field("ts", pa.timestamp("us", tz="UTC")),
        pa.field("minutes", pa.int32()),
        pa.field("nmi", pa.string()),
        pa.field("suffix", pa.string()),
        pa.field("serial", pa.string()),
        pa.field("direction", pa.string()),
        pa.field("kwh", pa.float64()),
        pa.field("kvarh", pa.float64()),
        pa.field("quality", pa.string()),
        pa.field("method", pa.string()),
        pa.field("participant", pa.string()),
    ]
)


@dataclass(slots=True)
class DayColumns:
    """Makes columns of days.

    Attributes:
        notes: Gets what was left out, paired and not kept.
        participant: That the header names.
    """

    notes: dict[str, int]
    participant: str = field(default="")

    def blocks(
        self,
        days: Sequence[Day],
        lost: Sequence[LostDay],
        refused: Sequence[Refused],
        size_bytes: int,
    ) -> Iterator[RecordBlock]:
        """Yield the days of one NMI as blocks.

        Args:
            days: In the order of the file.
            lost: Days of channels with a column that cannot be read.
            refused: Other records that could not be read.
            size_bytes: Of the file that all this came from.
        """
        active, alone = self._paired(days)
        active, refused_days = _without_lost(active, alone, lost)
        left = sorted([*refused, *refused_days], key=lambda one: one.rec)
        starts = range(0, len(active), _DAYS_OF_BLOCK_MAX)
        for start in starts:
            part = active[start : start + _DAYS_OF_BLOCK_MAX]
            is_last = start + _DAYS_OF_BLOCK_MAX >= len(active)
            here = [one for one in left if is_last or one.rec <= part[-1].line]
            left = left[len(here) :]
            yield self._block(part, here, size_bytes)
            size_bytes = 0
        if left or (size_bytes and not starts):
            yield self._block((), left, size_bytes)

    def _paired(self, days: Sequence[Day]) -> tuple[list[Day], list[Day]]:
        """Return the active days, with their reactive ones, and the reactive ones without any."""
        active = {day.key: day for day in days if day.channel.quantity == "kwh"}
        alone = []
        for day in days:
            count = len(day.readings)
            if day.channel.quantity is None:
                add_note(self.notes, "nem12-values-of-other-units-left-out", count)
            elif day.channel.quantity == "kvarh":
                key = day.partner_key()
                partner = active.get(key) if key is not None else None
                if partner is None:
                    alone.append(day)
                    add_note(self.notes, "nem12-reactive-values-without-active-channel", count)
                else:
                    partner.reactive = day
                    add_note(self.notes, "nem12-reactive-values-paired", count)
        return [day for day in days if day.channel.quantity == "kwh"], alone

    def _block(
        self, days: Sequence[Day], refused: Sequence[Refused], size_bytes: int
    ) -> RecordBlock:
        refused = list(refused)
        parts = [self._part(day, refused) for day in days]
        batch = pa.Table.from_batches(parts, NEM12_SCHEMA).combine_chunks()
        columns = (batch.to_batches() or [pa.RecordBatch.from_pylist([], NEM12_SCHEMA)])[0]
        of_day = np.repeat(np.arange(len(days)), [part.num_rows for part in parts])
        refused.sort(key=lambda one: one.rec)

        def line_of(index: int) -> int:
            return days[int(of_day[index])].line

        def text_of(index: int) -> bytes:
            return _text_of(*_records_of(days[int(of_day[index])]))

        return RecordBlock(columns, refused, size_bytes, line_of, text_of)

    def _part(self, day: Day, refused: list[Refused]) -> pa.RecordBatch:
        """Return the intervals of a day that have a value."""
        kwh, methods = day.values(), day.flags()
        unread = day.unread if day.reactive is None else day.unread | day.reactive.unread
        empty = np.isnan(kwh) & ~unread
        kept = ~np.isnan(kwh) & ~unread
        add_note(self.notes, "nem12-values-empty", int(empty.sum()))
        null = sum(method.startswith("N") for method in methods)
        add_note(self.notes, "nem12-null-values", null)
        unsettled = sum(method.startswith("V") for method in methods)
        add_note(self.notes, "nem12-values-of-quality-v-without-400-record", unsettled)
        reasons = sum(bool(reading.event_code) for reading in day.readings)
        add_note(self.notes, "nem12-reason-codes-not-kept", reasons)
        self._refuse_unread(day, refused)
        return self._batch(day, kwh, methods, kept)

    def _refuse_unread(self, day: Day, refused: list[Refused]) -> None:
        """Refuse each interval with a value that is no number, once."""
        text = _text_of(*_records_of(day))
        told = np.zeros(len(day.unread), np.bool_)
        for one in _records_of(day):
            name = one.channel.quantity
            for index in np.flatnonzero(one.unread & ~told).tolist():
                refused.append(
                    Refused(
                        *(day.line, one.line, "invalid-number", name),
                        f"{name} must be a finite number",
                        one.bad_cells[index][:CELL_CHARACTERS_MAX],
                        text,
                    )
                )
                text = b""
            told |= one.unread

    def _batch(
        self,
        day: Day,
        kwh: npt.NDArray[np.float64],
        methods: Sequence[str],
        kept: npt.NDArray[np.bool_],
    ) -> pa.RecordBatch:
        details, count = day.channel.details, int(kept.sum())
        kvarh = np.full(len(kwh), np.nan) if day.reactive is None else day.reactive.values()
        flags = [method or None for method, keep in zip(methods, kept, strict=True) if keep]

        def constant(text: str | None) -> pa.Array:
            return pa.repeat(pa.scalar(text or None, pa.string()), count)

        columns = {
            "rec": pa.repeat(pa.scalar(day.line, pa.int64()), count),
            "ts": pa.array(day.starts()[kept]).cast(pa.timestamp("us", tz="UTC")),
            "minutes": pa.repeat(pa.scalar(details.interval_length, pa.int32()), count),
            "nmi": constant(details.nmi),
            "suffix": constant(details.nmi_suffix),
            "serial": constant(details.meter_serial_number.strip()),
            "direction": constant(day.channel.direction),
            "kwh": pa.array(kwh[kept]),
            "kvarh": pa.array(kvarh[kept], from_pandas=True),
            "quality": pa.array([flag[:1] if flag else None for flag in flags], pa.string()),
            "method": pa.array(flags, pa.string()),
            "participant": constant(self.participant),
        }
        return pa.RecordBatch.from_arrays(
            [columns[part.name] for part in NEM12_SCHEMA], schema=NEM12_SCHEMA
        )


def _without_lost(
    active: Sequence[Day], alone: Sequence[Day], lost: Sequence[LostDay]
) -> tuple[list[Day], list[Refused]]:
    """Return the active days that give rows, and what is refused with the records that are lost.

    The records of both channels of a day stay together: alone, an active one would give rows
    without the reactive values, which replace whole ones, and a reactive one no rows at all.

    Args:
        active: Days of active channels, in the order of the file.
        alone: Days of reactive channels without one.
        lost: Of either.
    """
    taken: set[int] = set()
    refused: list[Refused] = []
    reactive = [one for one in lost if one.channel.quantity == "kvarh"]
    for one in (one for one in lost if one.channel.quantity == "kwh"):
        suffix, interval = one.channel.details.nmi_suffix, one.channel.details.interval_length
        with_it: list[Day | LostDay] = [
            day
            for day in alone
            if day.line not in taken
            and (key := day.partner_key()) is not None
            and one.belongs_to(*key)
        ]
        as_bad = [
            other
            for other in reactive
            if other.line not in taken and _belongs(other, suffix, one.date, interval)
        ]
        with_it = sorted([*with_it, *as_bad], key=lambda other: other.line)
        taken |= {other.line for other in with_it}
        refused.append(_refused(one.line, one, _text_of(one, *with_it)))
        refused += [_refused(one.line, other, b"") for other in as_bad]
    good = []
    for day in active:
        suffix, start, interval = day.key
        bad = [
            other
            for other in reactive
            if _belongs(other, suffix, start, interval)
            and (other.date is not None or day.reactive is None)
        ]
        if not bad:
            good.append(day)
            continue
        # One without a date may be of any day, and stands with the first.
        new = [other for other in bad if other.line not in taken]
        taken |= {other.line for other in bad}
        text = _text_of(*_records_of(day), *new)
        for other in bad:
            refused.append(_refused(day.line, other, text))
            text = b""
    refused += [_refused(one.line, one, _text_of(one)) for one in reactive if one.line not in taken]
    return good, refused


def _belongs(lost: LostDay, suffix: str, date: datetime | None, interval: int) -> bool:
    """Tell whether a reactive day that is lost may be of an active channel's day."""
    details = lost.channel.details
    return partner_suffix(details.nmi_suffix) == suffix and lost.belongs_to(
        details.nmi_suffix, date, interval
    )


def _records_of(day: Day) -> tuple[Day, ...]:
    return (day,) if day.reactive is None else (day, day.reactive)


def _text_of(*records: Day | LostDay) -> bytes:
    """Return records, each behind that of its channel."""
    parts: list[bytes] = []
    channel = b""
    for one in records:
        parts += [one.text] if one.channel.text == channel else [one.channel.text, one.text]
        channel = one.channel.text
    return b"".join(parts)


def _refused(rec: int, lost: LostDay, text: bytes) -> Refused:
    """Return a day that is lost as refused, under the number of the record that gives its rows."""
    cell = lost.text[: 4 * CELL_CHARACTERS_MAX].decode(errors="replace").strip()
    error = lost.error
    return Refused(
        *(rec, lost.line, error.code, error.field, str(error), cell[:CELL_CHARACTERS_MAX]), text
    )
