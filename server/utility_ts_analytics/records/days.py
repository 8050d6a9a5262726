"""The days of readings. QuestDB keeps each day of a table in files of its own.

Each day costs QuestDB memory maps and time, however few its rows, so requests and batches have a
bound on days too (docs/decisions/0025-days-and-memory-maps.md). Days are in UTC, numbered from
1970-01-01.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from utility_ts_analytics.records.reading import EPOCH, Reading

_EPOCH_ORDINAL: Final = EPOCH.toordinal()

_SLICE_ROWS: Final = 96
"""A day of one meter in quarters of an hour. Such a slice lies on two days at most, so its ends,
which the check of the range needs anyway, tell its days."""

Ends = tuple[datetime, datetime]
"""The earliest and the latest `ts` of some rows."""


def ends_of(rows: Sequence[Reading]) -> list[Ends]:
    """Return the ends of each `_SLICE_ROWS` rows, in order; empty without rows."""
    instants = [row.ts for row in rows]
    if 0 < len(instants) <= _SLICE_ROWS:  # most posts, so without the steps below
        return [(min(instants), max(instants))]
    slices = (instants[at : at + _SLICE_ROWS] for at in range(0, len(instants), _SLICE_ROWS))
    return [(min(part), max(part)) for part in slices]


def days_between(rows: Sequence[Reading], ends: Sequence[Ends]) -> frozenset[int]:
    """Return the days of rows; looks at single rows only in slices over more than two days.

    Args:
        rows: In any order.
        ends: `ends_of(rows)`.
    """
    days: set[int] = set()
    for index, (earliest, latest) in enumerate(ends):
        first, last = (earliest - EPOCH).days, (latest - EPOCH).days
        if last - first <= 1:
            days.update((first, last))
        else:
            days.update(day_numbers(rows[index * _SLICE_ROWS : (index + 1) * _SLICE_ROWS]))
    return frozenset(days)


def day_numbers(rows: Sequence[Reading]) -> list[int]:
    """Return the day of each row, in order."""
    instants = [row.ts for row in rows]
    # A third of the cost of a difference, and correct where the zone is UTC.
    return [
        ts.toordinal() - _EPOCH_ORDINAL if ts.tzinfo is UTC else (ts - EPOCH).days
        for ts in instants
    ]
