"""Units that a mapping may name, and the exact factor from each to the unit of a field.

Power and energy differ by the length of the interval: a mean of 2 kW over 15 minutes is 0.5 kWh.
"""

from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType

_PREFIXES = {"": Fraction(1), "k": Fraction(1_000), "M": Fraction(10**6), "G": Fraction(10**9)}

_QUANTITIES: Mapping[str, str] = MappingProxyType(
    {
        "W": "active power",
        "Wh": "active energy",
        "var": "reactive power",
        "varh": "reactive energy",
        "VA": "apparent power",
        "VAh": "apparent energy",
    }
)
_UNITS: Mapping[str, tuple[str, Fraction]] = MappingProxyType(
    {
        f"{prefix}{unit}": (quantity, size)
        for unit, quantity in _QUANTITIES.items()
        for prefix, size in _PREFIXES.items()
    }
)
FIELD_UNITS: Mapping[str, str] = MappingProxyType(
    {"kwh": "kWh", "kvarh": "kvarh", "kva_demand": "kVA", "mw": "MW", "mvar": "Mvar"}
)
"""Unit in which each number of a record is kept."""


class UnitError(ValueError):
    """A unit does not fit; the message follows the key's path and a colon."""


def factor_to(field: str, unit: str, interval_minutes: int | None) -> Fraction:
    """Return what a number in `unit` is multiplied with to be in the unit of `field`.

    Args:
        field: One of `FIELD_UNITS`.
        unit: Such as `Wh` or `MW`.
        interval_minutes: Length of the interval, which power and energy differ by; None if the
            mapping does not say.

    Raises:
        UnitError: The unit is not known, is of another quantity, or needs the interval.
    """
    if unit not in _UNITS:
        known = ", ".join(f"{prefix}{name}" for name in _QUANTITIES for prefix in _PREFIXES)
        raise UnitError(f"must be one of {known}")
    target = FIELD_UNITS[field]
    (quantity, size), (wanted, wanted_size) = _UNITS[unit], _UNITS[target]
    factor = size / wanted_size
    if quantity == wanted:
        return factor
    (kind, measure), (wanted_kind, wanted_measure) = quantity.split(), wanted.split()
    if kind != wanted_kind:
        raise UnitError(f"is {quantity}, but {field} is {wanted} ({target})")
    if field == "kva_demand":
        # The highest power of an interval cannot be told from what flowed in all of it.
        raise UnitError(f"is {quantity}, but {field} is the highest {wanted} ({target})")
    if interval_minutes is None:
        raise UnitError(
            f"is {quantity} and {field} is {wanted} ({target}): set time.interval_minutes"
        )
    hours = Fraction(interval_minutes, 60)
    return factor * hours if (measure, wanted_measure) == ("power", "energy") else factor / hours
