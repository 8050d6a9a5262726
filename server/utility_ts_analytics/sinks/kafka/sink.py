"""One producer for one topic: rows are encoded here by partition, and carried by the producer."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import structlog
from confluent_kafka import KafkaException

from utility_ts_analytics.buffering.block import Block
from utility_ts_analytics.config import KafkaConfig
from utility_ts_analytics.records.streams import StreamSpec
from utility_ts_analytics.sinks.contract import Delivered, Outcome, RetryLater
from utility_ts_analytics.sinks.kafka.client import cause_of, on_thread
from utility_ts_analytics.sinks.kafka.encode import (
    EncodedRows,
    OutgoingMessage,
    encode_rows,
    left_of,
    messages_of,
)
from utility_ts_analytics.sinks.kafka.outcomes import outcome_of
from utility_ts_analytics.sinks.kafka.producer import LogProducer
from utility_ts_analytics.sinks.kafka.topic import LogTopic

_PURGE_S = 0.5
"""Of the time of a send: to hear of the messages that were given up when the rest was over."""

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


class KafkaSink:
    """A `Sink` whose `Delivered` means: on every in-sync replica of its partition.

    Does not connect before the first send: brokers may be away. A producer that has failed is
    replaced at the next send.

    Args:
        kafka: The configuration.
        topic: Where the rows go; its partitions decide how they are grouped.
        spec: The stream whose rows will come.
        written: Called with the number of messages that have just come into the log, >= 0.
    """

    name = "kafka"

    def __init__(
        self,
        kafka: KafkaConfig,
        topic: LogTopic,
        spec: StreamSpec,
        *,
        written: Callable[[int], None] = lambda _messages: None,
    ) -> None:
        self._kafka = kafka
        self._topic = topic
        self._spec = spec
        self._written = written
        self._producer: LogProducer | None = None

    def new_payload(self) -> "KafkaPayload":
        """Return an empty payload."""
        return KafkaPayload(self, self._spec, self._topic)

    def messages_of(self, encoded: Sequence[EncodedRows]) -> Iterator[OutgoingMessage]:
        """Yield the messages of a payload."""
        return messages_of(self._spec.name, encoded, self._kafka.message_max_bytes)

    async def send(self, messages: list[OutgoingMessage], *, timeout_s: float) -> Outcome:
        """Send what is not in the log yet, in its order; see `Payload.send`."""
        left = left_of(messages)
        if not left:
            return Delivered()
        try:
            producer = self._producer = self._producer or LogProducer(self._kafka, self._topic.name)
        except KafkaException as error:
            return RetryLater(f"cannot make a Kafka client: {cause_of(error.args[0])}")
        purge_s = min(_PURGE_S, timeout_s / 4)
        done = False
        try:
            errors = await producer.send(left, timeout_s=timeout_s - 2 * purge_s, purge_s=purge_s)
            done = not errors
        finally:
            self._written(sum(message.delivered for message in left))
            if not done:
                self._let_go()
        delivered = len(messages) - len(errors)
        return outcome_of(errors, self._topic.name, delivered=delivered, trouble=producer.trouble)

    async def close(self) -> None:
        """Release the client and its thread. Idempotent."""
        self._let_go()

    def _let_go(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.close()


class KafkaPayload:
    """Rows for one topic. Made by `KafkaSink.new_payload`.

    While the number of partitions is not known yet, blocks wait as they are.
    """

    def __init__(self, sink: KafkaSink, spec: StreamSpec, topic: LogTopic) -> None:
        self._sink = sink
        self._spec = spec
        self._topic = topic
        self._waiting: list[Block] = []
        self._encoded: list[EncodedRows] = []
        self._messages: list[OutgoingMessage] | None = None

    def encode(self, block: Block) -> None:
        """Append one line per row; the block keeps the lines and lets its rows go."""
        if self._waiting or not self._topic.partitions:
            self._waiting.append(block)
        else:
            self._encode(block)

    async def send(self, *, timeout_s: float) -> Outcome:
        """Send the rows as messages; see `Payload.send`.

        A message that is delivered is sent again by a later call only behind an earlier one of its
        partition that was not.
        """
        started_s = asyncio.get_running_loop().time()
        if not self._topic.partitions:
            look = await on_thread(partial(self._topic.look, timeout_s / 8))
            if look.failure is not None:
                return RetryLater(look.failure.detail, look.failure.code)
        for block in self._waiting:
            self._encode(block)
            await asyncio.sleep(0)
        self._waiting = []
        if self._messages is None:
            messages = []
            for message in self._sink.messages_of(self._encoded):
                messages.append(message)
                await asyncio.sleep(0)
            self._messages = messages
        left_s = timeout_s - (asyncio.get_running_loop().time() - started_s)
        if left_s <= 0:
            return RetryLater("cannot send the rows: Kafka took too long to describe its topic")
        return await self._sink.send(self._messages, timeout_s=left_s)

    def _encode(self, block: Block) -> None:
        rows = block.rows
        encoded = encode_rows(
            rows, self._spec.key_field, self._topic.partitions, block.settlement.request_id
        )
        self._encoded.append(encoded)
        block.let_go(partial(encoded.rows, type(rows[0])))
