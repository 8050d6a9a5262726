"""One topic of the log: its partitions, and whether a message in it would be safe.

Blocking calls, for a thread. Nothing here makes a topic by asking for it, as a producer would.
"""

import threading
from collections.abc import Mapping
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Node, TopicCollection, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    OffsetSpec,
    ResourceType,
    TopicDescription,
)

from utility_ts_analytics.buffering.block import Failure
from utility_ts_analytics.clock import Clock
from utility_ts_analytics.config import KafkaConfig
from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.sinks.kafka.client import LastTrouble, cause_of, client_options
from utility_ts_analytics.sinks.kafka.replication import (
    UNKNOWN,
    PartitionReplicas,
    Replication,
    replication_of,
)
from utility_ts_analytics.sinks.kafka.topic_safety import TopicSettings, unsafe, warnings_of

SETTINGS_EVERY_S: Final = 60.0
"""How often the settings of a topic are read again."""

_MISSING = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC})
_CHANGING = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
    }
)
"""Of a partition that has just got another leader: producers wait for that by themselves."""

_FAILURES = (KafkaException, FutureTimeout, CancelledError)


@dataclass(frozen=True, slots=True)
class TopicLook:
    """What one look at a topic found.

    Attributes:
        failure: Why nothing can be written to it safely now; None if it can.
        answered: Whether the leader of every partition answered; False too while leaders change.
        replication: Where its replicas are; without partitions where that is not known.
        warnings: One line per thing to correct although messages are safe.
    """

    failure: Failure | None
    answered: bool = False
    replication: Replication = UNKNOWN
    warnings: tuple[str, ...] = ()


class LogTopic:
    """Looks at one topic. Any thread; one look at a time. Makes its client at the first look.

    Args:
        kafka: The configuration.
        name: Of the topic.
        clock: For the age of what was read.

    Attributes:
        name: Of the topic.
        partitions: Number of partitions; 0 until a look found that messages would be safe. Does not
            change after that: keys would move.
    """

    def __init__(self, kafka: KafkaConfig, name: str, clock: Clock) -> None:
        self.name = name
        self.partitions = 0
        self._kafka = kafka
        self._clock = clock
        self._trouble = LastTrouble()
        self._client: AdminClient | None = None
        self._settings = TopicSettings()
        self._settings_until_s = 0.0
        self._lock = threading.Lock()

    def look(self, timeout_s: float) -> TopicLook:
        """Look at the topic now.

        Args:
            timeout_s: Of each of two or three questions, seconds, > 0; one without an answer is
                asked again.
        """
        with self._lock:
            try:
                found = self._look_twice(timeout_s)
            except _FAILURES as error:
                found = TopicLook(self._failure_of(error))
        if found.failure is None and not self.partitions:
            self.partitions = found.replication.partitions
        return found

    def _look_twice(self, timeout_s: float) -> TopicLook:
        """Look again after a time-out, with another client.

        A client sends such questions to the broker that it takes for the controller. If that one
        has gone, librdkafka 2.16 waits for it for minutes, and tries to connect without a pause.
        """
        try:
            return self._look(timeout_s)
        except KafkaException as error:
            if error.args[0].code() != KafkaError._TIMED_OUT:
                raise
        self._client = None
        return self._look(timeout_s)

    def _look(self, timeout_s: float) -> TopicLook:
        client = self._client_now()
        client.poll(0)
        described = client.describe_topics(TopicCollection([self.name]), request_timeout=timeout_s)[
            self.name
        ].result(timeout_s + 1.0)
        settings = self._settings_now(client, timeout_s)
        failure = unsafe(described, settings) or self._moved(len(described.partitions))
        answered = failure is None and self._leaders_answer(client, described, timeout_s)
        if answered:
            self._trouble.cause = ""
        warnings = tuple(warnings_of(self._kafka, described, settings))
        return TopicLook(failure, answered, _replication_of(described), warnings)

    def _client_now(self) -> AdminClient:
        if self._client is None:
            self._client = AdminClient(
                client_options(self._kafka, "utility-ts-analytics-watch", self._trouble)
            )
        return self._client

    def _settings_now(self, client: AdminClient, timeout_s: float) -> TopicSettings:
        now_s = self._clock.monotonic_s()
        if now_s < self._settings_until_s:
            return self._settings
        resource = ConfigResource(ResourceType.TOPIC, self.name)
        answer = client.describe_configs([resource], request_timeout=timeout_s)[resource]
        try:
            entries = answer.result(timeout_s + 1.0)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_AUTHORIZATION_FAILED:
                raise
            self._settings = TopicSettings()
        else:
            self._settings = TopicSettings(
                _number_of(entries, "min.insync.replicas"), _number_of(entries, "max.message.bytes")
            )
        self._settings_until_s = now_s + SETTINGS_EVERY_S
        return self._settings

    def _moved(self, partitions: int) -> Failure | None:
        if self.partitions in (0, partitions):
            return None
        return Failure(
            "schema-missing",
            f"the topic {self.name} had {self.partitions} partitions and has {partitions}: readings"
            " of one meter would lie in two of them; see docs/KAFKA.md, Partitions",
        )

    def _leaders_answer(
        self, client: AdminClient, described: TopicDescription, timeout_s: float
    ) -> bool:
        """Ask the leader of each partition for its last offset; False while leaders change."""
        asked = {
            TopicPartition(self.name, partition.id): OffsetSpec.latest()
            for partition in described.partitions
        }
        try:
            for answer in client.list_offsets(asked, request_timeout=timeout_s).values():
                answer.result(timeout_s + 1.0)
        except KafkaException as error:
            if error.args[0].code() not in _CHANGING:
                raise
            return False
        return True

    def _failure_of(self, error: Exception) -> Failure:
        told = error.args[0] if isinstance(error, KafkaException) else None
        if isinstance(told, KafkaError) and told.code() in _MISSING:
            return Failure(
                "schema-missing",
                f"Kafka has no topic {self.name}: make it, with all the partitions that it will"
                " ever need (docs/KAFKA.md), or change kafka.topics",
            )
        cause = self._trouble.cause
        if not cause:
            cause = cause_of(told) if isinstance(told, KafkaError) else "no answer in time"
        brokers = ", ".join(map(str, self._kafka.brokers))
        return Failure(
            "sink-unavailable",
            f"Kafka does not answer at {brokers}: {cause}; check kafka.brokers and kafka.client",
        )


def make_topics(
    kafka: KafkaConfig,
    partitions: Mapping[str, int],
    *,
    replicas: int = 1,
    settings: Mapping[str, str] = MappingProxyType({}),
    timeout_s: float = 60.0,
) -> None:
    """Make topics that are not there; those that are stay as they are.

    Args:
        kafka: Where the brokers are.
        partitions: Number of partitions of each topic, by its name.
        replicas: Of each partition, >= 1.
        settings: Of each topic, by their names.
        timeout_s: For all of them, seconds.

    Raises:
        OperatorError: They cannot be made.
    """
    trouble = LastTrouble()
    client = AdminClient(client_options(kafka, "utility-ts-analytics-admin", trouble))
    wanted = [
        NewTopic(name, count, replicas, config=dict(settings)) for name, count in partitions.items()
    ]
    made = client.create_topics(wanted, request_timeout=timeout_s, operation_timeout=timeout_s)
    for name, answer in made.items():
        try:
            answer.result(timeout_s + 1.0)
        except _FAILURES as error:
            told = error.args[0] if isinstance(error, KafkaException) else None
            if isinstance(told, KafkaError) and told.code() == KafkaError.TOPIC_ALREADY_EXISTS:
                continue
            client.poll(0)
            cause = cause_of(told) if isinstance(told, KafkaError) else "no answer in time"
            raise OperatorError(
                f"cannot make the topic {name}: {trouble.cause or cause}"
            ) from error


def _replication_of(described: TopicDescription) -> Replication:
    return replication_of(
        PartitionReplicas(
            one.id,
            _id_of(one.leader),
            [node.id for node in one.replicas],
            [node.id for node in one.isr],
        )
        for one in described.partitions
    )


def _id_of(leader: Node | None) -> int:
    return -1 if leader is None else leader.id


def _number_of(entries: Mapping[str, ConfigEntry], name: str) -> int | None:
    """Return a setting; None where the brokers, which may not be Apache's, do not have it."""
    value = entries[name].value if name in entries else None
    return int(value) if value is not None and value.isdecimal() else None
