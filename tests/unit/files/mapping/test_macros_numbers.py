"""Numbers are read, scaled and added exactly: the oracle is Python's decimal."""

from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction

from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.unit.files.mapping.macro_rig import rows, value

SIZES = st.integers(0, 10**14)
PLACES = st.integers(0, 12)
NUMBERS = st.builds(
    lambda size, places, sign: Decimal(sign * size).scaleb(-places),
    SIZES,
    PLACES,
    st.sampled_from([1, -1]),
)


def grouped(number: Decimal, group: str, point: str) -> str:
    return f"{number:,f}".replace(",", "G").replace(".", point).replace("G", group)


@given(NUMBERS, st.sampled_from(["{:f}", "{:E}", " {:+f} ", "\t{:f}"]))
@settings(max_examples=150, deadline=None)
def test_numbers_are_exact(number: Decimal, form: str) -> None:
    assert value("num(?)", form.format(number)) == number


@given(NUMBERS, st.sampled_from([(".", ","), (" ", ","), ("\u202f", ","), (",", "."), ("'", ".")]))
@settings(max_examples=150, deadline=None)
def test_groups_of_thousands_are_read(number: Decimal, signs: tuple[str, str]) -> None:
    group, point = signs
    shown = grouped(number, group, point)
    found = rows(
        "SELECT num(s, point := ?, groups := ?) FROM (SELECT ? AS s)", [point, group, shown]
    )
    assert found == [(number,)]


@given(st.text("0123456789+-.,eE_ xNa()'", max_size=8))
@example("1_000")
@example("1e5")
@example("1E200")
@example("0E24")
@example("0e32767")
@example("0e999999")
@example("1e-99999")
@settings(max_examples=300, deadline=None)
def test_what_no_decimal_reads_is_null(text: str) -> None:
    """Python's decimal takes NaN as well, and underscores: these are no numbers of a file."""
    try:
        number = Decimal(text.strip())
        expected = None if "_" in text or not number.is_finite() else number
    except ArithmeticError:
        expected = None
    # Exponents that DuckDB reads have 16 bits; a zero may have any of these.
    if expected is not None and not -32_768 <= expected.adjusted() < (24 if expected else 32_768):
        expected = None
    if expected is not None:
        with localcontext() as context:
            context.prec = 200
            expected = expected.quantize(Decimal(1).scaleb(-12), ROUND_HALF_UP)
    assert value("num(?)", text) == expected


@given(st.floats(-1e12, 1e12))
@settings(max_examples=60, deadline=None)
def test_floats_are_the_decimal_that_stands_for_them(number: float) -> None:
    rounded = Decimal(repr(number)).quantize(Decimal(1).scaleb(-12), ROUND_HALF_UP)
    assert value("num(?::DOUBLE)", number) == value("num(?)", repr(number)) == rounded


@given(NUMBERS, NUMBERS)
@settings(max_examples=100, deadline=None)
def test_sums_and_quarters_are_exact(one: Decimal, two: Decimal) -> None:
    assert value("num(?) - num(?)", str(one), str(two)) == one - two
    assert value("num(?) * 0.25", str(one)) == one / 4


ENERGY = {
    "wh": Fraction(1, 1000),
    "kWh": Fraction(1),
    "MWh": Fraction(1000),
    "GWH": Fraction(10**6),
}
POWER = {"W": Fraction(1, 1000), " kw": Fraction(1), "MW": Fraction(1000)}
TINY = Fraction(1, 10**18)


@given(
    st.lists(
        st.builds(lambda n, places: Decimal(n).scaleb(-places), st.integers(0, 10**9), PLACES),
        min_size=5,
        max_size=20,
    )
)
@settings(max_examples=10, deadline=None)
def test_units_are_exact_to_eighteen_decimals(numbers: list[Decimal]) -> None:
    found = rows(
        "SELECT n, unit, length, kwh(num(n), unit, length), mw(n, unit, length)"
        " FROM unnest(?) AS a(n), unnest(?) AS b(unit), unnest([1, 5, 10, 15, 60]) AS c(length)",
        [[str(number) for number in numbers], [*ENERGY, *POWER]],
    )
    assert len(found) == len(numbers) * 7 * 5
    for text, unit, minutes, kwh, mw in found:
        if unit in ENERGY:
            energy = Fraction(text) * ENERGY[unit]
            power = energy * 60 / minutes / 1000
        else:
            energy = Fraction(text) * POWER[unit] * minutes / 60
            power = Fraction(text) * POWER[unit] / 1000
        for result, exact in (kwh, energy), (mw, power):
            # Where the quotient ends within 18 decimals, nothing is rounded.
            assert abs(Fraction(result) - exact) < (TINY if exact % TINY else Fraction(1, 10**30))
