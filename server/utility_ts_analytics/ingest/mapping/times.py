"""When a row's interval began, from one or two columns of any type, as microseconds UTC."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.ingest.mapping.arrays import is_text_type, plain, text_of, without
from utility_ts_analytics.ingest.mapping.faults import Faults, Mask
from utility_ts_analytics.ingest.mapping.local_time import Keys, LocalTimes
from utility_ts_analytics.ingest.mapping.model import TIME_WORDS, FileMapping
from utility_ts_analytics.ingest.mapping.time_texts import (
    EPOCH_SCALES,
    Times,
    times_of_text,
)
from utility_ts_analytics.ingest.mapping.zones import MICROS_PER_MINUTE, Micros, zone_of

_DAY_MICROS = 1440 * MICROS_PER_MINUTE


@dataclass(slots=True)
class TimeReader:
    """Reads the times of one file.

    Attributes:
        mapping: What columns and formats; the zone and the label.
        local: What makes instants of times on the wall; None where the mapping has no zone.
    """

    mapping: FileMapping
    local: LocalTimes | None

    @classmethod
    def of_mapping(cls, mapping: FileMapping, notes: dict[str, int]) -> "TimeReader":
        """Return the reader of a checked mapping."""
        zone = mapping.time.zone
        local = LocalTimes(zone_of(zone), mapping.time, notes) if zone is not None else None
        return cls(mapping, local)

    def check_types(self, schema: pa.Schema, name: str) -> None:
        """Refuse columns that cannot be times, or not without a zone.

        Raises:
            OperatorError: Says which column, and what to set.
        """
        rule = self.mapping.time
        for column in rule.columns:
            kind = schema.field(column).type
            if pa.types.is_timestamp(kind) and kind.tz is None and self.local is None:
                raise OperatorError(
                    f"cannot read {name}: the times of column {column} have no zone: set time.zone"
                    ' in the mapping, "UTC" if they are UTC'
                )
            if _is_number(kind) and rule.format[0] not in EPOCH_SCALES:
                raise OperatorError(
                    f"cannot read {name}: column {column} holds numbers: set time.format in the"
                    f" mapping to {', '.join(EPOCH_SCALES)}, or give a column of times"
                )
            if not (_is_time(kind) or _is_number(kind) or is_text_type(kind)):
                raise OperatorError(
                    f"cannot read {name}: column {column} is {kind}, which is no time"
                )

    def read(self, batch: pa.RecordBatch, keys: Keys, faults: Faults) -> pa.Array:
        """Return the start of each row's interval; null where the file has no time.

        Args:
            batch: Rows of the file, in its order.
            keys: Whose they are.
            faults: Gets the rows whose time cannot be read or is refused by a rule.
        """
        times, absent = self.parsed(batch, faults)
        micros = self.instants(times, keys, faults)
        if self.mapping.time.label == "end":
            micros = micros - self._interval_micros()
        kind = pa.timestamp("us", tz="UTC")
        return pa.array(micros, mask=absent | ~times.good).cast(kind)

    def parsed(self, batch: pa.RecordBatch, faults: Faults) -> tuple[Times, Mask]:
        """Return the times as the file has them, and which are absent."""
        columns = [plain(batch.column(name)) for name in self.mapping.time.columns]
        if len(columns) == 1:
            column = columns[0]
        elif pa.types.is_date(columns[0].type) and pa.types.is_time(columns[1].type):
            column = _day_and_time(columns[0], columns[1])
        else:
            column = pc.binary_join_element_wise(*(_written(part) for part in columns), " ")
        times, absent = self._times_of(column)
        faults.add(~times.good & ~absent, "invalid-timestamp", "ts", self._demand())
        return times, absent

    def instants(self, times: Times, keys: Keys, faults: Faults) -> Micros:
        """Return the UTC instants that times of the file stand for, the label not yet applied."""
        wall = times.good & ~times.instant
        if not wall.any():
            return times.micros
        if self.local is None:
            faults.add(wall, "invalid-timestamp", "ts", "ts must have an offset")
            return times.micros
        micros = times.micros
        if self.mapping.time.label == "wall-end":
            micros = micros - self._interval_micros()
        instants = self.local.instants(micros, wall, keys, faults)
        return np.where(wall, instants, micros)

    def _times_of(self, column: pa.Array) -> tuple[Times, Mask]:
        kind, rule = column.type, self.mapping.time
        if _is_time(kind):
            absent = _nulls(column)
            micros, instant = _micros_of(column)
            return Times.of_one_kind(micros, ~absent, instant=instant), absent
        # A member of NDJSON may be a number where texts are wanted; as a text it is no time.
        if _is_number(kind) and rule.format[0] in EPOCH_SCALES:
            return _epoch_times(column, EPOCH_SCALES[rule.format[0]])
        text = without(text_of(column), frozenset(self.mapping.file.null))
        return times_of_text(text, rule.format), _nulls(text)

    def _interval_micros(self) -> int:
        return (self.mapping.time.interval_minutes or 0) * MICROS_PER_MINUTE

    def _demand(self) -> str:
        formats = self.mapping.time.format
        if formats == ("iso",):
            what = "an RFC 3339 time" + ("" if self.local else " with an offset")
            return f"ts must be {what}"
        words = [word if word in TIME_WORDS else f'"{word}"' for word in formats]
        return f"ts must be a time as {' or '.join(words)}"


def _is_time(kind: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind) or pa.types.is_time(kind))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _nulls(column: pa.Array) -> Mask:
    if not column.null_count:
        return np.zeros(len(column), np.bool_)
    return np.asarray(column.is_null().to_numpy(zero_copy_only=False), np.bool_)


def _whole(column: pa.Array) -> Micros:
    values = pc.fill_null(column.cast(pa.int64()), 0)
    return np.asarray(values.to_numpy(zero_copy_only=False), np.int64)


def _micros_of(column: pa.Array) -> tuple[Micros, bool]:
    """Return microseconds since 1970 and whether they are UTC; nanoseconds are rounded."""
    kind = column.type
    if pa.types.is_date32(kind):
        return _whole(column.cast(pa.int32())) * _DAY_MICROS, False
    if pa.types.is_date(kind):
        return _whole(column) * 1_000, False
    if not pa.types.is_timestamp(kind):
        raise AssertionError("a time of day alone is not let in by check_types")
    instant = kind.tz is not None
    values = _whole(column)
    match kind.unit:
        case "s":
            return values * 1_000_000, instant
        case "ms":
            return values * 1_000, instant
        case "us":
            return values, instant
        case _:
            return (values + 500) // 1_000, instant


def _day_and_time(day: pa.Array, time: pa.Array) -> pa.Array:
    """Return the two as one column of times on the wall; null where either is."""
    micros = _micros_of(day)[0] + _whole(time.cast(pa.time64("us"), safe=False))
    return pa.array(micros, mask=_nulls(day) | _nulls(time)).cast(pa.timestamp("us"))


def _written(column: pa.Array) -> pa.Array:
    """Return a date or a time of day as the text that `iso` and the formats know."""
    return column.cast(pa.string())


def _epoch_times(column: pa.Array, scale: int) -> tuple[Times, Mask]:
    absent = _nulls(column)
    if pa.types.is_integer(column.type):
        values = _whole(column.cast(pa.int64(), safe=False))
        good = ~absent & (np.abs(values) < 2**62 // max(scale, 1))
        micros = values * scale if scale else (values + 500) // 1_000
        return Times.of_one_kind(np.where(good, micros, 0), good, instant=True), absent
    numbers = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    exact = numbers * scale if scale else numbers / 1_000
    good = ~absent & (np.abs(exact) < 2**62)  # false for NaN
    return Times.of_one_kind(
        np.rint(np.where(good, exact, 0)).astype(np.int64), good, instant=True
    ), absent
