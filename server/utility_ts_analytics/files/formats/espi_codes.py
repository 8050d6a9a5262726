"""The numbers of Green Button: units, qualities, and which readings are energy of an interval.

Source: NAESB REQ.21, Energy Services Provider Interface: UnitSymbolKind, QualityOfReading,
AccumulationKind, DataQualifierKind, CommodityKind, ServiceKind.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

UNITS: Mapping[int, str] = MappingProxyType(
    {
        5: "A",
        23: "degC",
        29: "V",
        31: "J",
        33: "Hz",
        38: "W",
        42: "m3",
        61: "VA",
        63: "var",
        65: "cos",
        67: "V2",
        69: "A2",
        71: "VAh",
        72: "Wh",
        73: "varh",
        106: "Ah",
        111: "count",
        119: "ft3",
        120: "ft3",
        125: "m3/h",
        128: "gal",
        130: "imperial gal",
        132: "Btu",
        133: "Btu/h",
        134: "l",
        137: "l/h",
        156: "l",
        157: "l",
        166: "m3",
        167: "m3",
        169: "therm",
    }
)
QUALITIES: Mapping[str, str] = MappingProxyType(
    {
        "0": "valid",
        "7": "manually-edited",
        "8": "estimated-reference-day",
        "9": "estimated-interpolation",
        "10": "questionable",
        "11": "derived",
        "12": "projected",
        "13": "mixed",
        "14": "raw",
        "15": "normalized-for-weather",
        "16": "other",
        "17": "validated",
        "18": "verified",
        "19": "revenue-quality",
    }
)
SERVICE_OF_COMMODITY: Mapping[int, int] = MappingProxyType({1: 0, 2: 0, 7: 1, 9: 2})
"""Commodity -> kind of service, where the usage point does not say."""

_ELECTRICITY = 0
_ENERGY_UNITS = {72: (1, 1_000), 31: (1, 3_600_000)}
"""Wh, J -> kWh."""
_WATT = 38
_OF_INTERVAL = (None, 0, 4)
"""Accumulation: not said, none, delta. Others count on from interval to interval."""
_OF_MEAN_POWER = (None, 0, 4, 6)
"""The same, or indicating; 12 is power at an instant."""
_OF_ALL_INTERVAL = (None, 0, 2, 12)
"""Qualifier of the data: not said, none, average, normal. Others are extremes."""
_MULTIPLIER_MAX = 30
"""Largest power of ten that is taken as one."""
_CODE = re.compile(r"[+-]?\d{1,9}", re.ASCII)
SECONDS_OF_HOUR = 3_600


@dataclass(frozen=True, slots=True)
class ReadingType:
    """What the numbers of a meter reading are. None: the file does not say.

    Attributes:
        multiplier: Power of ten.
        uom: Unit.
        flow_direction: 1 delivered, 19 received, 4 net, 20 total.
        accumulation: 4 delta, 1, 2, 3 and 9 count on.
        kind: 12 energy, 37 power, 8 demand.
        data_qualifier: 8 maximum, 9 minimum, 2 average.
        commodity: 1 and 2 electricity.
        phase: Which.
        interval_seconds: Length of an interval without one of its own, > 0.
        quality: Of readings without one of their own, text.
    """

    multiplier: int | None = None
    uom: int | None = None
    flow_direction: int | None = None
    accumulation: int | None = None
    kind: int | None = None
    data_qualifier: int | None = None
    commodity: int | None = None
    phase: int | None = None
    interval_seconds: int | None = None
    quality: str | None = None

    @classmethod
    def of_texts(cls, texts: Mapping[str, str]) -> "ReadingType":
        """Read the texts of a ReadingType; what is no whole number is as good as not said."""
        length = whole(texts.get("intervalLength"))
        multiplier = whole(texts.get("powerOfTenMultiplier") or "0")
        if multiplier is not None and abs(multiplier) > _MULTIPLIER_MAX:
            multiplier = None
        return cls(
            multiplier=multiplier,
            uom=whole(texts.get("uom")),
            flow_direction=whole(texts.get("flowDirection")),
            accumulation=whole(texts.get("accumulationBehaviour")),
            kind=whole(texts.get("kind")),
            data_qualifier=whole(texts.get("dataQualifier")),
            commodity=whole(texts.get("commodity")),
            phase=whole(texts.get("phase")),
            interval_seconds=length if length is not None and length > 0 else None,
            quality=texts.get("defaultQuality") or None,
        )


@dataclass(frozen=True, slots=True)
class Energy:
    """How a value becomes kWh: value * numerator / denominator, times the seconds for power."""

    numerator: int
    denominator: int
    is_power: bool

    def kwh(self, value: int, scale: int, seconds: int) -> float:
        """Return the energy, as near as a double can be.

        Args:
            value: Whole number, to be divided by `scale`.
            scale: > 0.
            seconds: Length of the interval, > 0.
        """
        # A quotient of two integers is rounded once, unlike a chain of factors.
        top = value * self.numerator * (seconds if self.is_power else 1)
        return top / (self.denominator * scale)


def service_of(said: int | None, kind: ReadingType | None) -> int | None:
    """Return 0 electricity, 1 gas, 2 water: as the usage point says, or else the commodity."""
    if said is not None or kind is None or kind.commodity is None:
        return said
    return SERVICE_OF_COMMODITY.get(kind.commodity)


def is_energy(kind: ReadingType | None, service: int | None) -> bool | None:
    """Tell whether readings of a type are electric energy of intervals; None: cannot be told.

    Mean power counts: with the length of the interval it is energy. What counts on does not.
    """
    if service not in (None, _ELECTRICITY):
        return False
    if kind is None or kind.uom is None or kind.multiplier is None:
        return None
    if kind.data_qualifier not in _OF_ALL_INTERVAL:
        return False
    accumulations = _OF_MEAN_POWER if kind.uom == _WATT else _OF_INTERVAL
    known = kind.uom == _WATT or kind.uom in _ENERGY_UNITS
    return known and kind.accumulation in accumulations


def energy_of(kind: ReadingType | None, service: int | None) -> Energy | None:
    """Return how values of a type become kWh; None where they do not."""
    if kind is None or kind.uom is None or kind.multiplier is None or not is_energy(kind, service):
        return None
    top, bottom = _ENERGY_UNITS.get(kind.uom, (1, 1_000 * SECONDS_OF_HOUR))
    exponent = kind.multiplier
    return Energy(top * 10 ** max(exponent, 0), bottom * 10 ** max(-exponent, 0), kind.uom == _WATT)


def whole(text: str | None) -> int | None:
    """Return the whole number that a code is, or None."""
    return int(text) if text and _CODE.fullmatch(text) else None
