import pytest
from confluent_kafka import Node, TopicPartitionInfo, Uuid
from confluent_kafka.admin import TopicDescription

from utility_ts_analytics.config import KafkaConfig
from utility_ts_analytics.sinks.kafka.topic_safety import TopicSettings, unsafe, warnings_of

BROKERS = [Node(number, "broker", 9092) for number in (1, 2, 3)]
SAFE = TopicSettings(2, 1_048_588)


def topic(*in_sync: int, replicas: int = 3, leader: Node | None = BROKERS[0]) -> TopicDescription:
    """Return a topic whose partitions have so many replicas in sync."""
    partitions = [
        TopicPartitionInfo(number, leader, BROKERS[:replicas], BROKERS[:count])  # type: ignore[arg-type]  # None: no leader
        for number, count in enumerate(in_sync)
    ]
    return TopicDescription("t", Uuid(0, 1), False, partitions)


@pytest.mark.parametrize("in_sync", [2, 3])
def test_message_on_two_brokers_is_safe(in_sync: int) -> None:
    assert unsafe(topic(3, in_sync), SAFE) is None
    assert list(warnings_of(KafkaConfig(), topic(3, in_sync), SAFE)) == []


def test_topic_that_acknowledges_with_one_broker_is_refused() -> None:
    failure = unsafe(topic(3, 3), TopicSettings(1, None))
    assert failure is not None
    assert failure.code == "schema-missing"
    assert "min.insync.replicas = 1" in failure.detail


def test_too_few_replicas_in_sync_and_no_leader_are_refused_by_partition() -> None:
    behind = unsafe(topic(3, 1, 3, 1), SAFE)
    leaderless = unsafe(topic(3, 3, leader=None), SAFE)
    assert behind is not None
    assert leaderless is not None
    assert behind.code == leaderless.code == "sink-unavailable"
    assert "partition 1, 3 of" in behind.detail
    assert "partition 0, 1 of" in leaderless.detail


def test_one_broker_alone_is_a_warning() -> None:
    alone = topic(1, 1, replicas=1)
    assert unsafe(alone, TopicSettings(1, None)) is None
    assert unsafe(alone, SAFE) is None
    (warning,) = warnings_of(KafkaConfig(), alone, SAFE)
    assert "on one broker only" in warning


def test_settings_that_are_not_shown_are_a_warning() -> None:
    assert unsafe(topic(3), TopicSettings()) is None
    (warning,) = warnings_of(KafkaConfig(), topic(3), TopicSettings())
    assert "do not show min.insync.replicas" in warning
