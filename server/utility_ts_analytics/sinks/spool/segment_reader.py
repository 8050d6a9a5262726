"""Reads one segment file record by record, and finds its way again after damage.

Holds one record in memory at a time. Counts nothing and logs nothing: the folder does.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from utility_ts_analytics.records.reading import Reading
from utility_ts_analytics.sinks.spool.record import (
    HEAD_BYTES,
    MAGIC,
    Head,
    decode_payload,
    parse_head,
)

_PIECE_BYTES: Final = 256 * 1024
_WINDOW_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Good:
    """A record as it was written.

    Attributes:
        rows: In order; never empty.
        end: Offset after the record.
    """

    rows: list[Reading]
    end: int


@dataclass(frozen=True, slots=True)
class Bad:
    """Bytes that are no whole record.

    Attributes:
        end: Where the next record may start, or the segment's end.
        rows: How many rows the record had, or None where its header is damaged too.
        torn: The segment ends within the record: its writer was cut off, before it acknowledged
            anything, unless the file was cut later.
    """

    end: int
    rows: int | None
    torn: bool


def read_record(
    fd: int, offset: int, end: int, decoder: msgspec.json.Decoder[Reading]
) -> Good | Bad:
    """Read the record at `offset`, which is before `end`, the segment's end.

    A `Bad` may stand for several damaged records in a row, if their magic is damaged too.

    Raises:
        OSError: The file cannot be read.
    """
    data = os.pread(fd, min(HEAD_BYTES, end - offset), offset)
    head = parse_head(data)
    if head is not None and offset + head.record_bytes <= end:
        pieces = _pieces(fd, offset + HEAD_BYTES, offset + head.record_bytes)
        rows = decode_payload(head, pieces, decoder)
        if rows is not None:
            return Good(rows, offset + head.record_bytes)
    # From the next byte on, not from where this record should end: a header may be whole and yet
    # bytes behind it missing, and no payload holds the magic.
    following = _find_magic(fd, offset + 1, end)
    return Bad(
        end if following is None else following,
        None if head is None else head.rows,
        torn=following is None and _ends_within(head, data, end - offset),
    )


def count_rows(fd: int, offset: int, end: int) -> int:
    """Return how many rows the whole headers from `offset` on promise. Reads headers only.

    Raises:
        OSError: The file cannot be read.
    """
    rows = 0
    while offset < end:
        head = parse_head(os.pread(fd, min(HEAD_BYTES, end - offset), offset))
        if head is not None and offset + head.record_bytes <= end:
            rows += head.rows
            offset += head.record_bytes
        else:
            following = _find_magic(fd, offset + 1, end)
            offset = end if following is None else following
    return rows


def _pieces(fd: int, start: int, end: int) -> Iterator[bytes]:
    for offset in range(start, end, _PIECE_BYTES):
        yield os.pread(fd, min(_PIECE_BYTES, end - offset), offset)


def _ends_within(head: Head | None, data: bytes, left_bytes: int) -> bool:
    """Tell whether the last `left_bytes` of a segment are the beginning of a record."""
    if head is not None:
        return head.record_bytes > left_bytes
    return left_bytes < HEAD_BYTES and data[:8] == MAGIC[: len(data)]


def _find_magic(fd: int, start: int, end: int) -> int | None:
    """Return the offset of the first whole magic in `start`..`end`, or None."""
    while True:
        window = os.pread(fd, min(_WINDOW_BYTES, max(0, end - start)), start)
        index = window.find(MAGIC)
        if index >= 0:
            return start + index
        if len(window) < len(MAGIC):
            return None
        # The magic may lie across two windows.
        start += len(window) - len(MAGIC) + 1
