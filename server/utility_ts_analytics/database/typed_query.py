"""A question to QuestDB with the type of its rows: SQL, bound parameters, and a struct."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar
from uuid import UUID

from msgspec import Struct

RowT = TypeVar("RowT", bound=Struct)

Parameter = str | int | float | datetime | UUID


@dataclass(frozen=True, slots=True)
class Query(Generic[RowT]):
    """One SELECT and what its rows are.

    Attributes:
        sql: One statement; `$1`, `$2`... stand for `parameters`. QuestDB takes parameters as values
            in conditions; not in lists (`IN`), SAMPLE BY, or as names: `queries.literals` there.
        row_type: A frozen struct with a field for each column of the answer: same names, same
            order. Fields are `datetime` (QuestDB: TIMESTAMP, DATE), `str` (SYMBOL, VARCHAR,
            STRING, CHAR), `float` (DOUBLE, FLOAT), `int` (LONG, INT, SHORT, BYTE), `bool` (BOOLEAN)
            or `UUID` (UUID), each with `| None` if the column may be null.
        parameters: In order. Kept as they are sent: times as naive UTC, UUIDs as text.

    Raises:
        ValueError: A parameter is a time without a zone or outside the years 1..9999, a number
            that is not finite, or a text that QuestDB cannot take.
        TypeError: A parameter is of another type; also None, whose type QuestDB cannot know: write
            `IS NULL`.
    """

    sql: str
    row_type: type[RowT]
    parameters: Sequence[object] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", tuple(map(_as_sent, self.parameters)))


def _as_sent(value: object) -> object:
    match value:
        case datetime():
            if value.utcoffset() is None:
                raise ValueError(f"cannot bind time {value.isoformat()}: it has no time zone")
            try:
                # QuestDB's TIMESTAMP has no zone on the wire and means UTC.
                return value.astimezone(UTC).replace(tzinfo=None)
            except OverflowError:
                raise ValueError(
                    f"cannot bind time {value.isoformat()}: outside the years 1 to 9999 in UTC"
                ) from None
        case UUID():
            return str(value)  # QuestDB compares no UUID with a bound UUID, but with its text
        case float() if not math.isfinite(value):
            raise ValueError(f"cannot bind {value}: QuestDB takes it for null")
        case str() if "\x00" in value or any(
            "\ud800" <= character <= "\udfff" for character in value
        ):
            raise ValueError("cannot bind text: it holds U+0000 or half of a surrogate pair")
        case str() | int() | float():
            return value
        case _:
            raise TypeError(f"cannot bind a parameter of type {type(value).__name__}")
