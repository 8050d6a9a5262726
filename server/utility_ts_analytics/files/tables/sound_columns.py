"""Columns as a file of columns has them: none is used before its buffers and texts were checked.

Arrow takes what a file says: indices that point out of a dictionary, texts that end before they
begin, texts that are no UTF-8. Nothing of that is looked at while a file is read, and what then
works on the columns may raise, or read memory that is not theirs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from utility_ts_analytics.files.tables.column_values import json_value

_OF_VIEWS = {pa.string_view(): pa.string(), pa.binary_view(): pa.binary()}
_KEPT_EXTENSIONS = (pa.uuid(), pa.bool8(), pa.json_())
"""What DuckDB has a type of its own for."""


def plain_type(kind: pa.DataType) -> pa.DataType:
    """Return the type that `plain` makes of a column of this type."""
    types = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        return kind if kind in _KEPT_EXTENSIONS else plain_type(kind.storage_type)
    if types.is_dictionary(kind) or types.is_run_end_encoded(kind):
        return plain_type(kind.value_type)
    if types.is_float16(kind):
        return pa.float32()
    return pa.string() if _is_foreign(kind) else _OF_VIEWS.get(kind, kind)


def plain(column: Any) -> pa.Array:  # noqa: ANN401  Array or ChunkedArray: pyarrow has no types
    """Return a column as one array of a type that DuckDB reads, without a dictionary or views.

    What DuckDB has not, decimals of more than 38 digits and unions, comes as text.
    """
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    kind = column.type
    if isinstance(column, pa.ExtensionArray):
        return column if kind in _KEPT_EXTENSIONS else plain(column.storage)
    if pa.types.is_dictionary(kind):
        entries = plain(column.dictionary)  # of views it cannot be decoded
        return pa.DictionaryArray.from_arrays(column.indices, entries).dictionary_decode()
    if pa.types.is_run_end_encoded(kind):
        return plain(pc.run_end_decode(column))
    if pa.types.is_float16(kind):
        return column.cast(pa.float32())
    if pa.types.is_decimal256(kind):
        return column.cast(pa.string())
    if _is_foreign(kind):
        values = [json_value(kind, value) for value in column]
        return pa.array([None if v is None else _json_text(v) for v in values], pa.string())
    return column.cast(_OF_VIEWS[kind]) if kind in _OF_VIEWS else column


def _is_foreign(kind: pa.DataType) -> bool:
    """Tell whether DuckDB has no such type, or none of what is within it."""
    types = pa.types
    if types.is_union(kind) or types.is_decimal256(kind):
        return True
    if types.is_map(kind):
        inner = [kind.key_type, kind.item_type]
    elif types.is_struct(kind):
        inner = [field.type for field in kind]
    else:
        inner = [kind.value_type] if types.is_nested(kind) else []
    return any(_is_foreign(part) or types.is_float16(part) for part in inner)


def _json_text(value: object) -> str:
    return msgspec.json.encode(value).decode(errors="replace")


@dataclass(frozen=True, slots=True)
class NotText:
    """A row of which one column holds a text that is not UTF-8.

    Attributes:
        row_index: In the batch, from 0.
        column: The first such column.
    """

    row_index: int
    column: str


def sound_columns(
    batch: pa.RecordBatch, names: Sequence[str]
) -> tuple[pa.RecordBatch, list[NotText]]:
    """Return the columns of a batch, made `plain`, and the rows whose texts are not UTF-8.

    A column with such a row is returned with bytes in the place of its texts, also of those within
    lists and structs: take those rows out, then call `as_texts`.

    Args:
        batch: As it was read.
        names: Of the columns, each once, in the order of the batch.

    Raises:
        ArrowInvalid: The buffers of a column are damaged.
    """
    columns: list[pa.Array] = []
    faulty: dict[int, str] = {}
    for name, column in zip(names, batch.columns, strict=True):
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            kind, column = column.type, _as_bytes(column)
            column.validate(full=True)  # it may be more than the texts that is wrong
            for index, value in enumerate(column):
                if not _has_texts(kind, value):
                    faulty.setdefault(index, name)
        columns.append(plain(column))
    rows = [NotText(index, faulty[index]) for index in sorted(faulty)]
    return pa.RecordBatch.from_arrays(columns, names=list(names)), rows


def as_texts(batch: pa.RecordBatch, kinds: Sequence[pa.DataType]) -> pa.RecordBatch:
    """Return a batch with the bytes of `sound_columns` as the texts that they are.

    Args:
        batch: Without the faulty rows.
        kinds: Types that its columns are to have: `plain_type` of what was read.
    """
    columns = [
        column if column.type == kind else _viewed(column, kind)
        for column, kind in zip(batch.columns, kinds, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def without_rows(
    batch: pa.RecordBatch, faulty: Sequence[NotText]
) -> tuple[pa.RecordBatch, npt.NDArray[np.intp]]:
    """Return a batch without some of its rows, and the indices of those that stay."""
    kept = np.ones(batch.num_rows, np.bool_)
    kept[[row.row_index for row in faulty]] = False
    rows = np.flatnonzero(kept)
    return batch.take(pa.array(rows)), rows


def _as_bytes(column: pa.Array) -> pa.Array:
    """Return a column with bytes in the place of its texts; nothing of it is read."""
    kind = column.type
    if isinstance(column, pa.ExtensionArray):
        return _as_bytes(column.storage)
    if pa.types.is_dictionary(kind):
        entries = _as_bytes(column.dictionary)
        return pa.DictionaryArray.from_arrays(column.indices, entries, safe=False)
    if pa.types.is_run_end_encoded(kind):
        runs = pa.RunEndEncodedArray.from_arrays(column.run_ends, _as_bytes(column.values))
        return runs.slice(column.offset, len(column))
    wanted = _bytes_type(kind)
    return column if wanted == kind else column.view(wanted)


def _bytes_type(kind: pa.DataType) -> pa.DataType:
    """Return a type of the same layout with bytes in the place of texts."""
    types = pa.types
    if kind in _BYTES_OF_TEXTS:
        return _BYTES_OF_TEXTS[kind]
    if types.is_struct(kind):
        return pa.struct([field.with_type(_bytes_type(field.type)) for field in kind])
    if types.is_map(kind):
        return pa.map_(_bytes_type(kind.key_type), _bytes_type(kind.item_type))
    for is_kind, make in _LISTS:
        if is_kind(kind):
            return make(kind.value_field.with_type(_bytes_type(kind.value_type)))
    if types.is_fixed_size_list(kind):
        return pa.list_(kind.value_field.with_type(_bytes_type(kind.value_type)), kind.list_size)
    return kind


_BYTES_OF_TEXTS = {
    pa.string(): pa.binary(),
    pa.large_string(): pa.large_binary(),
    pa.string_view(): pa.binary_view(),
}
_LISTS = (
    (pa.types.is_list, pa.list_),
    (pa.types.is_large_list, pa.large_list),
    (pa.types.is_list_view, pa.list_view),
    (pa.types.is_large_list_view, pa.large_list_view),
)


def _viewed(column: pa.Array, kind: pa.DataType) -> pa.Array:
    if isinstance(kind, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(kind, _viewed(column, kind.storage_type))
    return column.view(kind)


def _has_texts(kind: pa.DataType, value: Any) -> bool:  # noqa: ANN401
    """Tell whether what are texts by the type are UTF-8 in a value that has bytes there."""
    types = pa.types
    if not value.is_valid:
        return True
    if isinstance(kind, pa.BaseExtensionType):
        return _has_texts(kind.storage_type, value)
    if types.is_dictionary(kind) or types.is_run_end_encoded(kind):
        return _has_texts(kind.value_type, getattr(value, "value", value))
    if types.is_struct(kind):
        return all(_has_texts(field.type, value[i]) for i, field in enumerate(kind))
    if types.is_map(kind):
        kinds = (kind.key_type, kind.item_type)
        return all(_has_texts(kinds[i], item[i]) for item in value.values for i in (0, 1))
    if types.is_nested(kind) and not types.is_union(kind):
        return all(_has_texts(kind.value_type, item) for item in value.values)
    if kind in _BYTES_OF_TEXTS:
        try:
            value.as_py().decode()
        except UnicodeDecodeError:
            return False
    return True
