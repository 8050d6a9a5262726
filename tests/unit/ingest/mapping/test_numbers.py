"""Numbers in a file's unit are the nearest floats to the exact product."""

import math
from fractions import Fraction

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utility_ts_analytics.ingest.mapping.faults import Faults
from utility_ts_analytics.ingest.mapping.model import FieldRule
from utility_ts_analytics.ingest.mapping.numbers import numbers_of, scaled

FACTORS = st.sampled_from(
    [Fraction(1, 1000), Fraction(1000), Fraction(1, 4), Fraction(1, 12), Fraction(12, 1000)]
) | st.fractions(Fraction(1, 10**6), 10**6)


@given(st.floats(-1e12, 1e12), FACTORS)
@settings(max_examples=150)
def test_product_is_exact_to_a_rounding_or_two(value: float, factor: Fraction) -> None:
    [found] = scaled(pa.array([value]), factor).to_pylist()
    exact = Fraction(value) * factor
    nearest = float(exact)
    if 1 in (factor.numerator, factor.denominator):
        assert found == nearest
    else:
        assert abs(found - nearest) <= math.ulp(nearest) + 5e-324


def read(*texts: str | None, rule: FieldRule) -> tuple[list[float | None], list[bool]]:
    faults = Faults()
    values = numbers_of(pa.array(texts, pa.string()), rule, "kwh", faults)
    return values.to_pylist(), faults.kept(len(texts)).tolist()


def test_decimal_commas_and_markers() -> None:
    rule = FieldRule("x", decimal_comma=True, null=frozenset(("", "n/a")), factor=Fraction(1, 1000))
    values, kept = read("1250,5", "1250", "1.250,5", "n/a", None, "", "1,2,3", rule=rule)
    assert values[:2] == [1.2505, 1.25]
    assert values[3:6] == [None] * 3
    assert kept == [True, True, False, True, True, True, False]


def test_factor_that_makes_a_number_infinite_is_a_fault() -> None:
    values, kept = read("1e308", "1", rule=FieldRule("x", factor=Fraction(1000)))
    assert (values[1], kept) == (1000.0, [False, True])


@pytest.mark.parametrize(("null", "kept"), [(("",), [False, True]), (("", "NaN"), [True, True])])
def test_nan_in_numbers_is_a_fault_or_a_marker(null: tuple[str, ...], kept: list[bool]) -> None:
    faults = Faults()
    column = pa.array([float("nan"), 1.0])
    values = numbers_of(column, FieldRule("x", null=frozenset(null)), "kwh", faults)
    assert faults.kept(2).tolist() == kept
    assert values[1].as_py() == 1.0
    assert (values[0].as_py() is None) == kept[0]
