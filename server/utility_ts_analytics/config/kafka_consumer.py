"""Sections of `consume`: `[kafka.consumer]`, and the names that others give our fields.

Part of the model: the rules for names and ranges in `model` apply here too.
"""

from typing import Annotated, Literal

from msgspec import Meta

from utility_ts_analytics.config.values import Section

_MIB = 1024 * 1024

ForeignName = Annotated[str, Meta(min_length=1, max_length=256)]
TopicSuffix = Annotated[
    str,
    Meta(
        pattern=r"\A[A-Za-z0-9._-]{1,64}\Z",
        description="1 to 64 letters, digits, points, dashes and underscores",
    ),
]


class ConsumerConfig(Section, frozen=True, kw_only=True):
    """How `consume` reads the log: `[kafka.consumer]`.

    Attributes:
        workers: Processes per stream, 1..64. More than the topic has partitions are idle.
        group_protocol: "classic" is cooperative-sticky; "consumer" is KIP-848 (brokers from 4.0).
        session_timeout_ms: Silence after which a consumer's partitions go to others, 3000..1800000.
            With "consumer" the brokers have their own; this must not be over it.
        fetch_max_bytes: Bytes that one worker fetches ahead, and of the largest message as it is in
            the log, 1 MiB..512 MiB.
        dead_letter_suffix: Follows the name of a topic in that of its dead letters.
    """

    workers: Annotated[int, Meta(ge=1, le=64)] = 1
    group_protocol: Literal["classic", "consumer"] = "classic"
    session_timeout_ms: Annotated[int, Meta(ge=3_000, le=1_800_000)] = 45_000
    fetch_max_bytes: Annotated[int, Meta(ge=_MIB, le=512 * _MIB)] = 16 * _MIB
    dead_letter_suffix: TopicSuffix = ".dead-letters"


class MeterUsageNames(Section, frozen=True, kw_only=True):
    """Names of the fields in foreign messages: `[kafka.fields.meter_usage]`; None is our own."""

    ts: ForeignName | None = None
    meter_id: ForeignName | None = None
    kwh: ForeignName | None = None
    premise_id: ForeignName | None = None
    kvarh: ForeignName | None = None
    kva_demand: ForeignName | None = None
    quality_flag: ForeignName | None = None
    source_system: ForeignName | None = None
    event_id: ForeignName | None = None


class GenerationOutputNames(Section, frozen=True, kw_only=True):
    """The same for the second stream: `[kafka.fields.generation_output]`."""

    ts: ForeignName | None = None
    plant_id: ForeignName | None = None
    mw: ForeignName | None = None
    unit_id: ForeignName | None = None
    mvar: ForeignName | None = None
    status: ForeignName | None = None
    fuel_type: ForeignName | None = None
    event_id: ForeignName | None = None


class FieldNames(Section, frozen=True, kw_only=True):
    """Names that messages of others use: `[kafka.fields]`. To add a stream, add a line here too."""

    meter_usage: MeterUsageNames = MeterUsageNames()
    generation_output: GenerationOutputNames = GenerationOutputNames()

    def of(self, stream: str) -> dict[str, str]:
        """Return the foreign name by field of a stream, for the fields that have one."""
        names: Section = getattr(self, stream)
        found = {field: getattr(names, field) for field in names.__struct_fields__}
        return {field: name for field, name in found.items() if name is not None}
