"""Decode a body that is one JSON array of records, or one record."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

import msgspec

from utility_ts_analytics.errors import InvalidJson
from utility_ts_analytics.reading.diagnosis import TOO_DEEP, malformed
from utility_ts_analytics.reading.ndjson import BYTE_ORDER_MARK, Decoded, NdjsonDecoder
from utility_ts_analytics.reading.oddities import is_odd
from utility_ts_analytics.records import native

SLICE_ROWS: Final = 500
"""Elements decoded in one go, about 0.5 ms of work."""

_BLANKS: Final = b" \t\r\n"
_MARK: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[][{},]', re.DOTALL)
_check: Final = msgspec.json.Decoder(msgspec.Raw).decode
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
    if text.startswith(b"["):
        _check_array(text)
        parts = _parts(text, len(body))
    else:
        _check_json(text)
        if not text.startswith(b"{"):
            raise InvalidJson("cannot read the body: it must be an array of records or one record")
        parts = iter([([text], len(body))])
    return _slices(parts, decoder, ts_end, plain=is_odd(text))


def array_part_end(text: bytes, start: int, count: int) -> int:
    """Return where the next elements of an array end: at a comma, or at its last bracket.

    The plain version of the compiled one.

    Args:
        text: Valid JSON that is an array.
        start: Of an element in there.
        count: Elements to pass, >= 1.
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
    """Cut a valid array, and say with each part how much of the body is over then.

    All elements at once would be 36 times the body: `[1,1,1,...]`.
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
