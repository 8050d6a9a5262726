"""All that differs between the streams: their record types, and one table of them.

A further stream is a record type and an entry of `STREAMS` here, one table in `sql/schema` and one
default section in `config.model`. No other code asks which stream it is working for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from utility_ts_analytics.records.reading import (
    Identifier,
    Kind,
    NonNegative,
    Reading,
    Text,
    fields_of,
    signed_type_of,
)


class MeterUsage(Reading, gc=False, omit_defaults=True, kw_only=True):
    """Energy of one meter in the interval that starts at `ts`.

    Attributes:
        meter_id: 1..256 characters.
        kwh: Active energy of the interval, kWh, finite; >= 0 unless `allow_negative` is set.
        premise_id: Where the meter hangs.
        kvarh: Reactive energy of the interval, kvarh, either sign.
        kva_demand: Highest apparent power in the interval, kVA, either sign.
        quality_flag: How the value came to be, as the head-end says it.
        source_system: Which head-end sent it.
    """

    meter_id: Identifier
    kwh: NonNegative
    premise_id: Text | None = None
    kvarh: float | None = None
    kva_demand: float | None = None
    quality_flag: Text | None = None
    source_system: Text | None = None


class GenerationOutput(Reading, gc=False, omit_defaults=True, kw_only=True):
    """Mean power of one plant or unit in the interval that starts at `ts`.

    Attributes:
        plant_id: 1..256 characters.
        mw: Mean active power, MW, finite; >= 0 unless `allow_negative` is set.
        unit_id: Part of the key; absent means the plant as a whole.
        mvar: Mean reactive power, Mvar, either sign.
        status: Operating state, as the plant says it.
        fuel_type: What it burns or harvests.
    """

    plant_id: Identifier
    mw: NonNegative
    unit_id: Text | None = None
    mvar: float | None = None
    status: Text | None = None
    fuel_type: Text | None = None


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """One stream.

    Args:
        name: In paths, labels and the config; also the default table name.
        number: Seed of this stream's event ids. Never changed, never given to another stream.
        record_type: What one line decodes to.
        dedup_keys: The business key, as the table's DEDUP UPSERT KEYS: `ts`, then the field that
            names the meter or plant, then others.

    Attributes:
        signed_record_type: The record type where `allow_negative` is set; same fields, same order.
    """

    name: str
    number: int
    record_type: type[Reading]
    dedup_keys: tuple[str, ...]
    signed_record_type: type[Reading] = field(init=False)

    def __post_init__(self) -> None:
        # One type for each stream: decoders and compiled code know rows by their type.
        object.__setattr__(self, "signed_record_type", signed_type_of(self.record_type))

    @property
    def fields(self) -> tuple[str, ...]:
        """Every field, in the order of the record type."""
        return self.record_type.__struct_fields__

    @property
    def texts(self) -> tuple[str, ...]:
        """The fields that hold text, without `event_id`: SYMBOL or VARCHAR columns."""
        return tuple(name for name in self._names("text") if name != "event_id")

    @property
    def numbers(self) -> tuple[str, ...]:
        """The fields that hold numbers: DOUBLE columns."""
        return self._names("number")

    @property
    def required(self) -> tuple[str, ...]:
        """The fields that every record has, sorted by name."""
        return tuple(sorted(one.name for one in fields_of(self.record_type) if one.is_required))

    @property
    def key_field(self) -> str:
        """The part of the business key that names the meter or plant."""
        return self.dedup_keys[1]

    def type_for(self, *, allow_negative: bool) -> type[Reading]:
        """Return the record type for a source with or without `allow_negative`."""
        return self.signed_record_type if allow_negative else self.record_type

    def _names(self, kind: Kind) -> tuple[str, ...]:
        return tuple(one.name for one in fields_of(self.record_type) if one.kind == kind)


STREAMS: Mapping[str, StreamSpec] = MappingProxyType(
    {
        spec.name: spec
        for spec in (
            StreamSpec("meter_usage", 1, MeterUsage, ("ts", "meter_id")),
            StreamSpec("generation_output", 2, GenerationOutput, ("ts", "plant_id", "unit_id")),
        )
    }
)
