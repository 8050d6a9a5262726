"""All that differs between the streams, as data.

A further stream is one module with its record type, one entry here, one table in `sql/schema`
and one default in `config`. No other code asks which stream it is working for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import msgspec

from utility_ts_analytics.records.generation_output import (
    GenerationOutput,
    SignedGenerationOutput,
)
from utility_ts_analytics.records.meter_usage import MeterUsage, SignedMeterUsage
from utility_ts_analytics.records.reading import Reading


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """One stream.

    Attributes:
        name: In paths, labels and the config; also the default table name.
        number: Seed of this stream's event ids. Never changed, never given to another stream.
        record_type: What one line decodes to.
        signed_record_type: The same where `allow_negative` is set; same fields, same order.
        symbols: Columns of type SYMBOL, sent as ILP tags, in this order.
        texts: Columns of type VARCHAR, sent as ILP string fields.
        numbers: Columns of type DOUBLE.
        dedup_keys: The business key, as the table's DEDUP UPSERT KEYS.
    """

    name: str
    number: int
    record_type: type[Reading]
    signed_record_type: type[Reading]
    symbols: tuple[str, ...]
    texts: tuple[str, ...]
    numbers: tuple[str, ...]
    dedup_keys: tuple[str, ...]

    @property
    def fields(self) -> tuple[str, ...]:
        """Every field, in the order of the record type."""
        return self.record_type.__struct_fields__

    @property
    def required(self) -> tuple[str, ...]:
        """The fields that every record has, sorted by name."""
        infos = msgspec.structs.fields(self.record_type)
        return tuple(sorted(info.name for info in infos if info.required))

    @property
    def key_field(self) -> str:
        """The part of the business key that names the meter or plant."""
        return next(name for name in self.dedup_keys if name != "ts")

    def type_for(self, *, allow_negative: bool) -> type[Reading]:
        """Return the record type for a source with or without `allow_negative`."""
        return self.signed_record_type if allow_negative else self.record_type


STREAMS: Mapping[str, StreamSpec] = MappingProxyType(
    {
        spec.name: spec
        for spec in (
            StreamSpec(
                name="meter_usage",
                number=1,
                record_type=MeterUsage,
                signed_record_type=SignedMeterUsage,
                symbols=("meter_id", "quality_flag", "source_system"),
                texts=("premise_id",),
                numbers=("kwh", "kvarh", "kva_demand"),
                dedup_keys=("ts", "meter_id"),
            ),
            StreamSpec(
                name="generation_output",
                number=2,
                record_type=GenerationOutput,
                signed_record_type=SignedGenerationOutput,
                symbols=("plant_id", "unit_id", "status", "fuel_type"),
                texts=(),
                numbers=("mw", "mvar"),
                dedup_keys=("ts", "plant_id", "unit_id"),
            ),
        )
    }
)
