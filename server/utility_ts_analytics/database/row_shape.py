"""What the rows of an answer must look like, from the struct that they become.

An answer that differs is refused before its first row is read, and names the column: a query whose
columns changed places must never fill the wrong fields in silence.
"""

import types
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Union, get_args, get_origin
from uuid import UUID

import msgspec

from utility_ts_analytics.errors import OperatorError

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
