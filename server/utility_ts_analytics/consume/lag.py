"""How far the consumer group is behind, asked of the brokers: for metrics, status and `/readyz`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from confluent_kafka import Consumer, IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec  # `admin` has it without saying so

from utility_ts_analytics.clock import Clock
from utility_ts_analytics.config import Config
from utility_ts_analytics.consume.shard_map import shard_problems
from utility_ts_analytics.sinks.kafka.client import (
    LastTrouble,
    cause_of,
    client_options,
    on_thread,
)

INTERVAL_S: Final = 3.0
_ANSWER_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Lag:
    """What one partition still has for the group.

    Attributes:
        messages: That are not committed, >= 0; offsets without a message count too.
        seconds: Age of what was stored last, >= 0; 0 without lag.
    """

    messages: int
    seconds: float


Lags = Mapping[str, Mapping[int, Lag]]
"""By stream and partition."""


class LogWatch:
    """Asks the brokers every few seconds. One event loop; a thread asks.

    Args:
        config: All of it.
        clock: For the waits, and the wall time that ages count from.

    Attributes:
        lags: By stream and partition, as of the last answer; empty before.
    """

    def __init__(self, config: Config, clock: Clock) -> None:
        self.lags: Lags = {}
        self._config = config
        self._kafka = config.kafka
        self._clock = clock
        self._troubles: list[str] = ["the brokers were not asked yet"]
        self._caught_up_ms: dict[tuple[str, int], float] = {}
        self._last_trouble = LastTrouble()
        self._admin: AdminClient | None = None
        self._reader: Consumer | None = None

    def reasons(self) -> list[str]:
        """Return one line per reason why nothing can be read from the log."""
        return self._troubles

    async def run(self, streams: Iterable[str]) -> None:
        """Ask until cancelled.

        Args:
            streams: Names of the streams.
        """
        topics = {self._kafka.topics.of(name): name for name in streams}
        while True:
            self._troubles = await on_thread(partial(self._ask, topics))
            await self._clock.sleep(INTERVAL_S)

    def _ask(self, topics: Mapping[str, str]) -> list[str]:
        """Update the lags; return what is wrong."""
        if self._admin is None or self._reader is None:
            options = client_options(self._kafka, "ingestion-consume-lag", self._last_trouble)
            self._admin = AdminClient(options)
            self._reader = Consumer({**options, "group.id": self._kafka.group})
        self._admin.poll(0)  # for its errors and log lines
        self._reader.poll(0)
        try:
            found = self._admin.list_topics(timeout=_ANSWER_S).topics
            missing = [topic for topic in topics if topic not in found]
            partitions = [
                TopicPartition(topic, number)
                for topic in topics
                if topic not in missing
                for number in found[topic].partitions
            ]
            if partitions:
                self._note(topics, partitions)
        except KafkaException as error:
            brokers = ", ".join(map(str, self._kafka.brokers))
            cause = self._last_trouble.cause or cause_of(error.args[0])
            return [f"the brokers do not answer: {cause} (kafka.brokers: {brokers})"]
        absent = [f"the topic {name} does not exist: create it (docs/KAFKA.md)" for name in missing]
        counts = {name: len(topic.partitions) for name, topic in found.items()}
        return absent + shard_problems(self._config, counts)

    def _note(self, topics: Mapping[str, str], partitions: list[TopicPartition]) -> None:
        now_ms = self._clock.wall_ns() / 1e6
        committed = self._committed(partitions)
        firsts = self._offsets(partitions, OffsetSpec.earliest())
        ends = self._offsets(partitions, OffsetSpec.latest())
        lags: dict[str, dict[int, Lag]] = {topics[one.topic]: {} for one in partitions}
        for one in partitions:
            place = (one.topic, one.partition)
            offset, until_ms = committed.get(place, (-1, 0))
            messages = max(0, ends[place] - max(offset, firsts[place]))
            if messages == 0:
                self._caught_up_ms[place] = now_ms
            # Since a caught-up partition has nothing to commit, its last commit says too little.
            since_ms = max(until_ms, self._caught_up_ms.get(place, 0.0))
            seconds = max(0.0, now_ms - since_ms) / 1000 if messages and since_ms else 0.0
            lags[topics[one.topic]][one.partition] = Lag(messages, seconds)
        self.lags = lags

    def _committed(
        self, partitions: list[TopicPartition]
    ) -> dict[tuple[str, int], tuple[int, int]]:
        """Return offset and time stamp that the group has committed, where it has.

        By a consumer that never joins: librdkafka 2.16 crashes in `list_consumer_group_offsets`
        where the coordinator is not known or still loads (a client without a group has no place
        for that answer).
        """
        assert self._reader is not None  # noqa: S101  made before
        return {
            (one.topic, one.partition): (one.offset, _milliseconds(one.metadata))
            for one in self._reader.committed(partitions, _ANSWER_S)
            if one.offset >= 0
        }

    def _offsets(
        self, partitions: list[TopicPartition], which: OffsetSpec
    ) -> dict[tuple[str, int], int]:
        assert self._admin is not None  # noqa: S101  made before
        answers = self._admin.list_offsets(
            dict.fromkeys(partitions, which),
            isolation_level=IsolationLevel.READ_COMMITTED,
            request_timeout=_ANSWER_S,
        )
        return {
            (one.topic, one.partition): answer.result(_ANSWER_S).offset
            for one, answer in answers.items()
        }


def _milliseconds(metadata: str | None) -> int:
    return int(metadata) if metadata and metadata.isdigit() else 0
