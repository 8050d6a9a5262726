"""Numbers, times and texts of lines that are encoded at once, and wrong use of compiled code."""

import math
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.unit.sinks.ilp.json_rig import FIELDS, GOOD, assert_same, block_of, encoded, value_of

from utility_ts_analytics.records import native


@given(st.floats(0, allow_infinity=False), st.sampled_from(["%r", "%.17g", "%.3f", "%.9e", "%.0f"]))
@example(9007199254740993.0, "%.0f")
@example(2.2250738585072014e-308, "%r")
@example(2.0**64, "%.0f")
@example(2.0**66, "%.0f")
def test_every_float_is_read_to_the_last_bit(number: float, form: str) -> None:
    text = form % number
    assert_same(block_of([GOOD.replace("1.5", text)]))
    if 0 < float(text) < math.inf and len(text) < 60:
        assert value_of(GOOD.replace("1.5", text), "kwh") == float(text)


@given(st.integers(0, 10**19 - 1), st.integers(0, 25))
def test_decimals_are_rounded_once(digits: int, decimals: int) -> None:
    """Of up to 19 digits: halfway cases are among these only if they are looked for."""
    text = f"{digits:0{decimals + 1}d}"
    text = f"{text[:-decimals]}.{text[-decimals:]}" if decimals else text
    assert value_of(GOOD.replace("1.5", text), "kwh") == float(text)


@given(st.integers(2**53, 2**54 - 1), st.integers(0, 9))
def test_halves_go_to_the_even_neighbour(mantissa: int, decimals: int) -> None:
    """An odd number of 54 bits, over a power of two, lies halfway between two floats."""
    half = (mantissa | 1) * 5**decimals
    for digits in (half - 1, half, half + 1):
        text = f"{digits:0{decimals + 1}d}"
        text = f"{text[:-decimals]}.{text[-decimals:]}" if decimals else text
        assert value_of(GOOD.replace("1.5", text), "kwh") == float(text)


@given(
    st.datetimes(datetime(2000, 1, 2), datetime(2099, 12, 30)),
    st.integers(-1439, 1439),
    st.integers(0, 6),
)
def test_times_are_read_to_the_microsecond(local: datetime, minutes: int, decimals: int) -> None:
    zoned = local.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    text = zoned.isoformat(timespec="microseconds")
    text = text[:19] + (text[19 : 20 + decimals] if decimals else "") + text[26:]
    line = GOOD.replace("2024-05-01T00:00:00Z", text)
    assert value_of(line, "ts") == datetime.fromisoformat(text)
    assert_same(block_of([line]))


def test_texts_of_any_length_are_read_whole() -> None:
    for length in range(1, 257):
        assert value_of(GOOD.replace("m-1", "m" * length), "meter_id") == "m" * length
        text = "ü" * (length // 2) + "m" * (length % 2)
        assert value_of(GOOD.replace("m-1", text), "meter_id") == text


def test_values_at_the_edge_of_a_float() -> None:
    for text in ("1.7976931348623157e308", "5e-324", "1e-320", "4.9406564584124654e-324"):
        assert value_of(GOOD.replace("1.5", text), "kwh") == float(text)
    assert math.isinf(float("1.8e308"))
    assert encoded(GOOD.replace("1.5", "1.8e308")).doubts == [0]


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("text\n", FIELDS, b"t", 1, 0, 1, ()),
        (b"\n", list(FIELDS), b"t", 1, 0, 1, ()),
        (b"\n", FIELDS, "t", 1, 0, 1, ()),
        (b"\n", (("ts",),), b"t", 1, 0, 1, ()),
        (b"\n", ("ts",), b"t", 1, 0, 1, ()),
        (b"\n", FIELDS, b"t", "1", 0, 1, ()),
        (b"\n", FIELDS, b"t", 1, 0, 1, ["ts"]),
        (b"\n", FIELDS, b"t", 1, 0, 1, (1,)),
    ],
)
def test_wrong_use_is_a_type_error(arguments: tuple[object, ...]) -> None:
    assert native.ilp_of_json is not None
    with pytest.raises(TypeError):
        native.ilp_of_json(*arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "arguments",
    [
        (b"{}", FIELDS, b"t", 1, 0, 1, ()),
        (b"\n", (), b"t", 1, 0, 1, ()),
        (b"\n", FIELDS[:1], b"t", 1, 0, 1, ()),
        (b"\n", FIELDS[1:], b"t", 1, 0, 1, ()),
        (b"\n", (("ts", "t", False, False, 0, True), *FIELDS[1:]), b"t", 1, 0, 1, ()),
        (b"\n", (*FIELDS, ("x", "z", False, False, 0, True)), b"t", 1, 0, 1, ()),
        (b"\n", (*FIELDS, ("x" * 32, "d", False, False, 0, True)), b"t", 1, 0, 1, ()),
        (b"\n", (*FIELDS, *(FIELDS[2:] * 13)), b"t", 1, 0, 1, ()),
    ],
)
def test_fields_that_cannot_be_read_are_refused(arguments: tuple[object, ...]) -> None:
    assert native.ilp_of_json is not None
    with pytest.raises(ValueError, match=r"cannot read these fields|newline"):
        native.ilp_of_json(*arguments)  # type: ignore[arg-type]


def test_numbers_out_of_their_range_are_refused() -> None:
    assert native.ilp_of_json is not None
    for numbers in ((-1, 0, 1), (1, -1, 1), (1, 0, 2**64)):
        with pytest.raises(OverflowError):
            native.ilp_of_json(b"\n", FIELDS, b"t", *numbers, ())  # type: ignore[arg-type]
