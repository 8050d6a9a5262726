"""What brokers say of the topic that is read: its id, and where its partitions begin and end."""

from collections.abc import Collection, Mapping
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Final

from confluent_kafka import KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec, TopicDescription

from utility_ts_analytics.clock import Clock
from utility_ts_analytics.config import KafkaConfig
from utility_ts_analytics.sinks.kafka.client import LastTrouble, client_options

ANSWER_S: Final = 5.0
UNANSWERED: Final = (KafkaException, FutureTimeout, CancelledError)
"""What `TopicFacts.bounds` raises where brokers do not answer."""

_ASK_EVERY_S: Final = 5.0
_NO_ID: Final = "A" * 22
"""Of brokers that have no ids of topics: all bits are 0."""


class TopicFacts:
    """What brokers say of one topic. One thread.

    Args:
        kafka: The configuration.
        name: Of the topic.
        clock: For the waits.
    """

    def __init__(self, kafka: KafkaConfig, name: str, clock: Clock) -> None:
        self._name = name
        self._clock = clock
        self._options = client_options(kafka, "ingestion-consume-topic", LastTrouble())
        self._client = AdminClient(self._options)
        self._id = ""
        self._asked: Future[TopicDescription] | None = None
        self._ask_at_s = 0.0

    def topic_id(self) -> str:
        """Return the id of the topic as of the last answer; empty if none is known.

        Asks again every few seconds and never waits. A topic that is missing keeps its id.
        """
        now_s = self._clock.monotonic_s()
        if self._asked is None and now_s >= self._ask_at_s:
            self._ask_at_s = now_s + _ASK_EVERY_S
            self._client.poll(0)  # for its log lines
            self._asked = self._describe()
        elif self._asked is not None and self._asked.done():
            try:
                self._id = _id_of(self._asked.result())
            except UNANSWERED as error:
                self._replace_client(error)
            self._asked = None
        return self._id

    def bounds(self, partitions: Collection[int]) -> Mapping[int, tuple[int, int]]:
        """Return the lowest offset of each partition, and that behind its last message. Waits.

        Partitions whose leader does not answer are left out. `topic_id` returns the id of this
        moment afterwards.

        Raises:
            KafkaException, TimeoutError, CancelledError: No broker answers, or there is no topic.
        """
        self._asked = None
        try:
            self._id = _id_of(self._describe().result(ANSWER_S + 1.0))
        except UNANSWERED as error:
            self._replace_client(error)
            raise
        lows, highs = (
            self._offsets(partitions, spec) for spec in (OffsetSpec.earliest(), OffsetSpec.latest())
        )
        return {number: (lows[number], highs[number]) for number in lows.keys() & highs.keys()}

    def _replace_client(self, error: Exception) -> None:
        """Begin anew after a time-out, for the reason of `sinks.kafka.topic.LogTopic`."""
        told = error.args[0] if isinstance(error, KafkaException) else None
        if not isinstance(told, KafkaError) or told.code() == KafkaError._TIMED_OUT:
            self._client = AdminClient(self._options)

    def _describe(self) -> "Future[TopicDescription]":
        asked = TopicCollection([self._name])
        return self._client.describe_topics(asked, request_timeout=ANSWER_S)[self._name]

    def _offsets(self, partitions: Collection[int], spec: OffsetSpec) -> dict[int, int]:
        asked = {TopicPartition(self._name, number): spec for number in partitions}
        answers = self._client.list_offsets(asked, request_timeout=ANSWER_S)
        return {
            one.partition: answer.result().offset
            for one, answer in answers.items()
            if answer.exception(ANSWER_S + 1.0) is None
        }


def _id_of(described: TopicDescription) -> str:
    text = str(described.topic_id)
    return "" if text == _NO_ID else text
