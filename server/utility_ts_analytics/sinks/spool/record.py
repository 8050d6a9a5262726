r"""One record of a spool: a header that a program checks, then NDJSON that a person can read.

    offset  bytes  what
    0       8      magic and version: `\xffspool1\n`
    8       4      rows, unsigned, >= 1
    12      4      payload bytes, unsigned, 1..64 MiB
    16      4      CRC-32 (zlib) of the payload followed by bytes 0..15
    20      4      CRC-32 (zlib) of bytes 0..19
    24      ...    payload: one JSON object per row, each ended by a newline, `ts` in UTC

Numbers are little-endian. The second CRC tells a broken length from a broken payload, so a header
that passes says how many rows were lost. The byte 0xFF never occurs in UTF-8, so no payload holds
the magic, whatever clients send, and a reader that is lost finds the next record by it.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Final

import msgspec

from utility_ts_analytics.records.reading import Reading

MAGIC: Final = b"\xffspool1\n"
HEAD_BYTES: Final = 24
PAYLOAD_BYTES_MAX: Final = 64 * 1024 * 1024
"""A larger length in a header is damage: it bounds what reading one record holds in memory."""

_ENCODE_ROWS: Final = 1_000
"""Rows encoded in one call that holds the GIL: about 0.3 ms for full rows, measured."""

_LINE_BYTES_MAX: Final = 1024 * 1024
"""No line is longer, by far: eight fields of 256 characters, six bytes for each at the most."""

_FIELDS: Final = struct.Struct("<8sII")
_CRC: Final = struct.Struct("<I")
_encode_lines: Final = msgspec.json.Encoder().encode_lines


@dataclass(frozen=True, slots=True)
class Head:
    """A header whose own CRC is right.

    Attributes:
        rows: >= 1.
        payload_bytes: 1..`PAYLOAD_BYTES_MAX`.
        crc: What the CRC of payload and header fields must be.
    """

    rows: int
    payload_bytes: int
    crc: int

    @property
    def record_bytes(self) -> int:
        """Length of header and payload."""
        return HEAD_BYTES + self.payload_bytes


def encode_record(rows: Sequence[Reading]) -> bytes:
    """Return the bytes of one record.

    Args:
        rows: Not empty; not changed. Values are finite: JSON has no other numbers.

    Raises:
        AssertionError: `rows` is empty.
    """
    if not rows:
        raise AssertionError("a record without rows")
    lines, crc = [], 0
    for part in _lines(rows):
        # This lets go of the GIL, and so the event loop in, between two parts.
        crc = zlib.crc32(part, crc)
        lines.append(part)
    fields = _FIELDS.pack(MAGIC, len(rows), sum(map(len, lines)))
    covered = fields + _CRC.pack(zlib.crc32(fields, crc))
    return b"".join((covered, _CRC.pack(zlib.crc32(covered)), *lines))


def parse_head(data: bytes) -> Head | None:
    """Return the header that `data` starts with, or None if it is cut short or damaged."""
    if len(data) < HEAD_BYTES or data[:8] != MAGIC:
        return None
    if _CRC.unpack_from(data, 20)[0] != zlib.crc32(data[:20]):
        return None
    _, rows, payload_bytes = _FIELDS.unpack_from(data)
    if rows == 0 or not 0 < payload_bytes <= PAYLOAD_BYTES_MAX:
        return None
    return Head(rows, payload_bytes, _CRC.unpack_from(data, 16)[0])


def decode_payload(
    head: Head, pieces: Iterable[bytes], decoder: msgspec.json.Decoder[Reading]
) -> list[Reading] | None:
    """Return the rows in order, or None unless all of them are exactly what was written.

    Args:
        head: The header before this payload.
        pieces: The payload, cut anywhere; may be shorter than the header says.
        decoder: For the stream's `signed_record_type`.
    """
    rows: list[Reading] = []
    crc, rest = 0, b""
    for piece in pieces:
        # As above: the loop gets in between two pieces.
        crc = zlib.crc32(piece, crc)
        *lines, rest = (rest + piece).split(b"\n")
        try:
            rows += [decoder.decode(line) for line in lines]
        except (msgspec.DecodeError, UnicodeDecodeError):
            # Damaged, or written by a version with other fields or limits.
            return None
        if len(rest) > _LINE_BYTES_MAX:
            return None
    fields = _FIELDS.pack(MAGIC, head.rows, head.payload_bytes)
    whole = zlib.crc32(fields, crc) == head.crc and not rest and len(rows) == head.rows
    return rows if whole else None


def _lines(rows: Sequence[Reading]) -> Iterator[bytes]:
    for start in range(0, len(rows), _ENCODE_ROWS):
        part = rows[start : start + _ENCODE_ROWS]
        yield _encode_lines([row if row.ts.tzinfo is UTC else _in_utc(row) for row in part])


def _in_utc(row: Reading) -> Reading:
    return msgspec.structs.replace(row, ts=row.ts.astimezone(UTC))
