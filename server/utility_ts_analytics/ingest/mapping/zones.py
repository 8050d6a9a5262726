"""A time zone as arrays: which offsets a time on the wall can have.

From `zoneinfo`, so that a machine without a time zone database of its own works with the package
`tzdata`. Times of the years 1999 to 2101; offsets are whole minutes in these.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

Micros = npt.NDArray[np.int64]
"""Microseconds since 1970-01-01, in UTC or on the wall."""

MICROS_PER_MINUTE = 60_000_000
_OFFSET = re.compile(r"(?P<sign>[+-])(?P<hours>\d{2}):?(?P<minutes>[0-5]\d)", re.ASCII)
_FIRST, _END = datetime(1999, 1, 1, tzinfo=UTC), datetime(2101, 1, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Zone:
    """The pieces of the wall clock, in order.

    Attributes:
        bounds: Wall times where a piece ends and the next begins, rising.
        first: Offset of each piece, microseconds east of UTC; one more than `bounds`. In an hour
            that comes twice the summer offset; in one that is skipped the offset before it.
        second: The later offset of an hour that comes twice; elsewhere that of `first`.
        skipped: Whether the piece does not exist on the clock.
    """

    bounds: Micros
    first: Micros
    second: Micros
    skipped: npt.NDArray[np.bool_]

    def piece_of(self, wall: Micros) -> npt.NDArray[np.intp]:
        """Return the index of the piece that each wall time is in."""
        return np.searchsorted(self.bounds, wall, side="right")


@lru_cache(maxsize=32)
def zone_of(name: str) -> Zone:
    """Return a zone by IANA name or offset (`+10:00`).

    Raises:
        ValueError: There is none of this name; the message says what one looks like.
    """
    zone = _named(name)
    changes = _changes(zone)
    offset = _offset(zone, _FIRST)
    bounds: list[int] = []
    first, second, skipped = [offset], [offset], [False]
    for instant, before, after in changes:
        bounds += sorted((instant + before, instant + after))
        first += [before, after]
        second += [min(before, after), after]
        skipped += [after > before, False]
    return Zone(
        np.array(bounds, np.int64),
        np.array(first, np.int64),
        np.array(second, np.int64),
        np.array(skipped, np.bool_),
    )


def _named(name: str) -> tzinfo:
    if name in ("Z", "UTC"):
        return UTC
    match = _OFFSET.fullmatch(name)
    if match is not None:
        size = timedelta(hours=int(match["hours"]), minutes=int(match["minutes"]))
        if size <= timedelta(hours=14):
            return timezone(-size if match["sign"] == "-" else size)
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        raise ValueError('an IANA zone such as "Europe/Berlin", or an offset "+10:00"') from None


def _changes(zone: tzinfo) -> list[tuple[int, int, int]]:
    """Return every change of the offset: UTC instant, offset before, offset after."""
    changes: list[tuple[int, int, int]] = []
    day = _FIRST
    before = _offset(zone, day)
    while day < _END:
        following = day + timedelta(days=1)
        after = _offset(zone, following)
        if after != before:
            low, high = day, following
            while high - low > timedelta(minutes=1):
                middle = low + (high - low) // 2
                middle = middle.replace(second=0, microsecond=0)
                low, high = (low, middle) if _offset(zone, middle) == after else (middle, high)
            changes.append(((high - _EPOCH) // timedelta(microseconds=1), before, after))
        day, before = following, after
    return changes


def _offset(zone: tzinfo, instant: datetime) -> int:
    return (instant.astimezone(zone).utcoffset() or timedelta()) // timedelta(microseconds=1)
