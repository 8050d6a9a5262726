"""Columns of texts as the values that they stand for, by the rules that hold over HTTP.

Quickly where all texts have one form; what the quick ways do not take is read text by text, each
different text once.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from utility_ts_analytics.reading.decoder_gaps import lacks_offset_colon
from utility_ts_analytics.records.reading import microseconds_of

Mask = npt.NDArray[np.bool_]

INSTANT: Final = pa.timestamp("us", tz="UTC")
_NUMBER: Final = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_YEAR_1: Final = microseconds_of(datetime(1, 1, 1, tzinfo=UTC))
_UTC_WIDTH: Final = len("2024-01-01T00:00:00Z")
_OFFSET_WIDTH: Final = len("2024-01-01T00:00:00+00:00")
_NO_OFFSET: Final = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Values:
    """What texts came to.

    Attributes:
        values: Null where there is no text, or it cannot be read.
        unread: Rows whose text cannot be read.
    """

    values: pa.Array
    unread: Mask


def numbers_of(text: pa.Array) -> Values:
    """Read decimal numbers as 64-bit floats; one that is too large for them is infinite.

    Words for infinity and NaN are no numbers.

    Args:
        text: `pa.string()`.
    """
    try:
        values = text.cast(pa.float64())
    except pa.ArrowInvalid:
        values = None
    if values is None or not pc.all(pc.is_finite(values)).as_py():
        good = pc.match_substring_regex(text, _NUMBER)
        kept = pc.if_else(good, text, pa.scalar(None, pa.string()))
        return Values(kept.cast(pa.float64()), _mask(pc.invert(good)))
    return Values(values, np.zeros(len(text), np.bool_))


def instants_of(text: pa.Array) -> Values:
    """Read RFC 3339 times with an offset, in whole microseconds.

    Args:
        text: `pa.string()`.
    """
    quick = _quickly(text)
    if quick is not None:
        return Values(quick, np.zeros(len(text), np.bool_))
    encoded = text.dictionary_encode()
    read = [_read(word) for word in encoded.dictionary.to_pylist()]
    micros = np.array([0 if one is None else one for one in (*read, None)], np.int64)
    good = np.array([one is not None for one in (*read, None)], np.bool_)
    indices = pc.fill_null(encoded.indices, len(read)).to_numpy()
    found = good[indices]
    values = pa.array(micros[indices], mask=~found).cast(INSTANT)
    return Values(values, ~found & _mask(text.is_valid()))


def lacks_offset(text: str) -> bool:
    """Tell whether a text is a time but for its offset."""
    return _NO_OFFSET.fullmatch(text.strip()) is not None


def _quickly(text: pa.Array) -> pa.Array | None:
    """Read all, or return None if they do not look like one form.

    RFC 3339 without a fraction: of its widths Arrow takes nothing else.
    """
    if text.null_count or not len(text):
        return None
    widths = pc.min_max(pc.binary_length(text)).as_py()
    width = widths["min"]
    if width != widths["max"] or width not in (_UTC_WIDTH, _OFFSET_WIDTH):
        return None
    if width == _OFFSET_WIDTH and not _have_offsets(text):
        return None
    try:
        found = text.cast(INSTANT)
    except pa.ArrowInvalid:
        return None
    # Arrow knows a year 0, `_read` does not.
    return None if pc.min(found).cast(pa.int64()).as_py() < _YEAR_1 else found


def _have_offsets(text: pa.Array) -> bool:
    """Tell whether all, of that width, end in `+HH:MM`, not in a fraction and Z."""
    _, offsets, data = text.buffers()
    start = int(np.frombuffer(offsets, np.int32)[text.offset])
    flat = np.frombuffer(data, np.uint8, count=len(text) * _OFFSET_WIDTH, offset=start)
    letters = flat.reshape(len(text), _OFFSET_WIDTH)
    signs, colons = letters[:, _UTC_WIDTH - 1], letters[:, -3]
    return bool((((signs == ord("+")) | (signs == ord("-"))) & (colons == ord(":"))).all())


def _read(text: str) -> int | None:
    """Return microseconds since 1970 UTC, or None."""
    if lacks_offset_colon(text):
        return None
    try:
        moment = msgspec.convert(text, datetime)
        if moment.tzinfo is None:
            return None
        return microseconds_of(moment)
    except (msgspec.ValidationError, ValueError, OverflowError):
        return None


def _mask(truth: pa.Array) -> Mask:
    found: Mask = pc.fill_null(truth, False).to_numpy(zero_copy_only=False)
    return found
