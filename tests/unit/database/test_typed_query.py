"""Parameters are kept as they are sent, and what could be taken for something else is refused."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest

from utility_ts_analytics.database.typed_query import (
    FieldShape,
    Query,
    UnexpectedAnswer,
    check_row_count,
    shape_of,
)
from utility_ts_analytics.errors import OperatorError


class Count(msgspec.Struct, frozen=True):
    n: int


def sent(value: object) -> object:
    (parameter,) = Query("SELECT 1", Count, [value]).parameters
    return parameter


@pytest.mark.parametrize("value", ["m-1", "'; --", "", 7, -0.5, True])
def test_plain_value_is_sent_as_it_is(value: object) -> None:
    assert sent(value) == value


def test_time_is_sent_as_naive_utc() -> None:
    noon = datetime(2024, 6, 3, 12)

    assert sent(noon.replace(tzinfo=UTC)) == noon
    assert sent(noon.replace(tzinfo=timezone(timedelta(hours=2)))) == noon - timedelta(hours=2)


def test_both_passes_of_the_repeated_hour_are_told_apart() -> None:
    berlin = ZoneInfo("Europe/Berlin")

    assert sent(datetime(2024, 10, 27, 2, 30, tzinfo=berlin)) == datetime(2024, 10, 27, 0, 30)
    assert sent(datetime(2024, 10, 27, 2, 30, tzinfo=berlin, fold=1)) == datetime(
        2024, 10, 27, 1, 30
    )


def test_uuid_is_sent_as_text() -> None:
    assert sent(UUID(int=1)) == "00000000-0000-0000-0000-000000000001"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (datetime(2024, 1, 1), "it has no time zone"),
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=1))), "outside the years 1 to 9999"),
        (float("nan"), "takes it for null"),
        (float("inf"), "takes it for null"),
        ("a\x00", r"U\+0000"),
        ("\ud800", "surrogate"),
    ],
    ids=["naive", "year 0", "nan", "infinity", "nul", "surrogate"],
)
def test_value_that_would_be_read_as_another_is_refused(value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sent(value)


@pytest.mark.parametrize("value", [None, b"m-1", ["m-1"]], ids=["none", "bytes", "list"])
def test_value_that_questdb_cannot_take_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="cannot bind a parameter of type"):
        sent(value)


def test_limit_itself_is_allowed() -> None:
    check_row_count(10, 10)


def test_more_than_the_limit_is_refused_with_what_to_do() -> None:
    with pytest.raises(OperatorError, match="more than 10 rows; stream it"):
        check_row_count(11, 10)


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
