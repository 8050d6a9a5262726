"""Values become kWh exactly."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from utility_ts_analytics.files.formats.espi_codes import ReadingType, energy_of


@given(
    value=st.integers(-(10**12), 10**12),
    digits=st.integers(0, 6),
    multiplier=st.integers(-12, 12),
    seconds=st.sampled_from([10, 300, 900, 3600, 86_400]),
    uom=st.sampled_from([72, 38, 31]),
)
def test_energy_is_the_double_nearest_to_the_exact_number(
    value: int, digits: int, multiplier: int, seconds: int, uom: int
) -> None:
    energy = energy_of(ReadingType(multiplier=multiplier, uom=uom), 0)
    assert energy is not None
    size = {72: Fraction(1, 1000), 38: Fraction(seconds, 3_600_000), 31: Fraction(1, 3_600_000)}[
        uom
    ]
    exact = Fraction(value, 10**digits) * Fraction(10) ** multiplier * size
    assert energy.kwh(value, 10**digits, seconds) == float(exact)
