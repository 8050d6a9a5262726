"""The settings of Kafka's consumer: what the promises need, and how much is fetched at a time."""

from collections.abc import Callable
from typing import Any, Final

from confluent_kafka import KafkaError

from utility_ts_analytics.config import KafkaConfig
from utility_ts_analytics.sinks.kafka.client import client_options

_METADATA_BYTES: Final = 1_048_576
"""What an answer to a fetch may have beside its messages."""

_PARTITION_BYTES: Final = 131_072
"""Of one partition in one answer to a fetch, as it is in the log; one message may be larger. With
the client's MiB, several MB of lines of one partition come behind each other: the other shard has
nothing to do meanwhile, and QuestDB merges the same times again for every partition."""

_FETCH_AGAIN_MS: Final = 20
"""The client's second is longer than its queue lasts."""


def consumer_options(
    kafka: KafkaConfig, group: str, on_error: Callable[[KafkaError], None]
) -> dict[str, Any]:
    """Return the settings of a consumer; arguments as of `client_options`."""
    settings = kafka.consumer
    options: dict[str, Any] = {
        "max.partition.fetch.bytes": _PARTITION_BYTES,
        "fetch.queue.backoff.ms": _FETCH_AGAIN_MS,
        **client_options(kafka, "ingestion-consume", on_error),
        "group.id": group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        # `starts` decides where to begin, and counts what was deleted.
        "auto.offset.reset": "error",
        "fetch.max.bytes": settings.fetch_max_bytes,
        "queued.max.messages.kbytes": settings.fetch_max_bytes // 1024,
        "receive.message.max.bytes": settings.fetch_max_bytes + _METADATA_BYTES,
        "max.poll.interval.ms": max(300_000, settings.session_timeout_ms),
        "group.protocol": settings.group_protocol,
    }
    if settings.group_protocol == "classic":
        options |= {
            "partition.assignment.strategy": "cooperative-sticky",
            "session.timeout.ms": settings.session_timeout_ms,
            "heartbeat.interval.ms": min(3_000, settings.session_timeout_ms // 6),
        }
    return options
