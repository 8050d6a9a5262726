"""How much of a topic a consumer group has still to read, up to the end that it had at first."""

from confluent_kafka import Consumer, KafkaException, TopicPartition

from utility_ts_analytics.config import KafkaConfig
from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.sinks.kafka.client import LastTrouble, cause_of, client_options

_ANSWER_S = 10.0


class GroupProgress:
    """Asks the brokers; never joins the group. Calls wait for the answers.

    Args:
        kafka: The configuration.
        topic: The topic.
        group: The consumer group.

    Attributes:
        group: Its name.
        ends: By partition, the offset behind the last message when `exists` was called.
    """

    def __init__(self, kafka: KafkaConfig, topic: str, group: str) -> None:
        self.group = group
        self._topic = topic
        options = client_options(kafka, "ingestion-replay", LastTrouble())
        self._client = Consumer({**options, "group.id": group})
        self.ends: dict[int, int] = {}
        self._lows: dict[int, int] = {}

    def exists(self) -> bool:
        """Tell whether there is the topic, and note its present end.

        Raises:
            OperatorError: The brokers do not answer.
        """
        try:
            found = self._client.list_topics(timeout=_ANSWER_S).topics.get(self._topic)
            for number in () if found is None else found.partitions:
                low, high = self._client.get_watermark_offsets(
                    TopicPartition(self._topic, number), timeout=_ANSWER_S
                )
                self._lows[number], self.ends[number] = low, high
        except KafkaException as error:
            raise OperatorError(f"the brokers do not answer: {cause_of(error.args[0])}") from error
        return found is not None

    def left(self) -> int:
        """Return how many offsets before the noted end are not committed.

        Raises:
            OperatorError: The brokers do not answer.
        """
        places = [TopicPartition(self._topic, number) for number in self.ends]
        if not places:
            return 0
        try:
            committed = self._client.committed(places, timeout=_ANSWER_S)
        except KafkaException as error:
            raise OperatorError(f"the brokers do not answer: {cause_of(error.args[0])}") from error
        return sum(
            max(0, self.ends[one.partition] - max(one.offset, self._lows[one.partition]))
            for one in committed
        )

    def close(self) -> None:
        """Release the client."""
        self._client.close()
