"""Whether the shards of the configuration have every partition of the topics, asked of brokers."""

import contextlib
from collections.abc import Iterable, Mapping
from typing import Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from utility_ts_analytics.config import Config, KafkaConfig
from utility_ts_analytics.errors import ConfigError, OperatorError
from utility_ts_analytics.sinks.kafka.client import LastTrouble, cause_of, client_options

_ANSWER_S: Final = 10.0


class BrokersAwayError(OperatorError):
    """Nothing can be compared with the topics now."""


def dead_letter_topic(kafka: KafkaConfig, stream: str) -> str:
    """Return the topic of a stream's refused records."""
    return kafka.topics.of(stream) + kafka.consumer.dead_letter_suffix


def count_partitions(kafka: KafkaConfig, topics: Iterable[str]) -> dict[str, int]:
    """Return the number of partitions of each topic that exists, by its name. Waits.

    Raises:
        BrokersAwayError: The brokers do not answer.
    """
    trouble = LastTrouble()
    client = AdminClient(client_options(kafka, "utility-ts-analytics-shards", trouble))
    try:
        found = client.list_topics(timeout=_ANSWER_S).topics
    except KafkaException as error:
        client.poll(0)
        brokers = ", ".join(map(str, kafka.brokers))
        cause = trouble.cause or cause_of(error.args[0])
        raise BrokersAwayError(
            f"the brokers do not answer: {cause} (kafka.brokers: {brokers})"
        ) from error
    return {name: len(found[name].partitions) for name in topics if name in found}


def count_members(kafka: KafkaConfig) -> int:
    """Return how many members the consumer group has now. Waits.

    Raises:
        OperatorError: The brokers do not answer.
    """
    client = AdminClient(client_options(kafka, "utility-ts-analytics-shards", LastTrouble()))
    answer = client.describe_consumer_groups([kafka.group], request_timeout=_ANSWER_S)
    try:
        return len(answer[kafka.group].result(_ANSWER_S).members)
    except KafkaException as error:
        if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
            return 0
        raise OperatorError(
            f"cannot look at the consumer group {kafka.group}: {cause_of(error.args[0])}"
        ) from error


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
    """Compare shards and topics; returns at once without shards. Waits.

    Topics that do not exist yet are not compared, and brokers that do not answer are no reason
    against a start: workers compare too, before they read (`why_not_to_read`).

    Raises:
        ConfigError: They do not fit.
    """
    with contextlib.suppress(BrokersAwayError):
        problems = _compared(config)
        if problems:
            raise ConfigError(problems)


def why_not_to_read(config: Config) -> str:
    """Return why no message may be read yet, in one line; empty if they may. Waits.

    With shards nothing is read before it is known that each partition has its shard.
    """
    try:
        return "; ".join(_compared(config))
    except BrokersAwayError as error:
        return str(error)


def _compared(config: Config) -> list[str]:
    if not config.questdb.shards:
        return []
    return shard_problems(config, count_partitions(config.kafka, all_topics(config)))


def all_topics(config: Config) -> list[str]:
    """Return the topics of all streams, and of their dead letters."""
    topics = [config.kafka.topics.of(name) for name in config.streams]
    return topics + [dead_letter_topic(config.kafka, name) for name in config.streams]
