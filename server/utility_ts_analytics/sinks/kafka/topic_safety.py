"""Whether a message in a topic would be safe, by what brokers say of the topic. Pure."""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from confluent_kafka import Node
from confluent_kafka.admin import TopicDescription

from utility_ts_analytics.buffering.block import Failure
from utility_ts_analytics.config import KafkaConfig

IN_SYNC_MIN: Final = 2
"""Brokers that must have a message before it counts as replicated (CONTRACT section 3)."""


class TopicSettings(NamedTuple):
    """Settings of a topic that matter here; None where brokers do not say."""

    in_sync_min: int | None = None
    message_bytes_max: int | None = None


def unsafe(described: TopicDescription, settings: TopicSettings) -> Failure | None:
    """Return why a message may not be acknowledged, or could be lost with one broker; None if not.

    Args:
        described: As brokers describe the topic.
        settings: Of the topic.
    """
    name, partitions = described.name, described.partitions
    replicas = min((len(partition.replicas) for partition in partitions), default=0)
    in_sync_min = settings.in_sync_min
    if replicas >= IN_SYNC_MIN and in_sync_min is not None and in_sync_min < IN_SYNC_MIN:
        return Failure(
            "schema-missing",
            f"the topic {name} has min.insync.replicas = {in_sync_min}: a message could be"
            f" acknowledged by one broker alone; set it to {IN_SYNC_MIN}",
        )
    leaderless = _numbers(one.id for one in partitions if not _is_broker(one.leader))
    if leaderless:
        return Failure(
            "sink-unavailable", f"no broker leads partition {leaderless} of the topic {name}"
        )
    needed = min(in_sync_min or 1, replicas)
    behind = _numbers(one.id for one in partitions if len(one.isr) < needed)
    if behind:
        return Failure(
            "sink-unavailable",
            f"fewer than {needed} brokers (min.insync.replicas) have all of partition {behind} of"
            f" the topic {name}",
        )
    return None


def warnings_of(
    kafka: KafkaConfig, described: TopicDescription, settings: TopicSettings
) -> Iterator[str]:
    """Yield one line per thing to correct although messages are safe; arguments as `unsafe`."""
    name = described.name
    if any(len(partition.replicas) < IN_SYNC_MIN for partition in described.partitions):
        yield (
            f"the topic {name} is on one broker only: readings that were answered with"
            ' "replicated" are lost with its disk; set replication factor 3'
        )
    elif settings.in_sync_min is None:
        yield (
            f"the topic {name}: brokers do not show min.insync.replicas to this user: allow it to"
            " describe the topic's configuration"
        )
    if settings.message_bytes_max is not None and (
        settings.message_bytes_max < kafka.message_max_bytes
    ):
        yield (
            f"the topic {name} takes messages of {settings.message_bytes_max} bytes"
            f" (max.message.bytes), kafka.message_max_bytes is {kafka.message_max_bytes}: batches"
            " that do not fit are sent in halves, which is slow"
        )


def _is_broker(leader: Node | None) -> bool:
    return leader is not None and leader.id >= 0


def _numbers(partitions: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(partitions)))
