"""Factors between units, by hand."""

from fractions import Fraction

import pytest

from utility_ts_analytics.ingest.mapping.units import FIELD_UNITS, UnitError, factor_to
from utility_ts_analytics.records.streams import STREAMS


@pytest.mark.parametrize(
    ("field", "unit", "minutes", "factor"),
    [
        ("kwh", "Wh", None, Fraction(1, 1000)),
        ("kwh", "kWh", None, Fraction(1)),
        ("kwh", "MWh", None, Fraction(1000)),
        ("kwh", "GWh", None, Fraction(10**6)),
        ("kwh", "kW", 15, Fraction(1, 4)),
        ("kwh", "W", 30, Fraction(1, 2000)),
        ("kwh", "MW", 60, Fraction(1000)),
        ("kvarh", "varh", None, Fraction(1, 1000)),
        ("kvarh", "kvar", 5, Fraction(1, 12)),
        ("kva_demand", "VA", None, Fraction(1, 1000)),
        ("mw", "kW", None, Fraction(1, 1000)),
        ("mw", "MWh", 15, Fraction(4)),
        ("mw", "kWh", 5, Fraction(12, 1000)),
        ("mvar", "Mvarh", 30, Fraction(2)),
    ],
)
def test_factors(field: str, unit: str, minutes: int | None, factor: Fraction) -> None:
    assert factor_to(field, unit, minutes) == factor


@pytest.mark.parametrize(
    ("field", "unit", "reason"),
    [
        ("kwh", "kwh", "must be one of W, kW, MW, GW, Wh"),
        ("kwh", "kvarh", "is reactive energy, but kwh is active energy"),
        ("kwh", "kW", "set time.interval_minutes"),
        ("mw", "MWh", "set time.interval_minutes"),
        ("kva_demand", "kVAh", "is the highest apparent power"),
    ],
)
def test_units_that_do_not_fit(field: str, unit: str, reason: str) -> None:
    with pytest.raises(UnitError, match=reason):
        factor_to(field, unit, None)


def test_every_number_of_every_stream_has_a_unit() -> None:
    assert set(FIELD_UNITS) == {name for spec in STREAMS.values() for name in spec.numbers}
