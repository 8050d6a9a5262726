"""Polls the topics of the streams that go to Kafka: the counterpart of `database_watch`."""

import asyncio
import math
from collections.abc import Mapping
from functools import partial

from utility_ts_analytics.buffering.block import Failure
from utility_ts_analytics.clock import Clock, SystemClock
from utility_ts_analytics.config import Config
from utility_ts_analytics.consume.shard_map import (
    all_topics,
    count_partitions,
    shard_problems,
)
from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.sinks.kafka.client import on_thread
from utility_ts_analytics.sinks.kafka.replication import Replication
from utility_ts_analytics.sinks.kafka.topic import LogTopic, TopicLook

INTERVAL_S = 1.0
_TIMEOUT_S = 3.0
_CHECK_TIMEOUT_S = 10.0
_UNKNOWN = TopicLook(Failure("sink-unavailable", "Kafka has not been asked yet", 1))


class BrokerWatch:
    """Polls and keeps a verdict on each topic. One event loop; the looks are on threads.

    Args:
        topics: Of the watched streams, by the stream's name.
        clock: For the waits between polls.

    Attributes:
        answered_s: When the last question that every partition's leader answered was asked,
            monotonic seconds; minus infinity before. A broker that still holds an earlier request
            has carried it out soon after (`delivery.order`).
    """

    def __init__(self, topics: Mapping[str, LogTopic], clock: Clock) -> None:
        self.answered_s = -math.inf
        self._topics = topics
        self._clock = clock
        self._looks: Mapping[str, TopicLook] = dict.fromkeys(topics, _UNKNOWN)

    @property
    def known(self) -> bool:
        """Whether every topic was looked at."""
        return all(look is not _UNKNOWN for look in self._looks.values())

    async def run(self) -> None:
        """Poll until cancelled."""
        while self._topics:
            await self.poll()
            await self._clock.sleep(INTERVAL_S)

    async def poll(self) -> None:
        """Look at every topic now."""
        asked_s = self._clock.monotonic_s()
        looks = await asyncio.gather(
            *(on_thread(partial(topic.look, _TIMEOUT_S)) for topic in self._topics.values())
        )
        self._looks = dict(zip(self._topics, looks, strict=True))
        if all(look.answered for look in looks):
            self.answered_s = asked_s

    def failure_of(self, stream: str) -> Failure | None:
        """Return why rows of a stream must be refused; None if they need not be."""
        look = self._looks.get(stream)
        return None if look is None else look.failure

    def reasons(self) -> list[str]:
        """Return one line per reason not to be ready; what all topics share stands once."""
        found = [look.failure.detail for look in self._looks.values() if look.failure is not None]
        return list(dict.fromkeys(found))

    def warnings(self) -> list[str]:
        """Return one line per thing to correct although readings are taken."""
        return [warning for look in self._looks.values() for warning in look.warnings]

    @property
    def up(self) -> bool | None:
        """Whether every topic can be written to; None if none is watched."""
        return not self.reasons() if self._topics else None

    @property
    def replication(self) -> Mapping[str, Replication]:
        """Where the replicas of each stream's topic are, as far as that is known."""
        return {name: look.replication for name, look in self._looks.items()}

    def topic_reasons(self) -> Mapping[str, str]:
        """Return by stream why its topic cannot be written to; empty texts where it can."""
        return {
            name: "" if look.failure is None else look.failure.detail
            for name, look in self._looks.items()
        }


async def look_at_topics(config: Config) -> list[tuple[str, bool]]:
    """Look once at the topics of the streams that go to Kafka, for `check`.

    Returns:
        One line per finding, and whether it is fine.
    """
    found = []
    for stream in config.streams_into("kafka"):
        topic = LogTopic(config.kafka, config.kafka.topics.of(stream), SystemClock())
        look = await on_thread(partial(topic.look, _CHECK_TIMEOUT_S))
        if look.failure is not None:
            found.append((look.failure.detail, False))
            continue
        count = look.replication.partitions
        text = f"{stream}: the topic {topic.name} with {count} partitions takes messages"
        found += [(line, True) for line in (text, *look.warnings)]
    return found


async def look_at_shards(config: Config) -> list[tuple[str, bool]]:
    """Compare the shards once with the topics, and say what goes past them; for `check`.

    Returns:
        As `look_at_topics`.
    """
    found = [
        (
            f'{name}.sink.kind: serve refuses to start: with questdb.shards it must be "kafka"'
            " there; consume does not need it",
            True,
        )
        for name in config.streams_into("questdb")
    ]
    try:
        counts = await on_thread(partial(count_partitions, config.kafka, all_topics(config)))
    except OperatorError as error:
        return [*found, (str(error), False)]
    problems = shard_problems(config, counts)
    if not problems:
        shares = ", ".join(f"{one.name} {one.partitions}" for one in config.questdb.shards)
        found.append((f"questdb.shards: every partition has one shard: {shares}", True))
    return [*found, *((problem, False) for problem in problems)]
