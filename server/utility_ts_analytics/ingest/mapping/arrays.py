"""Small steps over Arrow arrays that every field needs. Nulls stay nulls."""

from collections.abc import Set as AbstractSet
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from utility_ts_analytics.ingest.mapping.faults import Mask

_OF_VIEWS = {pa.string_view(): pa.string(), pa.binary_view(): pa.binary()}


def plain(column: Any) -> pa.Array:  # noqa: ANN401  Array or ChunkedArray: pyarrow has no types
    """Return a column as one array without a dictionary or views, which few kernels take."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_run_end_encoded(column.type):
        column = pc.run_end_decode(column)
    return column.cast(_OF_VIEWS[column.type]) if column.type in _OF_VIEWS else column


def is_text_type(kind: pa.DataType) -> bool:
    """Tell whether a column of this type, without its dictionary, holds texts."""
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def text_of(column: pa.Array) -> pa.Array:
    """Return a column of texts or whole numbers as `pa.string()`."""
    return column if column.type == pa.string() else column.cast(pa.string())


def without(text: pa.Array, markers: AbstractSet[str]) -> pa.Array:
    """Return `text` with null where it is one of `markers`."""
    if not markers:
        return text
    if len(markers) == 1:
        marked = pc.equal(text, next(iter(markers)))
    else:
        marked = pc.is_in(text, pa.array(sorted(markers), pa.string()))
    if not pc.any(marked).as_py():
        return text
    return pc.if_else(marked, pa.scalar(None, pa.string()), text)


def rows_where(truth: pa.Array) -> Mask:
    """Return a column of booleans as a mask, false where it is null."""
    return cast(
        "Mask", np.asarray(pc.fill_null(truth, False).to_numpy(zero_copy_only=False), np.bool_)
    )


def rows_where_not(truth: pa.Array) -> Mask:
    """Return where a column of booleans is false, and not null."""
    return rows_where(pc.invert(truth))
