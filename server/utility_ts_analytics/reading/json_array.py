"""Decode a body that is one JSON array of records, or one record."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

import msgspec

from utility_ts_analytics.errors import InvalidJson
from utility_ts_analytics.reading.diagnosis import TOO_DEEP, malformed
from utility_ts_analytics.reading.ndjson import BYTE_ORDER_MARK, Decoded, NdjsonDecoder
from utility_ts_analytics.reading.oddities import is_odd

SLICE_ROWS: Final = 500
"""Elements decoded in one go, about 0.5 ms of work."""

_BLANKS: Final = b" \t\r\n"
_cut: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode


def decode_array(body: bytes, decoder: NdjsonDecoder, *, ts_end: datetime) -> Iterator[Decoded]:
    """Cut the array into its elements at once, then decode them slice by slice.

    Args:
        body: The whole body; a byte order mark at its start is skipped.
        decoder: That of the stream; elements are judged as lines are, positions are indexes.
        ts_end: First instant that is too late for a reading.

    Returns:
        The elements in order, `SLICE_ROWS` at a time: the caller may let others run in between.
        Their `size_bytes` add up to that of the body. Nothing for an empty array.

    Raises:
        InvalidJson: The body is not JSON, or neither an array nor an object. Raised by the call
            itself, not by the iterator.
    """
    text = body.removeprefix(BYTE_ORDER_MARK).strip(_BLANKS)
    if not text:
        raise InvalidJson("cannot read the body: it is empty")
    elements: Sequence[bytes]
    if text.startswith(b"["):
        elements = _elements(text)
    else:
        _check_json(text)
        if not text.startswith(b"{"):
            raise InvalidJson("cannot read the body: it must be an array of records or one record")
        elements = [text]
    return _slices(elements, len(body), decoder, ts_end, plain=is_odd(text))


def _elements(text: bytes) -> Sequence[bytes]:
    try:
        return _cut(text)
    except RecursionError:
        raise InvalidJson(f"cannot read the body: {TOO_DEEP}") from None
    except msgspec.DecodeError:
        _check_json(text)
        raise


def _check_json(text: bytes) -> None:
    fault = malformed(text)
    if fault is not None:
        raise InvalidJson(f"cannot read the body: {fault}")


def _slices(
    elements: Sequence[bytes],
    size_bytes: int,
    decoder: NdjsonDecoder,
    ts_end: datetime,
    *,
    plain: bool,
) -> Iterator[Decoded]:
    for start in range(0, len(elements), SLICE_ROWS):
        part = elements[start : start + SLICE_ROWS]
        end = start + len(part)
        share = size_bytes * end // len(elements) - size_bytes * start // len(elements)
        yield decoder.decode_texts(
            part, range(start, end), ts_end=ts_end, size_bytes=share, plain=plain
        )
