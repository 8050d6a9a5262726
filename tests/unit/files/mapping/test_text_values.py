"""Texts are read the same whichever way is taken: quickly all at once, or one by one."""

import math
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utility_ts_analytics.files.mapping.text_values import (
    Values,
    instants_of,
    lacks_offset,
    numbers_of,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DIGITS = st.integers(0, 99).map("{:02}".format)
ZONES = st.sampled_from(
    ["Z", "z", "", "+00:00", "+02:00", "-23:59", "+24:00", "+0200", "+02", "-00:60"]
)
ALMOST = st.builds(
    "{}{}-{}-{}{}{}:{}:{}{}{}".format,
    *(
        st.sampled_from(["20", "19", "2a"]),
        DIGITS,
        DIGITS,
        DIGITS,
        st.sampled_from(["T", "t", " "]),
    ),
    *(DIGITS, DIGITS, DIGITS, st.sampled_from(["", ".5", ".12345", ".1234567"]), ZONES),
)
INSTANTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(
    lambda moment: moment.replace(tzinfo=timezone(timedelta(hours=1))).isoformat()
)


def column(values: Values) -> list[object]:
    """Return each value, or whether it is unread where there is none."""
    found = values.values
    if pa.types.is_timestamp(found.type):
        found = found.cast(pa.int64())
    return [
        bool(unread) if value is None else value
        for value, unread in zip(found.to_pylist(), values.unread.tolist(), strict=True)
    ]


def expected_instant(text: str) -> object:
    if text.endswith("+0200"):  # which msgspec takes, and the server does not
        return True
    try:
        moment = msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        return True
    return True if moment.tzinfo is None else (moment - EPOCH) // timedelta(microseconds=1)


def test_year_without_a_date_is_none_whatever_stands_beside_it() -> None:
    texts = ["0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]
    for width in (texts, [f"{text[:-1]}+00:00" for text in texts]):
        assert instants_of(pa.array(width)).unread.tolist() == [True, False, False]
        assert instants_of(pa.array([*width, "x"])).unread.tolist() == [True, False, False, True]


@given(st.lists(ALMOST | INSTANTS, min_size=1, max_size=3), st.booleans())
@settings(max_examples=250, deadline=None)
def test_instants_are_those_of_the_server(texts: list[str], same: bool) -> None:
    """Several of one form go the quick way; the server's decoder judges each."""
    texts = texts[:1] * 3 if same else texts
    expected = [expected_instant(text) for text in texts]
    assert column(instants_of(pa.array(texts))) == expected
    mixed = [*texts, None, "x"]
    assert column(instants_of(pa.array(mixed))) == [*expected, False, True]


@given(
    st.text("0123456789+-.eE", max_size=8)
    | st.floats().map(repr)
    | st.integers(-(10**400), 10**400).map(str)
)
@settings(max_examples=400, deadline=None)
def test_numbers_are_read_alike_beside_any_others(text: str) -> None:
    alone = column(numbers_of(pa.array([text])))
    beside = column(numbers_of(pa.array([text, None, "1,5", "nan"])))
    assert beside == [*alone, False, True, True]
    if alone[0] is not True:
        assert alone[0] == float(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1.0),
        ("+5.", 5.0),
        (".5e-1", 0.05),
        ("-0", -0.0),
        ("1e999", math.inf),
        ("-1" + "0" * 400, -math.inf),
        ("1e-999", 0.0),
        *((text, True) for text in ("", " 1", "1 ", "1_000", "0x10", "1e", "1,5", "\u0661", "nan")),
        *((text, True) for text in ("inf", "-Infinity", "NaN(1)", "1f")),
    ],
)
def test_number(text: str, value: object) -> None:
    assert column(numbers_of(pa.array([text]))) == [value]


def test_columns_without_texts_have_no_values() -> None:
    for texts in ([], [None, None]):
        array = pa.array(texts, pa.string())
        assert column(numbers_of(array)) == [False] * len(texts)
        assert column(instants_of(array)) == [False] * len(texts)


def test_slices_are_read_from_their_first_row() -> None:
    texts = pa.array([f"2024-01-01T00:00:0{index}+00:00" for index in range(5)])
    micros = 1_704_067_200_000_000
    assert column(instants_of(texts[2:4])) == [micros + 2_000_000, micros + 3_000_000]


@pytest.mark.parametrize(
    ("text", "lacks"),
    [
        ("2024-01-01", True),
        (" 2024-01-01 00:00 ", True),
        ("2024-01-01T00:00:00.5", True),
        ("2024-01-01T00:00:00Z", False),
        ("01.01.2024 00:00", False),
    ],
)
def test_time_that_lacks_only_its_offset(text: str, lacks: bool) -> None:
    assert lacks_offset(text) is lacks
