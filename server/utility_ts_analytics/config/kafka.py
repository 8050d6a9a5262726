"""Sections of Kafka: `[kafka]`, and the table of settings that go to its client as they are.

Part of the model: the rules for names and ranges in `model` apply here too.
"""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Final, Literal

from msgspec import Meta

from utility_ts_analytics.config.kafka_consumer import ConsumerConfig, FieldNames
from utility_ts_analytics.config.leaf import EnvironmentText
from utility_ts_analytics.config.problems import Problems, unknown_key
from utility_ts_analytics.config.values import MASK, Address, Section

TopicName = Annotated[
    str,
    Meta(
        pattern=r"\A(?!\.{1,2}\Z)[A-Za-z0-9._-]{1,249}\Z",
        description="1 to 249 letters, digits, points, dashes and underscores",
    ),
]
GroupName = Annotated[str, Meta(min_length=1, max_length=249)]
_BROKERS = Meta(min_length=1, max_length=64)

OWN_SETTINGS: Final = MappingProxyType(
    {
        "acks": "every in-sync replica acknowledges",
        "auto.offset.reset": "a topic is stored from its beginning",
        "bootstrap.servers": "set kafka.brokers",
        "compression.codec": "set kafka.compression",
        "compression.type": "set kafka.compression",
        "delivery.timeout.ms": "set request_timeout_ms of the sink",
        "enable.auto.commit": "offsets are committed once their rows are stored",
        "enable.auto.offset.store": "offsets are committed once their rows are stored",
        "enable.idempotence": "it is always on",
        "fetch.max.bytes": "set kafka.consumer.fetch_max_bytes",
        "group.id": "set kafka.group",
        "group.protocol": "set kafka.consumer.group_protocol",
        "message.max.bytes": "set kafka.message_max_bytes",
        "message.timeout.ms": "set request_timeout_ms of the sink",
        "metadata.broker.list": "set kafka.brokers",
        "request.timeout.ms": "set request_timeout_ms of the sink",
        "request.required.acks": "every in-sync replica acknowledges",
        "partition.assignment.strategy": "set kafka.consumer.group_protocol",
        "queued.max.messages.kbytes": "set kafka.consumer.fetch_max_bytes",
        "session.timeout.ms": "set kafka.consumer.session_timeout_ms",
        "transactional.id": "transactions are not used",
    }
)
"""Settings of librdkafka that the service sets itself, and what to do instead."""

_NAME: Final = re.compile(r"[a-z][a-z0-9_.]{0,127}", re.ASCII)
_PREFIX: Final = "kafka.client"


class ClientSettings:
    """Settings of librdkafka by their names; any of them may be a secret, so none is shown.

    Neither a section nor a single value: its keys are librdkafka's, which judges them when a client
    is made.
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str] = MappingProxyType({})) -> None:
        self._values = dict(values)

    def reveal(self) -> dict[str, str]:
        """Return the settings themselves, to use and not to keep."""
        return dict(self._values)

    def masked(self) -> dict[str, object]:
        """Return what the status page may show: the names."""
        return dict.fromkeys(self._values, MASK)

    def overlaid(self, table: Mapping[str, object], problems: Problems) -> "ClientSettings":
        """Return these settings with those of a TOML table in their place.

        `sasl.mechanism = "PLAIN"` is a table in a table to TOML, and `"sasl.mechanism"` is not:
        both name the same setting.

        Args:
            table: Values are texts, whole numbers, booleans, `EnvironmentText` or such tables.
            problems: Gets every name and value that cannot be taken, without the value.
        """
        values = self.reveal()
        for name, value in _flat(table, ""):
            text = _text_of(value)
            if _NAME.fullmatch(name) is None:
                where = f"{_PREFIX}.{unknown_key(name, ())}"
                problems.add(where, "is no name of a setting of librdkafka")
            elif name in OWN_SETTINGS:
                problems.add(f"{_PREFIX}.{name}", f"cannot be set: {OWN_SETTINGS[name]}")
            elif text is None:
                problems.add(f"{_PREFIX}.{name}", "must be a text, a whole number, true or false")
            else:
                values[name] = text
        return ClientSettings(values)

    def __repr__(self) -> str:
        return f"ClientSettings({self.masked()})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ClientSettings) and self._values == other._values

    def __hash__(self) -> int:
        return hash(frozenset(self._values.items()))


def _flat(table: Mapping[str, object], prefix: str) -> Iterator[tuple[str, object]]:
    for key, value in table.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _text_of(value: object) -> str | None:
    """Return a value as librdkafka takes it, or None if it cannot be one."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | str():
            return str(value)
        case EnvironmentText(text=text):
            return text
        case _:
            return None


class KafkaTopics(Section, frozen=True, kw_only=True):
    """The topic of each stream: `[kafka.topics]`. To add a stream, add a line here too."""

    meter_usage: TopicName = "meter_usage"
    generation_output: TopicName = "generation_output"

    def of(self, stream: str) -> str:
        """Return the topic of a stream, by the stream's name."""
        return str(getattr(self, stream))


class KafkaConfig(Section, frozen=True, kw_only=True):
    """The log between edges and databases: `[kafka]`.

    Attributes:
        brokers: Where clients ask for the cluster; some of its brokers are enough.
        compression: Of messages on their way and in the log.
        message_max_bytes: Wanted size of a message before compression, 16 KiB..1 MiB. One row alone
            may be larger.
        group: Consumer group of `consume`.
        topics: Topic of each stream; its number of partitions is the topic's own.
        consumer: How `consume` reads.
        fields: Names of fields in messages of others.
        client: Further settings of librdkafka, for TLS and logins; masked.
    """

    brokers: Annotated[tuple[Address, ...], _BROKERS] = (Address("127.0.0.1", 9092),)
    compression: Literal["lz4", "zstd"] = "lz4"
    message_max_bytes: Annotated[int, Meta(ge=16_384, le=1_048_576)] = 786_432
    group: GroupName = "utility-ts-analytics"
    topics: KafkaTopics = KafkaTopics()
    consumer: ConsumerConfig = ConsumerConfig()
    fields: FieldNames = FieldNames()
    client: ClientSettings = ClientSettings()
