"""A query with the type of its rows: SQL, bound parameters, and a struct.

An answer whose columns differ from the struct is refused before its first row is read, and the
error names the column: columns in another order must never fill the wrong fields.
"""

import math
import types
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar, Union, get_args, get_origin
from uuid import UUID

import msgspec
from msgspec import Struct

from utility_ts_analytics.errors import OperatorError

ROWS_MAX = 1_000_000
"""As structs: 0.5 GB."""
COLUMN_ROWS_MAX = 20_000_000
"""As columns: 2 GB where a row has nine of them."""


def check_row_count(row_count: int, rows_max: int) -> None:
    """Return if an answer may have so many rows.

    Raises:
        OperatorError: It has more than `rows_max`.
    """
    if row_count > rows_max:
        raise OperatorError(
            f"cannot hold the answer: it has more than {rows_max} rows;"
            " stream it, ask for less, or raise rows_max"
        )


_WIRE_TYPES: dict[type, tuple[str, ...]] = {
    datetime: ("timestamp",),
    str: ("varchar", "bpchar", "text"),
    float: ("float8", "float4"),
    int: ("int8", "int4", "int2"),
    bool: ("bool",),
    UUID: ("uuid",),
}
"""Names that asyncpg has for what QuestDB 9.3.4 announces, by the type of the field."""


class UnexpectedAnswer(OperatorError):
    """The columns or a value of an answer are not what the row type says; names the column."""


@dataclass(frozen=True, slots=True)
class FieldShape:
    """One field of a row type.

    Attributes:
        name: Of field and column.
        type: `datetime`, `str`, `float`, `int`, `bool` or `UUID`.
        nullable: Whether None is a value of it.
    """

    name: str
    type: type
    nullable: bool


@dataclass(frozen=True, slots=True)
class RowShape:
    """The columns that an answer must have, in order."""

    row_name: str
    fields: tuple[FieldShape, ...]

    def check_columns(self, columns: Sequence[tuple[str, str]]) -> None:
        """Return if the answer's columns, (name, wire type), are the fields in order.

        Raises:
            UnexpectedAnswer: A name or a type differs, or a column is missing or too many.
        """
        for number, (field, (name, wire)) in enumerate(zip(self.fields, columns, strict=False), 1):
            if name != field.name:
                raise self._error(f"column {number} is {name!r}, not {field.name!r}")
            if wire not in _WIRE_TYPES[field.type]:
                raise self._error(f"column {name!r} is {wire}, which is no {field.type.__name__}")
        if len(columns) < len(self.fields):
            raise self._error(f"column {self.fields[len(columns)].name!r} is missing")
        if len(columns) > len(self.fields):
            raise self._error(f"column {columns[len(self.fields)][0]!r} is one too many")

    def check_nulls(self, columns: Sequence[Sequence[object]], rows_before: int) -> None:
        """Return if no field that must have a value lacks one.

        Args:
            columns: Of one batch, in order of the fields.
            rows_before: How many rows of the answer came before this batch, for the message.

        Raises:
            UnexpectedAnswer: A null; names the column and the row, counted from 1.
        """
        for field, column in zip(self.fields, columns, strict=True):
            if not field.nullable and None in column:
                row = rows_before + column.index(None) + 1
                raise self._error(f"column {field.name!r} is null in row {row}")

    def _error(self, problem: str) -> UnexpectedAnswer:
        return UnexpectedAnswer(f"cannot read the answer as {self.row_name}: {problem}")


def shape_of(row_type: type[msgspec.Struct]) -> RowShape:
    """Return the shape of a row type.

    Raises:
        TypeError: It is not frozen, has no fields, or a field has a type that no column has.
    """
    if not row_type.__struct_config__.frozen:
        raise TypeError(f"cannot read rows as {row_type.__name__}: make it a frozen struct")
    fields = tuple(
        _field_shape(row_type, field.encode_name, field.type)
        for field in msgspec.structs.fields(row_type)
    )
    if not fields:
        raise TypeError(f"cannot read rows as {row_type.__name__}: it has no fields")
    return RowShape(row_type.__name__, fields)


def _field_shape(row_type: type, name: str, annotation: object) -> FieldShape:
    plain, nullable = _unwrapped(annotation)
    for known in _WIRE_TYPES:
        if plain is known:
            return FieldShape(name, known, nullable)
    raise TypeError(
        f"cannot read rows as {row_type.__name__}: no column fits the type of its field {name!r}"
    )


def _unwrapped(annotation: object) -> tuple[object, bool]:
    """Return a type without `Annotated` and `| None`, and whether the latter was there."""
    if get_origin(annotation) is Annotated:
        return _unwrapped(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        others = [part for part in get_args(annotation) if part is not type(None)]
        if len(others) == 1:
            return _unwrapped(others[0])[0], True
    return annotation, False


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
