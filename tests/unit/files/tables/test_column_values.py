"""Values of columns of every type are the same after they were JSON."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utility_ts_analytics.files.tables.column_values import json_value, value_of

encode = msgspec.json.Encoder(decimal_format="number").encode


def text_of(column: pa.Array) -> list[bytes]:
    return [encode(json_value(column.type, value)) for value in column]


def back(column: pa.Array) -> pa.Array:
    given = [
        json.loads(text.decode(errors="surrogateescape"), parse_float=Decimal)
        for text in text_of(column)
    ]
    return pa.array([value_of(column.type, value) for value in given], column.type)


UNITS = ("s", "ms", "us", "ns")
INTS = st.integers(-(2**63), 2**63 - 1)


@given(st.lists(st.none() | INTS | st.integers(-(10**10), 10**10), max_size=5))
@settings(max_examples=200)
def test_times_are_the_same_whatever_their_unit_and_zone(numbers: list[int | None]) -> None:
    for unit in UNITS:
        for zone in (None, "UTC", "Europe/Berlin", "+05:30"):
            column = pa.array(numbers, pa.timestamp(unit, zone))
            assert back(column).equals(column)
        column = pa.array(numbers, pa.duration(unit))
        assert back(column).equals(column)
    small = [None if n is None else n % 2**31 for n in numbers]
    for kind in (pa.date32(), pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns")):
        assert back(pa.array(small, kind)).equals(pa.array(small, kind))
    days = [None if n is None else n % 10**7 * 86_400_000 for n in numbers]
    assert back(pa.array(days, pa.date64())).equals(pa.array(days, pa.date64()))


@given(st.lists(st.none() | st.floats() | st.floats(width=32), max_size=5))
def test_floats_are_the_same(numbers: list[float | None]) -> None:
    column = pa.array(numbers, pa.float64())
    assert str(back(column)) == str(column)
    narrow = column.cast(pa.float32(), safe=False)
    assert str(back(narrow)) == str(narrow)


@given(st.lists(st.none() | st.binary(max_size=9), max_size=5), st.lists(st.text(max_size=5)))
def test_bytes_and_texts_are_the_same(values: list[bytes | None], texts: list[str]) -> None:
    for kind in (pa.binary(), pa.large_binary(), pa.binary_view()):
        assert back(pa.array(values, kind)).equals(pa.array(values, kind))
    sized = [value and value.ljust(9, b"\xff") for value in values]
    sized = [value or None for value in sized]
    assert back(pa.array(sized, pa.binary(9))).equals(pa.array(sized, pa.binary(9)))
    assert back(pa.array(texts, pa.string())).to_pylist() == texts


COLUMNS: dict[str, pa.Array] = {
    "int64": pa.array([2**63 - 1, -(2**63), 2**53 + 1, None]),
    "uint64": pa.array([2**64 - 1, 0, None], pa.uint64()),
    "bool": pa.array([True, False, None]),
    "decimal": pa.array([Decimal("-12345678901234567890.123456789"), None], pa.decimal128(38, 9)),
    "decimal256": pa.array([Decimal("9" * 60 + ".25"), None], pa.decimal256(70, 2)),
    "half": pa.array([np.float16(1.5), None], pa.float16()),
    "interval": pa.array([(1, -2, 3_000_000_001), None], pa.month_day_nano_interval()),
    "struct": pa.array(
        [{"a": 1, "t": 5}, {"a": None, "t": None}, None],
        pa.struct([("a", pa.int8()), ("t", pa.timestamp("ns", "UTC"))]),
    ),
    "list": pa.array([[b"\xff", None], [], None], pa.list_(pa.binary())),
    "large list": pa.array([[1], None], pa.large_list(pa.int8())),
    "list view": pa.array([[1, 2], None], pa.list_view(pa.int8())),
    "fixed list": pa.array([[1, 2], None], pa.list_(pa.int8(), 2)),
    "map": pa.array([[("a", Decimal("1.5"))], [], None], pa.map_(pa.string(), pa.decimal128(5, 1))),
    "dictionary": pa.array(["a", None, "b"]).dictionary_encode(),
    "list of dictionaries": pa.array([["a"]], pa.list_(pa.dictionary(pa.int8(), pa.string()))),
    "uuid": pa.array([bytes(range(16)), None], pa.uuid()),
    "bool8": pa.array([1, None], pa.bool8()),
    "json": pa.array(['{"a":1}', None], pa.json_()),
    "null": pa.nulls(2),
}


@pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS)
def test_columns_of_other_types_are_the_same(column: pa.Array) -> None:
    made = back(column)
    assert made.type == column.type
    assert made.to_pylist() == column.to_pylist()


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (pa.timestamp("us", "UTC"), 1_711_846_800_000_000, '"2024-03-31T01:00:00Z"'),
        (pa.timestamp("ns", "UTC"), 1_711_846_800_123_456_780, '"2024-03-31T01:00:00.12345678Z"'),
        (pa.timestamp("ms"), 1_711_846_800_500, '"2024-03-31T01:00:00.5"'),
        (pa.timestamp("us", "Europe/Berlin"), 0, '"1970-01-01T00:00:00Z"'),
        (pa.timestamp("us", "UTC"), 2**62, str(2**62)),
        (pa.date32(), date(2024, 3, 31), '"2024-03-31"'),
        (pa.time64("ns"), 45_000_000_000_001, '"12:30:00.000000001"'),
        (pa.duration("ms"), 1_500, "1500"),
        (pa.decimal128(5, 2), Decimal("1.50"), "1.50"),
        (pa.float64(), float("nan"), '"NaN"'),
        (pa.float64(), float("-inf"), '"-Infinity"'),
    ],
)
def test_json_is_what_a_person_can_correct(kind: pa.DataType, value: Any, text: str) -> None:
    assert text_of(pa.array([value], kind)) == [text.encode()]


@pytest.mark.parametrize(
    ("kind", "given", "value"),
    [
        (pa.timestamp("us", "UTC"), "2024-03-31 03:00:00+02:00", 1_711_846_800_000_000),
        (pa.timestamp("us", "UTC"), "2024-03-31T01:00:00,5Z", 1_711_846_800_500_000),
        (pa.int64(), Decimal("5.0"), 5),
        (pa.float64(), 5, 5.0),
        (pa.decimal128(5, 2), 5, Decimal(5)),
    ],
)
def test_values_may_be_written_in_other_ways(kind: pa.DataType, given: Any, value: Any) -> None:
    assert value_of(kind, given) == value


@pytest.mark.parametrize(
    ("kind", "given", "reason"),
    [
        (pa.timestamp("us", "UTC"), "2024-03-31T01:00:00", "must have an offset"),
        (pa.timestamp("us"), "2024-03-31T01:00:00Z", "must have no offset"),
        (pa.timestamp("s"), "2024-03-31T01:00:00.5", "must have no more digits than s has"),
        (pa.timestamp("s"), "yesterday", "must be a time such as"),
        (pa.timestamp("s"), "2024-02-30T01:00:00", "day"),
        (pa.date32(), "2024-02-30", "day"),
        (pa.int64(), Decimal("1.5"), "must be a whole number"),
        (pa.int64(), "1", "must be a number"),
        (pa.int64(), True, "must be a number"),
        (pa.float64(), "x", "must be a number"),
        (pa.bool_(), 1, "must be true or false"),
        (pa.string(), 1, "must be text"),
        (pa.binary(), 1, "must be text"),
        (pa.list_(pa.int8()), 1, "must be an array"),
        (pa.struct([("a", pa.int8())]), [], "must be an object"),
        (pa.map_(pa.string(), pa.int8()), [1], "must be pairs"),
        (pa.uuid(), 1, "must be a UUID"),
        (pa.month_day_nano_interval(), 1, "must be an array of months"),
    ],
)
def test_value_of_another_type_is_told(kind: pa.DataType, given: Any, reason: str) -> None:
    with pytest.raises((ValueError, TypeError), match=reason):
        value_of(kind, given)
