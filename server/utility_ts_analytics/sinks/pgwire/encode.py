"""Rows to the parameters of INSERTs. Pure: no I/O, no clock."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import Final

from utility_ts_analytics.records.reading import Reading
from utility_ts_analytics.records.streams import StreamSpec

STATEMENT_ROWS_MAX: Final = 10
"""Rows of one INSERT. QuestDB takes 2.4 us of CPU per row where an INSERT has 5 or 10 of them, 4.3
where each has its own; more rows bring nothing (decision 0037)."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_AWARE: Final = datetime(2000, 1, 1, tzinfo=UTC)
_NAIVE: Final = _AWARE.replace(tzinfo=None)


def columns_of(spec: StreamSpec) -> tuple[str, ...]:
    """Return the columns of a stream: `ts`, `event_id`, then those of its own."""
    return ("ts", "event_id", *spec.texts, *spec.numbers)


def insert_sql(table: str, columns: Sequence[str], rows: int) -> str:
    """Return the INSERT for so many rows of `columns`.

    Names cannot be parameters, so only letters, digits and underscores are let through.

    Raises:
        ValueError: A name has any other character.
    """
    for name in (table, *columns):
        if _NAME.fullmatch(name) is None:
            raise ValueError(f"cannot use {name!r} as a name: letters, digits and _ only")
    names = ", ".join(f'"{column}"' for column in columns)
    width = len(columns)
    places = ", ".join(
        f"({', '.join(f'${number}' for number in range(first, first + width))})"
        for first in range(1, rows * width, width)
    )
    return f'INSERT INTO "{table}" ({names}) VALUES {places}'  # noqa: S608 - names checked above


def rows_per_statement(rows: int) -> int:
    """Return how many rows each INSERT has: a divisor of `rows`, so that all are the same.

    Two different statements would be two commits. A full batch has a round number of rows.
    """
    return next(count for count in range(STATEMENT_ROWS_MAX, 0, -1) if rows % count == 0)


def encode_rows(values: list[object], columns: tuple[str, ...], rows: Sequence[Reading]) -> None:
    """Append the values of each row, row by row, in the order of the columns.

    QuestDB's TIMESTAMP has no zone and asyncpg refuses zone-aware values for it, so `ts` goes as
    naive UTC, exact to the microsecond.

    Args:
        values: Appended to.
        columns: As `columns_of` gives them: `ts` and `event_id` first.
        rows: Valid readings with a zone-aware `ts` and canonical UUID text in `event_id`.
    """
    other_values = attrgetter(*columns[1:])
    for row in rows:
        # A tenth of what `replace(tzinfo=None)` takes.
        values.append(row.ts - _AWARE + _NAIVE)
        values.extend(other_values(row))


def statements(values: list[object], size: int) -> Iterator[list[object]]:
    """Yield the values in parts of `size`: those of one INSERT each."""
    return (values[start : start + size] for start in range(0, len(values), size))
