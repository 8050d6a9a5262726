"""Rows to the parameters of an INSERT. Pure: no I/O, no clock."""

import re
from collections.abc import Sequence
from datetime import UTC
from operator import attrgetter
from uuid import UUID

from utility_ts_analytics.records.reading import Reading
from utility_ts_analytics.records.streams import StreamSpec

InsertRow = tuple[object, ...]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def columns_of(spec: StreamSpec) -> tuple[str, ...]:
    """Return the columns of a stream: `ts`, `event_id`, then those of its own."""
    return ("ts", "event_id", *spec.texts, *spec.numbers)


def insert_sql(table: str, columns: Sequence[str]) -> str:
    """Return the INSERT for one row of `columns`.

    Names cannot be parameters, so only letters, digits and underscores are let through.

    Raises:
        ValueError: A name has any other character.
    """
    for name in (table, *columns):
        if _NAME.fullmatch(name) is None:
            raise ValueError(f"cannot use {name!r} as a name: letters, digits and _ only")
    names = ", ".join(f'"{column}"' for column in columns)
    places = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
    return f'INSERT INTO "{table}" ({names}) VALUES ({places})'  # noqa: S608 - names checked above


def encode_rows(
    payload: list[InsertRow], columns: tuple[str, ...], rows: Sequence[Reading]
) -> None:
    """Append one tuple per row, in order.

    QuestDB's TIMESTAMP has no zone and asyncpg refuses zone-aware values for it, so `ts` goes as
    naive UTC, exact to the microsecond; `event_id` goes as a UUID.

    Args:
        payload: Appended to.
        columns: As `columns_of` gives them: `ts` and `event_id` first.
        rows: Valid readings with a zone-aware `ts` and canonical UUID text in `event_id`.
    """
    other_values = attrgetter(*columns[2:])
    for row in rows:
        ts = row.ts.astimezone(UTC).replace(tzinfo=None)
        event_id = None if row.event_id is None else UUID(row.event_id)
        payload.append((ts, event_id, *other_values(row)))
