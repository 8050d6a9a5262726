"""What a look at a topic of a real broker finds."""

import msgspec
import pytest
from tests.running_kafka import KAFKA_PARTITIONS, TestKafka

from utility_ts_analytics.clock import SystemClock
from utility_ts_analytics.config import Address, KafkaConfig, parse_config
from utility_ts_analytics.sinks.kafka.topic import LogTopic, TopicLook, make_topics

pytestmark = pytest.mark.kafka

TIMEOUT_S = 90.0


def look(config: KafkaConfig, topic: str, timeout_s: float = TIMEOUT_S) -> TopicLook:
    return LogTopic(config, topic, SystemClock()).look(timeout_s)


def test_topic_on_one_broker_is_taken_with_a_warning(kafka: TestKafka) -> None:
    found = look(kafka.config, "meter_usage")
    assert (found.failure, found.answered) == (None, True)
    where = found.replication
    assert (where.partitions, where.replicas, where.in_sync_min) == (KAFKA_PARTITIONS, 1, 1)
    assert (where.under_replicated, where.leaderless, len(where.brokers)) == (0, (), 1)
    (warning,) = found.warnings
    assert "is on one broker only" in warning


def test_missing_topic_is_said_and_not_made(kafka: TestKafka) -> None:
    for _ in range(2):
        failure = look(kafka.config, "nowhere").failure
        assert failure is not None
        assert failure.code == "schema-missing"
        assert "Kafka has no topic nowhere" in failure.detail


def test_topic_that_takes_only_small_messages_is_warned_of(kafka: TestKafka) -> None:
    large = msgspec.structs.replace(kafka.config, message_max_bytes=1_048_576)
    make_topics(kafka.config, {"small": 1}, settings={"max.message.bytes": "100000"})
    _, warning = look(large, "small").warnings
    assert "takes messages of 100000 bytes" in warning


def test_topics_that_are_there_stay_as_they_are(kafka: TestKafka) -> None:
    make_topics(kafka.config, {"meter_usage": 9})
    assert look(kafka.config, "meter_usage").replication.partitions == KAFKA_PARTITIONS


def test_away_broker_is_named_without_secrets(kafka: TestKafka) -> None:
    away = KafkaConfig(brokers=(Address("127.0.0.1", 1),))
    failure = look(away, "meter_usage", timeout_s=1.0).failure
    assert failure is not None
    assert failure.code == "sink-unavailable"
    assert "127.0.0.1:1" in failure.detail
    client = {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "u",
        "sasl.password": "hush",
    }
    login = {"kafka": {"brokers": [kafka.addr], "client": client}}
    failure = look(parse_config(login, {}).kafka, "meter_usage", timeout_s=3.0).failure
    assert failure is not None
    assert "hush" not in failure.detail
