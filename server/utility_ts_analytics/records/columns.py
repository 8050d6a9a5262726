"""Readings as Arrow columns: their schema, the rules over whole columns, and the way back to rows.

`check_columns` makes the checks of the decoder and of `records.validation`, and reports the same
errors (`test_columns_are_judged_as_the_same_records_over_http`). Most checks are made on a whole
column at once; single rows are looked at only where one fails.

This module and `column_buffers` need pyarrow; the server imports neither.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from utility_ts_analytics.records.reading import FieldRules, Kind, Reading, fields_of
from utility_ts_analytics.records.streams import StreamSpec
from utility_ts_analytics.records.validation import (
    FITS_FLOAT,
    NO_NUL,
    NOT_BLANK,
    NOT_EMPTY,
    NOT_NEGATIVE,
    NOT_TOO_LONG,
    TS_MIN,
    RowCode,
    range_detail,
)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

_MAY_BEGIN_BLANK: Final = np.isin(np.arange(256), [*range(0x21), 0xC2, 0xE1, 0xE2, 0xE3])
"""Whether a UTF-8 text may begin with a blank, by its first byte."""

_Mask = npt.NDArray[np.bool_]

_ARROW_TYPES: Final[dict[Kind, pa.DataType]] = {
    "instant": pa.timestamp("us", tz="UTC"),
    "text": pa.string(),
    "number": pa.float64(),
}


class BrokenRow(NamedTuple):
    """Why one row was refused.

    Attributes:
        row_index: In the batch, from 0.
        code: As over HTTP; null in a required column is `missing-field`.
        field: The field at fault, if one is.
        detail: One short sentence. Never holds a value of the row.
    """

    row_index: int
    code: RowCode
    field: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class Checked:
    """A batch after the rules were checked.

    Attributes:
        batch: The rows that keep all rules, in order; the same batch where all rows do.
        kept: The indices of these rows in the batch that was checked, rising.
        broken: The other rows, by index, each with the first rule that it breaks.
    """

    batch: pa.RecordBatch
    kept: npt.NDArray[np.intp]
    broken: list[BrokenRow]


class _Fault(NamedTuple):
    rows: _Mask
    code: RowCode
    field: str | None
    detail: str


def column_schema(spec: StreamSpec) -> pa.Schema:
    """Return the columns of a stream: the fields of its record type, in their order.

    A null is an absent field. A batch may lack a column; the field is then absent in every row.
    """
    columns = fields_of(spec.record_type)
    return pa.schema([(column.name, _ARROW_TYPES[column.kind]) for column in columns])


def check_columns(
    batch: pa.RecordBatch, spec: StreamSpec, *, allow_negative: bool, ts_end: datetime
) -> Checked:
    """Find the rows that the HTTP edge would refuse, and why.

    Args:
        batch: Columns of `column_schema`, each at most once. Its buffers are validated before
            anything reads them, since it may come from any file.
        spec: The stream.
        allow_negative: As the source is set.
        ts_end: First instant that is too late for a reading (`validation.latest_ts`).

    Returns:
        Every row of the batch, either kept or broken.

    Raises:
        ValueError: A column is not of the schema, is there twice, or its buffers are damaged.
    """
    check_schema(batch, spec)
    row_count = batch.num_rows
    first_fault = np.full(row_count, -1, dtype=np.int32)
    faults = list(_faults(batch, spec.type_for(allow_negative=allow_negative), ts_end))
    for number, fault in reversed(list(enumerate(faults))):
        first_fault[fault.rows] = number
    kept = np.flatnonzero(first_fault < 0)
    if len(kept) == row_count:
        return Checked(batch, kept, [])
    broken = [
        BrokenRow(index, *faults[number][1:])
        for index, number in enumerate(first_fault.tolist())
        if number >= 0
    ]
    return Checked(batch.take(pa.array(kept)), kept, broken)


def check_schema(batch: pa.RecordBatch, spec: StreamSpec) -> None:
    """Check that the columns of a batch have the names and types of `column_schema`.

    Raises:
        ValueError: A column is not of the schema, or there twice.
    """
    schema = column_schema(spec)
    for field in batch.schema:
        if schema.get_field_index(field.name) < 0:
            raise ValueError(f"cannot use column {field.name}: {spec.name} has none of that name")
        expected = schema.field(field.name).type
        if field.type != expected:
            raise ValueError(f"cannot use column {field.name}: it is {field.type}, not {expected}")
        if len(batch.schema.get_all_field_indices(field.name)) > 1:
            raise ValueError(f"cannot use column {field.name}: there are two of that name")


def rows_of_columns(batch: pa.RecordBatch, record_type: type[Reading]) -> list[Reading]:
    """Return the rows of a batch as records, in order, their times in UTC. Checks nothing.

    Takes about 4 us per row; used where the compiled module is missing, and by tests.
    """
    values = {name: batch.column(name).to_pylist() for name in batch.schema.names if name != "ts"}
    instants = batch.column("ts").cast(pa.int64()).to_pylist()
    rows = []
    for index, microseconds in enumerate(instants):
        fields: dict[str, object] = {"ts": _EPOCH + timedelta(microseconds=microseconds)}
        for name, column in values.items():
            if column[index] is not None:
                fields[name] = column[index]
        rows.append(record_type(**fields))  # type: ignore[arg-type]  # the schema says so
    return rows


def _faults(
    batch: pa.RecordBatch, record_type: type[Reading], ts_end: datetime
) -> Iterator[_Fault]:
    """Yield the faults, in the order in which the decoder and the rules would find them."""
    columns = [column for column in fields_of(record_type) if column.name in batch.schema.names]
    arrays = {column.name: batch.column(column.name) for column in columns}
    if batch.num_rows == 0:
        return
    for array in arrays.values():
        yield from _not_utf8(array)
    for column in columns:
        if column.kind == "text":
            yield from _wrong_lengths(arrays[column.name], column)
        elif column.kind == "number":
            yield from _wrong_numbers(arrays[column.name], column)
    yield from _missing(batch, record_type)
    if "ts" in arrays:
        yield from _out_of_range(arrays["ts"], ts_end)
    for column in columns:
        if column.kind == "text":
            yield from _nul_characters(arrays[column.name], column.name)
            yield from _blank_texts(arrays[column.name], column)


def _not_utf8(array: pa.Array) -> Iterator[_Fault]:
    """Validate every buffer of a column, and yield the rows whose text is not UTF-8."""
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        if array.type != pa.string():
            raise
        texts = array.view(pa.binary())
        texts.validate(full=True)  # raises if more than the text is wrong
        rows = np.fromiter((not _is_utf8(text) for text in texts.to_pylist()), np.bool_, len(array))
        yield _Fault(rows, "invalid-utf8", None, "the text is not UTF-8")


def _is_utf8(text: bytes | None) -> bool:
    try:
        return text is None or text.decode() is not None
    except UnicodeDecodeError:
        return False


def _wrong_lengths(array: pa.Array, column: FieldRules) -> Iterator[_Fault]:
    sizes = np.diff(_text_ends(array))
    if column.is_identifier:
        rows = (sizes == 0) & _present(array)
        if rows.any():
            yield _Fault(rows, "text-length", column.name, f"{column.name} {NOT_EMPTY}")
    if sizes.max() > column.characters_max:  # no text has more characters than bytes
        characters = pc.fill_null(pc.utf8_length(array), 0).to_numpy()
        rows = characters > column.characters_max
        if rows.any():
            yield _Fault(rows, "text-length", column.name, f"{column.name} {NOT_TOO_LONG}")


def _wrong_numbers(array: pa.Array, column: FieldRules) -> Iterator[_Fault]:
    name = column.name
    numbers = _fixed(array, np.float64)
    infinite = ~np.isfinite(numbers)
    if infinite.any():
        present = infinite & _present(array)
        nan = np.isnan(numbers)
        yield _Fault(present & ~nan, "invalid-number", name, f"{name} {FITS_FLOAT}")
        yield _Fault(present & nan, "invalid-number", name, f"{name} must not be NaN")
    if not column.is_signed:
        negative = numbers < 0.0
        if negative.any():
            rows = negative & _present(array)
            yield _Fault(rows, "negative-value", name, f"{name} {NOT_NEGATIVE}")


def _missing(batch: pa.RecordBatch, record_type: type[Reading]) -> Iterator[_Fault]:
    for column in fields_of(record_type):
        name = column.name
        if not column.is_required:
            continue
        if name not in batch.schema.names:
            rows = np.ones(batch.num_rows, np.bool_)
        elif batch.column(name).null_count:
            rows = ~_present(batch.column(name))
        else:
            continue
        yield _Fault(rows, "missing-field", name, f"{name} is required")


def _out_of_range(array: pa.Array, ts_end: datetime) -> Iterator[_Fault]:
    instants = _fixed(array, np.int64)
    first, end = ((edge - _EPOCH) // _MICROSECOND for edge in (TS_MIN, ts_end))
    if instants.min() >= first and instants.max() < end:
        return
    for rows, too_late in ((instants < first, False), (instants >= end, True)):
        detail = range_detail(ts_end, too_late=too_late)
        yield _Fault(rows & _present(array), "timestamp-out-of-range", "ts", detail)


def _nul_characters(array: pa.Array, name: str) -> Iterator[_Fault]:
    ends = _text_ends(array)
    data = array.buffers()[2]
    size = int(ends[-1] - ends[0])
    if size == 0 or np.frombuffer(data, np.uint8, size, offset=int(ends[0])).min() > 0:
        return
    rows = pc.fill_null(pc.match_substring(array, "\0"), False).to_numpy(zero_copy_only=False)
    if rows.any():
        yield _Fault(rows, "forbidden-character", name, NO_NUL)


def _blank_texts(array: pa.Array, column: FieldRules) -> Iterator[_Fault]:
    ends = _text_ends(array)
    filled = np.flatnonzero(ends[1:] > ends[:-1])
    if not column.is_identifier or not len(filled):
        return
    first = np.frombuffer(array.buffers()[2], np.uint8)[ends[filled]]
    rows = np.zeros(len(array), np.bool_)
    for index in filled[_MAY_BEGIN_BLANK[first]].tolist():
        rows[index] = (array[index].as_py() or "").isspace()
    if rows.any():
        yield _Fault(rows, "text-length", column.name, f"{column.name} {NOT_BLANK}")


def _present(array: pa.Array) -> _Mask:
    """Tell of each row whether it has a value."""
    mask: _Mask = array.is_valid().to_numpy(zero_copy_only=False)
    return mask


def _text_ends(array: pa.Array) -> npt.NDArray[np.int32]:
    """Return the offsets of the texts of a column with rows: the beginnings, and the last end."""
    return np.frombuffer(array.buffers()[1], np.int32, len(array) + 1, offset=4 * array.offset)


def _fixed(array: pa.Array, kind: type[np.float64 | np.int64]) -> npt.NDArray[np.float64]:
    """Return the 8-byte values of a column; the values of absent fields are arbitrary."""
    return np.frombuffer(array.buffers()[1], kind, len(array), offset=8 * array.offset)
