"""Whether the shards of the configuration have every partition of the topics, asked of brokers."""

from collections.abc import Iterable, Mapping
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from utility_ts_analytics.config import Config, KafkaConfig
from utility_ts_analytics.errors import ConfigError, OperatorError
from utility_ts_analytics.sinks.kafka.client import LastTrouble, cause_of, client_options

_ANSWER_S: Final = 10.0


def dead_letter_topic(kafka: KafkaConfig, stream: str) -> str:
    """Return the topic of a stream's refused records."""
    return kafka.topics.of(stream) + kafka.consumer.dead_letter_suffix


def count_partitions(kafka: KafkaConfig, topics: Iterable[str]) -> dict[str, int]:
    """Return the number of partitions of each topic that exists, by its name. Waits.

    Raises:
        OperatorError: The brokers do not answer.
    """
    trouble = LastTrouble()
    client = AdminClient(client_options(kafka, "utility-ts-analytics-shards", trouble))
    try:
        found = client.list_topics(timeout=_ANSWER_S).topics
    except KafkaException as error:
        client.poll(0)
        brokers = ", ".join(map(str, kafka.brokers))
        cause = trouble.cause or cause_of(error.args[0])
        raise OperatorError(
            f"the brokers do not answer: {cause} (kafka.brokers: {brokers})"
        ) from error
    return {name: len(found[name].partitions) for name in topics if name in found}


def shard_problems(config: Config, counts: Mapping[str, int]) -> list[str]:
    """Return one line per topic or shard that does not fit the others; empty without shards. Pure.

    Args:
        config: All of it.
        counts: Number of partitions of the topics that exist, dead letters included.
    """
    shards, kafka = config.questdb.shards, config.kafka
    if not shards:
        return []
    problems: list[str] = []
    largest = 0
    for stream in config.streams:
        topic = kafka.topics.of(stream)
        count = counts.get(topic)
        if count is None:
            continue
        largest = max(largest, count)
        problems += shards.misfits(count, topic)
        letters = dead_letter_topic(kafka, stream)
        if counts.get(letters, count) != count:
            problems.append(
                f"questdb.shards: the topic {letters} has {counts[letters]} partitions and needs"
                f" {count}, as {topic} has: with shards a letter is in the partition of its record"
            )
    if largest:
        problems += shards.beyond(largest)
    return problems


def check_shards_or_raise(config: Config) -> None:
    """Compare shards and topics; returns at once without shards.

    Topics that do not exist yet are not compared.

    Raises:
        ConfigError: They do not fit.
        OperatorError: The brokers do not answer.
    """
    if not config.questdb.shards:
        return
    problems = shard_problems(config, count_partitions(config.kafka, all_topics(config)))
    if problems:
        raise ConfigError(problems)


def all_topics(config: Config) -> list[str]:
    """Return the topics of all streams, and of their dead letters."""
    topics = [config.kafka.topics.of(name) for name in config.streams]
    return topics + [dead_letter_topic(config.kafka, name) for name in config.streams]
