"""An answer that is not what the struct says is refused by the name of the column."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
import pytest

from utility_ts_analytics.database.row_shape import FieldShape, UnexpectedAnswer, shape_of


class Load(msgspec.Struct, frozen=True):
    ts: datetime
    meter_id: str
    kwh: float | None


class Everything(msgspec.Struct, frozen=True):
    ts: Annotated[datetime, msgspec.Meta(tz=True)]
    name: Annotated[str, msgspec.Meta(max_length=3)] | None
    count: int
    good: bool
    event_id: UUID | None
    share: float = 0.0


COLUMNS = [("ts", "timestamp"), ("meter_id", "varchar"), ("kwh", "float8")]


def test_shape_has_the_plain_type_and_nullability_of_each_field() -> None:
    assert shape_of(Everything).fields == (
        FieldShape("ts", datetime, nullable=False),
        FieldShape("name", str, nullable=True),
        FieldShape("count", int, nullable=False),
        FieldShape("good", bool, nullable=False),
        FieldShape("event_id", UUID, nullable=True),
        FieldShape("share", float, nullable=False),
    )


def test_columns_of_the_shape_pass() -> None:
    shape_of(Load).check_columns(COLUMNS)


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ([COLUMNS[1], COLUMNS[0], COLUMNS[2]], "column 1 is 'meter_id', not 'ts'"),
        ([*COLUMNS[:2], ("kw", "float8")], "column 3 is 'kw', not 'kwh'"),
        ([*COLUMNS[:2], ("kwh", "int8")], "column 'kwh' is int8, which is no float"),
        ([("ts", "int8"), *COLUMNS[1:]], "column 'ts' is int8, which is no datetime"),
        (COLUMNS[:2], "column 'kwh' is missing"),
        ([*COLUMNS, ("kw", "float8")], "column 'kw' is one too many"),
    ],
    ids=["shifted", "renamed", "whole number", "time as number", "missing", "too many"],
)
def test_other_columns_are_refused_by_name(columns: list[tuple[str, str]], problem: str) -> None:
    with pytest.raises(UnexpectedAnswer) as caught:
        shape_of(Load).check_columns(columns)

    assert str(caught.value) == f"cannot read the answer as Load: {problem}"


def test_null_is_refused_where_the_field_has_no_none() -> None:
    shape = shape_of(Load)
    shape.check_nulls([[1, 2], ["a", "b"], [None, None]], 0)

    with pytest.raises(UnexpectedAnswer, match=r"column 'meter_id' is null in row 12$"):
        shape.check_nulls([[1, 2], ["a", None], [1.0, 1.0]], 10)


class Mutable(msgspec.Struct):
    ts: datetime


class Empty(msgspec.Struct, frozen=True):
    pass


class Odd(msgspec.Struct, frozen=True):
    names: list[str]


class Either(msgspec.Struct, frozen=True):
    value: int | str


@pytest.mark.parametrize(
    ("row_type", "message"),
    [
        (Mutable, "make it a frozen struct"),
        (Empty, "it has no fields"),
        (Odd, "no column fits the type of its field 'names'"),
        (Either, "no column fits the type of its field 'value'"),
    ],
)
def test_struct_that_no_row_fits_is_refused(row_type: type[msgspec.Struct], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        shape_of(row_type)
