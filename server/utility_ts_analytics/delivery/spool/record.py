"""A record of the spool: the rows of one append, as lines of JSON in parts, with a digest."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Final

import msgspec
import xxhash

from utility_ts_analytics.records.json_lines import json_lines
from utility_ts_analytics.records.reading import Reading

_PART_ROWS: Final = 1_000
"""Rows encoded or decoded in one call that holds the GIL: about 0.3 ms for full rows."""


@dataclass(frozen=True, slots=True)
class Appended:
    """The rows are on the disk, synced.

    Attributes:
        number: Of the record, rising in the order of the appends.
    """

    number: int


@dataclass(frozen=True, slots=True)
class SpoolFull:
    """Nothing was taken: `bytes_max` is reached or the disk is full. Delivery makes room.

    Attributes:
        reason: One line for logs and clients.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class SpoolBroken:
    """Nothing was taken: the disk or the database refuses. The next append tries again.

    Attributes:
        reason: One line for logs and clients.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Record:
    """The rows of one append.

    Attributes:
        number: As in `Appended`.
        origin: Which lane appended it, as it said.
        rows: In order, not empty.
    """

    number: int
    origin: int
    rows: Sequence[Reading]


@dataclass(frozen=True, slots=True)
class Stored:
    """A record as the database holds it.

    Attributes:
        number: Its place in the order.
        rows: How many, >= 1.
        origin: Which lane appended it.
        digest: Of all parts, end to end.
        parts: Lines of JSON, in order.
    """

    number: int
    rows: int
    origin: int
    digest: bytes
    parts: Sequence[bytes]


def encode_rows(rows: Sequence[Reading]) -> Iterator[bytes]:
    """Yield lines of JSON, in parts that hold the GIL for a short time each."""
    for start in range(0, len(rows), _PART_ROWS):
        part = rows[start : start + _PART_ROWS]
        yield json_lines([row if row.ts.tzinfo is UTC else _in_utc(row) for row in part])


def _in_utc(row: Reading) -> Reading:
    return msgspec.structs.replace(row, ts=row.ts.astimezone(UTC))


def decode_rows(
    parts: Sequence[bytes], digest: bytes, decoder: msgspec.json.Decoder[Reading]
) -> list[Reading] | None:
    """Return the rows in order, or None unless they are exactly what was written.

    Args:
        parts: As `encode_rows` made them.
        digest: Of all of them.
        decoder: For the stream's `signed_record_type`.
    """
    if digest_of(parts) != digest:
        return None
    rows: list[Reading] = []
    try:
        for part in parts:  # the event loop can run between two parts
            rows += decoder.decode_lines(part)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # Written by a version with other fields or limits.
        return None
    return rows


def digest_of(parts: Sequence[bytes]) -> bytes:
    """Return 128 bits of all parts, end to end."""
    digest = xxhash.xxh3_128()
    for part in parts:
        digest.update(part)
    return digest.digest()
