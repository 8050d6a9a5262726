"""How far the consumer group is behind, asked of the brokers: for metrics, status and `/readyz`.

How many rows wait cannot be asked: brokers count offsets. It is estimated, from the rows that the
group has lately found in a message of the partition; each commit carries that number along.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Final

from confluent_kafka import Consumer, IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, PartitionMetadata
from confluent_kafka.admin._listoffsets import OffsetSpec  # `admin` has it without saying so

from utility_ts_analytics.clock import Clock
from utility_ts_analytics.config import Config
from utility_ts_analytics.consume.claims import Progress
from utility_ts_analytics.consume.shard_map import dead_letter_topic, shard_problems
from utility_ts_analytics.sinks.kafka.client import (
    LastTrouble,
    cause_of,
    client_options,
    on_thread,
)
from utility_ts_analytics.sinks.kafka.replication import (
    PartitionReplicas,
    Replication,
    replication_of,
)
from utility_ts_analytics.sinks.kafka.topic import LogTopic

INTERVAL_S: Final = 3.0
_ANSWER_S: Final = 5.0
_TOLD_MS: Final = 86_400_000
"""So long a loss is a warning; the metric keeps it."""


@dataclass(frozen=True, slots=True)
class Lag:
    """What one partition still has for the group.

    Attributes:
        messages: That are not committed, >= 0; offsets without a message count too.
        rows: Estimate of the records in them, >= 0: as many in each as the group has lately found
            in the messages of this partition; None while it has committed none.
        seconds: Age of what was stored last, >= 0; 0 without lag.
        lost: Messages that were deleted before they were stored, in all, >= 0, as the group has
            committed it; offsets without a message count too.
        lost_ms: When that was seen last, milliseconds since 1970; 0 if nothing was lost.
    """

    messages: int
    rows: int | None
    seconds: float
    lost: int = 0
    lost_ms: int = 0


Lags = Mapping[str, Mapping[int, Lag]]
"""By stream and partition."""

_NOT_ASKED: Final = ["the brokers were not asked yet"]

_Place = tuple[str, int]
"""Topic and partition."""


class LogWatch:
    """Asks the brokers every few seconds. One event loop; a thread asks.

    Args:
        config: All of it.
        clock: For the waits, and the wall time that ages count from.

    Attributes:
        lags: By stream and partition, as of the last answer; empty before.
        replication: Of the topic of each stream that exists, as of the last answer.
        letter_troubles: By stream, why its dead-letter topic cannot be written, as far as that can
            be told without writing; streams without trouble are left out.
    """

    def __init__(self, config: Config, clock: Clock) -> None:
        self.lags: Lags = {}
        self.replication: Mapping[str, Replication] = {}
        self.letter_troubles: Mapping[str, str] = {}
        self._config = config
        self._kafka = kafka = config.kafka
        self._clock = clock
        self._asked = False
        self._troubles = _NOT_ASKED
        self._topics = {kafka.topics.of(name): name for name in config.streams}
        self._letters = {
            name: LogTopic(kafka, dead_letter_topic(kafka, name), clock) for name in config.streams
        }
        self._caught_up_ms: dict[_Place, float] = {}
        self._last_trouble = LastTrouble()
        self._admin: AdminClient | None = None
        self._reader: Consumer | None = None

    @property
    def known(self) -> bool:
        """Whether the brokers were asked."""
        return self._troubles is not _NOT_ASKED

    def reasons(self) -> list[str]:
        """Return one line per reason why nothing can be read from the log."""
        return self._troubles

    def warnings(self) -> list[str]:
        """Return one line per loss of the last day, and per dead-letter topic in trouble."""
        letters = [
            f"the next refused record of {stream} may stop its partition, or be lost: {trouble}"
            for stream, trouble in self.letter_troubles.items()
        ]
        return [*self._losses(), *letters]

    def _losses(self) -> Iterator[str]:
        since_ms = self._clock.wall_ns() / 1e6 - _TOLD_MS
        for stream, partitions in self.lags.items():
            for number, lag in partitions.items():
                if lag.lost and lag.lost_ms > since_ms:
                    last = datetime.fromtimestamp(lag.lost_ms / 1000, UTC)
                    yield (
                        f"the log has deleted {lag.lost} messages of {stream}, partition {number},"
                        f" before they were stored, the last before {last:%Y-%m-%dT%H:%M:%SZ}: see"
                        " docs/LOG.md"
                    )

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            self._troubles = await on_thread(self._ask)
            if not self._troubles:
                self.letter_troubles = await on_thread(partial(dict, self._look_at_letters()))
            await self._clock.sleep(INTERVAL_S)

    def _ask(self) -> list[str]:
        """Update lags and replication; return what is wrong."""
        if self._admin is None or self._reader is None:
            options = client_options(self._kafka, "ingestion-consume-lag", self._last_trouble)
            self._admin = AdminClient(options)
            self._reader = Consumer({**options, "group.id": self._kafka.group})
        self._admin.poll(0)  # for its errors and log lines
        self._reader.poll(0)
        try:
            found = self._admin.list_topics(timeout=_ANSWER_S).topics
            known = {topic: found[topic].partitions for topic in self._topics if topic in found}
            if known:
                self._note([TopicPartition(topic, n) for topic in known for n in known[topic]])
        except KafkaException as error:
            brokers = ", ".join(map(str, self._kafka.brokers))
            cause = self._last_trouble.cause or cause_of(error.args[0])
            return [f"the brokers do not answer: {cause} (kafka.brokers: {brokers})"]
        self.replication = {
            self._topics[topic]: replication_of(map(_replicas, partitions.values()))
            for topic, partitions in known.items()
        }
        counts = {name: len(topic.partitions) for name, topic in found.items()}
        self._asked = True
        unreadable = filter(None, self.topic_reasons().values())
        return [*unreadable, *shard_problems(self._config, counts)]

    def topic_reasons(self) -> Mapping[str, str]:
        """Return by stream why its topic cannot be read; empty texts where it can, or might."""
        return {stream: self._topic_reason(topic, stream) for topic, stream in self._topics.items()}

    def _topic_reason(self, topic: str, stream: str) -> str:
        if not self._asked:
            return ""
        if stream not in self.replication:
            return f"the topic {topic} does not exist: create it (docs/KAFKA.md)"
        numbers = ", ".join(map(str, self.replication[stream].leaderless))
        return f"no broker leads partition {numbers} of the topic {topic}" if numbers else ""

    def _look_at_letters(self) -> Iterator[tuple[str, str]]:
        for stream, topic in self._letters.items():
            topic.partitions = 0  # one more partition moves no letter that matters
            failure = topic.look(_ANSWER_S).failure
            if failure is not None:
                yield stream, failure.detail

    def _note(self, partitions: list[TopicPartition]) -> None:
        now_ms = self._clock.wall_ns() / 1e6
        committed = self._committed(partitions)
        firsts = self._offsets(partitions, OffsetSpec.earliest())
        ends = self._offsets(partitions, OffsetSpec.latest())
        lags: dict[str, dict[int, Lag]] = {self._topics[one.topic]: {} for one in partitions}
        for one in partitions:
            place = (one.topic, one.partition)
            offset, progress = committed.get(place, (-1, Progress()))
            messages = max(0, ends[place] - max(offset, firsts[place]))
            if messages == 0:
                self._caught_up_ms[place] = now_ms
            # Since a caught-up partition has nothing to commit, its last commit says too little.
            since_ms = max(progress.until_ms, self._caught_up_ms.get(place, 0.0))
            seconds = max(0.0, now_ms - since_ms) / 1000 if messages and since_ms else 0.0
            rows = _estimate(messages, progress.rows_per_message)
            lags[self._topics[one.topic]][one.partition] = Lag(
                messages, rows, seconds, progress.lost, progress.lost_ms
            )
        self.lags = lags

    def _committed(self, partitions: list[TopicPartition]) -> dict[_Place, tuple[int, Progress]]:
        """Return offset and progress that the group has committed, where it has.

        By a consumer that never joins: librdkafka 2.16 crashes in `list_consumer_group_offsets`
        where the coordinator is not known or still loads (a client without a group has no place
        for that answer).
        """
        assert self._reader is not None  # noqa: S101  made before
        return {
            (one.topic, one.partition): (one.offset, Progress.parse(one.metadata))
            for one in self._reader.committed(partitions, _ANSWER_S)
            if one.offset >= 0
        }

    def _offsets(self, partitions: list[TopicPartition], which: OffsetSpec) -> dict[_Place, int]:
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


def _estimate(messages: int, rows_per_message: float | None) -> int | None:
    if messages == 0:
        return 0
    return None if rows_per_message is None else math.ceil(messages * rows_per_message)


def _replicas(partition: PartitionMetadata) -> PartitionReplicas:
    return PartitionReplicas(partition.id, partition.leader, partition.replicas, partition.isrs)
