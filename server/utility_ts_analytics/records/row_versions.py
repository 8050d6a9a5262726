"""Rows as pairs of hashes: of their business key and of their content.

Two rows are versions of one reading if their keys are equal, and one replaces the other if their
contents differ. A hash of 64 bits for each makes many millions of rows comparable in little memory.
The hashes are over the values of the fields without `event_id`: minus zero counts as zero, an
absent field differs from an empty text, and an instant is the same in every zone. They depend on
the machine's byte order, so they must not leave the process.

Different keys, or different contents of one key, can have equal hashes by chance: among 100 million
keys the probability is one in 3,700 that any two do.
"""

import struct
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

import xxhash

from utility_ts_analytics.records import native
from utility_ts_analytics.records.reading import Reading, microseconds_of
from utility_ts_analytics.records.streams import StreamSpec

VERSION_BYTES: Final = 16
"""Of one row: the hash of its key, then that of its content, each as a native 64-bit integer."""

_LOW: Final = (1 << 64) - 1

# As `server/native/versions.c` numbers them.
_ABSENT, _TEXT, _NUMBER, _INSTANT = range(4)


def versions_of_rows(rows: Sequence[Reading], spec: StreamSpec) -> bytes:
    """Return `VERSION_BYTES` for each row, in order; the rows stay as they are.

    Holds the GIL, 0.07 us per row where the compiled module is there: give it a block, not a file.

    Args:
        rows: Decoded rows, all of one type.
        spec: Their stream.
    """
    if native.row_versions is not None:
        return native.row_versions(rows, spec.dedup_keys, spec.number)
    return plain_row_versions(rows, spec.dedup_keys, spec.number)


def index_of_version(versions: bytes, version: bytes) -> int | None:
    """Return the index of the first row that has these hashes, or None."""
    place = versions.find(version)
    while place >= 0 and place % VERSION_BYTES:
        place = versions.find(version, place + 1)
    return None if place < 0 else place // VERSION_BYTES


def plain_row_versions(rows: Sequence[Reading], key_names: Sequence[str], seed: int) -> bytes:
    """The plain version of `native.row_versions`; tests hold the two equal."""
    return b"".join(_versions(rows, key_names, seed))


def _versions(rows: Sequence[Reading], key_names: Sequence[str], seed: int) -> Iterator[bytes]:
    for row in rows:
        names = [name for name in row.__struct_fields__ if name != "event_id"]
        key = b"".join(_value(getattr(row, name)) for name in names if name in key_names)
        rest = b"".join(_value(getattr(row, name)) for name in names if name not in key_names)
        hashes = [xxhash.xxh3_128_intdigest(data, seed) & _LOW for data in (key, key + rest)]
        yield struct.pack("=2Q", *hashes)


def _value(value: object) -> bytes:
    match value:
        case None:
            return struct.pack("=B", _ABSENT)
        case str():
            text = value.encode()
            return struct.pack("=BI", _TEXT, len(text)) + text
        case float():
            return struct.pack("=Bd", _NUMBER, value + 0.0)
        case datetime():
            return struct.pack("=BQ", _INSTANT, microseconds_of(value))
        case _:
            raise AssertionError("a field holds a text, a number or an instant")
