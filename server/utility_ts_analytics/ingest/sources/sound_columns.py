"""Columns as a file of columns has them: none is used before its buffers and texts were checked.

Arrow takes what a file says: indices that point out of a dictionary, texts that end before they
begin, texts that are no UTF-8. Nothing of that is looked at while a file is read, and what then
works on the columns may raise, or read memory that is not theirs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from utility_ts_analytics.ingest.mapping.arrays import plain


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
    """Return the columns of a batch without dictionaries, and the rows whose texts are not UTF-8.

    Texts of a column with such a row are returned as bytes: take those rows out, then call
    `as_texts`.

    Args:
        batch: As it was read.
        names: Of the columns to return, in this order.

    Raises:
        ArrowInvalid: The buffers of a column are damaged.
    """
    columns: list[pa.Array] = []
    faulty: dict[int, str] = {}
    for name in names:
        column = batch.column(name)
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            column = _as_bytes(column)
            column.validate(full=True)  # it may be more than the texts that is wrong
            for index in _not_utf8(plain(column)):
                faulty.setdefault(index, name)
        columns.append(plain(column))
    rows = [NotText(index, faulty[index]) for index in sorted(faulty)]
    return pa.RecordBatch.from_arrays(columns, names=list(names)), rows


def as_texts(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch with the bytes of `sound_columns` as the texts that they are."""
    columns = [
        column.cast(pa.string()) if _is_bytes(column.type) else column for column in batch.columns
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
    for texts, plain_bytes in _BYTES_OF_TEXTS:
        if kind == texts:
            return column.view(plain_bytes)
    return column


_BYTES_OF_TEXTS = (
    (pa.string(), pa.binary()),
    (pa.large_string(), pa.large_binary()),
    (pa.string_view(), pa.binary_view()),
)


def _is_bytes(kind: pa.DataType) -> bool:
    return any(kind == plain_bytes for _, plain_bytes in _BYTES_OF_TEXTS)


def _not_utf8(texts: pa.Array) -> list[int]:
    """Return the indices of bytes that are not UTF-8."""
    if not _is_bytes(texts.type):
        return []
    found = []
    for index, text in enumerate(texts.to_pylist()):
        try:
            _ = text is None or text.decode()
        except UnicodeDecodeError:
            found.append(index)
    return found
