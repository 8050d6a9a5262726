"""Decode a body that is one JSON array of records, or one record."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

import msgspec

from utility_ts_analytics.errors import InvalidJson
from utility_ts_analytics.reading.decoder_gaps import needs_plain_path
from utility_ts_analytics.reading.line_errors import TOO_DEEP, malformed
from utility_ts_analytics.reading.ndjson import BYTE_ORDER_MARK, Decoded, NdjsonDecoder
from utility_ts_analytics.reading.wrong_formats import of_no_object
from utility_ts_analytics.records import native

SLICE_ROWS: Final = 500
"""Elements decoded at once, about 0.5 ms of work."""

_BLANKS: Final = b" \t\r\n"
_MARK: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[][{},]', re.DOTALL)
_check: Final = msgspec.json.Decoder(msgspec.Raw).decode
_cut: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode


def decode_array(body: bytes, decoder: NdjsonDecoder, *, ts_end: datetime) -> Iterator[Decoded]:
    """Check the whole array, then cut and decode it slice by slice.

    Args:
        body: The whole body; a byte order mark at its start is skipped.
        decoder: Decodes elements as it does lines; positions are indexes from 0.
        ts_end: First instant that is too late for a reading.

    Returns:
        The elements in order, `SLICE_ROWS` at a time, so that the caller can let other tasks run in
        between. Their `size_bytes` add up to that of the body. Nothing for an empty array.

    Raises:
        InvalidJson: The body is not JSON, or neither an array nor an object. Raised by this call,
            not by the iterator.
    """
    text = body.removeprefix(BYTE_ORDER_MARK).strip(_BLANKS)
    if not text:
        raise InvalidJson("cannot read the body: it is empty")
    if text.startswith(b"["):
        _check_array(text)
        parts = _parts(text, len(body))
    else:
        _check_json(text)
        if not text.startswith(b"{"):
            wanted = of_no_object(text) or "it must be an array of records or one record"
            raise InvalidJson(f"cannot read the body: {wanted}")
        parts = iter([([text], len(body))])
    return _slices(parts, decoder, ts_end, plain=needs_plain_path(text))


def lines_of_array(body: bytes) -> bytes:
    """Return an array of records, or one record, as lines: one for each, in order, all ended.

    Args:
        body: JSON, without a byte order mark.

    Raises:
        InvalidJson: It is not JSON, or neither an array nor an object.
    """
    text = body.strip(_BLANKS)
    if text.startswith(b"["):
        _check_array(text)
        elements = (bytes(element) for part, _ in _parts(text, len(text)) for element in part)
        # A newline in JSON is a blank between tokens: texts have none.
        return b"".join(element.replace(b"\n", b" ") + b"\n" for element in elements)
    _check_json(text)
    if not text.startswith(b"{"):
        raise InvalidJson("cannot read the body: it must be an array of records or one record")
    return text.replace(b"\n", b" ") + b"\n"


def array_part_end(text: bytes, start: int, count: int) -> int:
    """Return the index behind the next elements of an array: of a comma, or of its last bracket.

    The plain version of the compiled function.

    Args:
        text: A valid JSON array.
        start: Index where an element begins.
        count: Number of elements to pass, >= 1.
    """
    depth = 0
    for mark in _MARK.finditer(text, start):
        match mark[0]:
            case b"{" | b"[":
                depth += 1
            case b"}" | b"]" if depth:
                depth -= 1
            case b"]":
                return mark.start()
            case b"," if not depth:
                count -= 1
                if not count:
                    return mark.start()
    return len(text)


def _check_array(text: bytes) -> None:
    try:
        _check(text)
    except RecursionError:
        raise InvalidJson(f"cannot read the body: {TOO_DEEP}") from None
    except msgspec.DecodeError:
        _check_json(text)
        raise


def _parts(text: bytes, size_bytes: int) -> Iterator[tuple[Sequence[bytes], int]]:
    """Yield the elements of a valid array in parts, each with the index in the body behind it.

    All elements of `[1,1,1,...]` at once would take 36 times the memory of the body.
    """
    start = 1
    while start < len(text):
        end = _part_end(text, start, SLICE_ROWS)
        over_bytes = end + 1 if end + 1 < len(text) else size_bytes
        yield _cut(b"[%b]" % text[start:end]), over_bytes
        start = end + 1


def _check_json(text: bytes) -> None:
    fault = malformed(text)
    if fault is not None:
        raise InvalidJson(f"cannot read the body: {fault}")


def _slices(
    parts: Iterator[tuple[Sequence[bytes], int]],
    decoder: NdjsonDecoder,
    ts_end: datetime,
    *,
    plain: bool,
) -> Iterator[Decoded]:
    index = begin = 0
    for part, end in parts:
        if not part:
            return
        yield decoder.decode_texts(
            part,
            range(index, index + len(part)),
            ts_end=ts_end,
            size_bytes=end - begin,
            plain=plain,
        )
        index, begin = index + len(part), end


_part_end: Final = native.array_part_end or array_part_end
