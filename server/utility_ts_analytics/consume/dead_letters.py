"""The dead-letter topic of a stream, and its ways of taking nothing."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, Final

import structlog
from confluent_kafka import KafkaError, KafkaException, Producer

from utility_ts_analytics.config import KafkaConfig
from utility_ts_analytics.consume.letters import Letter, cut
from utility_ts_analytics.delivery.waits import Backoff
from utility_ts_analytics.sinks.kafka.client import (
    ClientThread,
    LastTrouble,
    cause_of,
    client_options,
)
from utility_ts_analytics.telemetry.log_metrics import LetterTrouble

_AT_ONCE: Final = 1_000
_ACKNOWLEDGED_S: Final = 10.0
_KNOWN_S: Final = 5.0
"""A topic that brokers do not know for so long is missing."""

_RETRIES_MAX: Final = 5
"""Of the client, before it says what the broker answered; then it is this module that repeats."""

_MESSAGE_BYTES_MAX: Final = 1_000_000_000
"""The client's largest: the topic alone limits a letter."""

_BACKOFF: Final = Backoff(0.5, 10.0)

_NO_ANSWER: Final = KafkaError(KafkaError._MSG_TIMED_OUT, "no answer in time")

_TROUBLES: Final[Mapping[int, LetterTrouble]] = {
    KafkaError._UNKNOWN_TOPIC: "missing",
    KafkaError._UNKNOWN_PARTITION: "missing",
    KafkaError.UNKNOWN_TOPIC_OR_PART: "missing",
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "not-allowed",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "not-allowed",
    KafkaError._AUTHENTICATION: "not-allowed",
    KafkaError.NOT_ENOUGH_REPLICAS: "too-few-replicas",
    KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND: "too-few-replicas",
    KafkaError.MSG_SIZE_TOO_LARGE: "too-large",
    KafkaError.RECORD_LIST_TOO_LARGE: "too-large",
    KafkaError.KAFKA_STORAGE_ERROR: "disk",
    KafkaError._MSG_TIMED_OUT: "no-answer",
    KafkaError._TIMED_OUT: "no-answer",
    KafkaError._TRANSPORT: "no-answer",
    KafkaError._ALL_BROKERS_DOWN: "no-answer",
    KafkaError.REQUEST_TIMED_OUT: "no-answer",
}
"""By the code of the error; what a broker may mend by itself comes after `_RETRIES_MAX`."""

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("consumer")


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why some letters were not written.

    Attributes:
        trouble: The kind.
        reason: What the client or a broker said.
        letters: How many, >= 1.
    """

    trouble: LetterTrouble
    reason: str
    letters: int


Delivered = Callable[[KafkaError | None], None]
"""Gets why a letter was not written; None if it was."""


class DeadLetterTopic:
    """Writes letters into one topic. One event loop; a thread writes.

    Args:
        kafka: The configuration.
        topic: Name of the topic.
        by_partition: Whether each letter goes to the partition that its record was in, so that a
            replay finds its shard; the topic has as many partitions as the stream's.
    """

    def __init__(self, kafka: KafkaConfig, topic: str, *, by_partition: bool) -> None:
        self._by_partition = by_partition
        self._topic = topic
        self._last_trouble = LastTrouble()
        self._options = _producer_options(kafka, self._last_trouble)
        self._producer: Producer | None = None
        self._thread = ClientThread("kafka-letters")
        self._refusals: dict[object, _Refusal] = {}

    @property
    def waiting(self) -> Mapping[LetterTrouble, int]:
        """How many letters were tried and are not written, by reason; empty if there are none."""
        found: Counter[LetterTrouble] = Counter()
        for refusal in self._refusals.values():
            found[refusal.trouble] += refusal.letters
        return found

    async def keep(self, letters: Iterable[Letter]) -> None:
        """Write letters; all are on every in-sync replica when this returns.

        There is no end to its attempts: without them offsets would be committed past a record that
        is nowhere. A letter may be there twice afterwards. Several feeds may wait here at once.
        """
        source, own = iter(letters), object()
        try:
            while batch := list(islice(source, _AT_ONCE)):
                attempt_index = 0
                while batch:
                    batch, refusal = await self._thread.run(partial(self._write, batch))
                    if refusal is None:
                        break
                    self._refusals[own] = refusal
                    _log.error("cannot keep dead letters", topic=self._topic, reason=refusal.reason)
                    await asyncio.sleep(_BACKOFF.wait_s(attempt_index, lambda: 1.0))
                    attempt_index += 1
        finally:
            self._refusals.pop(own, None)

    def close(self) -> None:
        """Let thread and client go; nobody waits for them."""
        self._thread.close()

    def _write(self, letters: Sequence[Letter]) -> tuple[list[Letter], _Refusal | None]:
        """Return the letters that were not acknowledged, and why; none if all were."""
        if self._producer is None:
            self._producer = Producer(self._options)
        left = self._send(self._producer, dict(enumerate(letters)))
        if left:
            self._producer = None  # after a fatal error it does not heal; nor keep what it has
        if _too_large(left):
            left = self._send_one_by_one({index: letters[index] for index in left})
        if not left:
            return [], None
        first = next(iter(left.values()))
        reason = f"{cause_of(first)} {self._last_trouble.cause}".rstrip()
        trouble = _TROUBLES.get(first.code(), "other")
        return [letters[index] for index in left], _Refusal(trouble, reason, len(left))

    def _send_one_by_one(self, letters: Mapping[int, Letter]) -> dict[int, KafkaError]:
        """Send letters of which the topic does not take as many in one batch; cut the large ones.

        Returns:
            As `_send`. What is too large even when it is cut comes as a whole the next time.
        """
        producer = Producer({**self._options, "batch.num.messages": 1})
        left = self._send(producer, letters)
        large = _too_large(left)
        still = self._send(producer, {index: cut(letters[index]) for index in large})
        if len(large) > len(still):
            _log.warning(
                "dead letters were cut", topic=self._topic, letters=len(large) - len(still)
            )
        return {index: error for index, error in left.items() if index not in large} | still

    def _send(self, producer: Producer, letters: Mapping[int, Letter]) -> dict[int, KafkaError]:
        """Return why letters were not acknowledged; those that were are left out."""
        left = dict.fromkeys(letters, _NO_ANSWER)

        def delivered(index: int, error: KafkaError | None) -> None:
            if error is None:
                del left[index]
            else:
                left[index] = error

        try:
            for index, letter in letters.items():
                while not self._produced(producer, letter, partial(delivered, index)):
                    producer.poll(0.1)
            producer.flush(2 * _ACKNOWLEDGED_S)
        except KafkaException as error:
            left.update(dict.fromkeys(left, error.args[0]))
        return left

    def _produced(self, producer: Producer, letter: Letter, delivered: Delivered) -> bool:
        """Hand a letter to the client; False if its queue is full."""
        try:
            producer.produce(
                self._topic,
                letter.value,
                key=letter.key,
                headers=letter.headers,
                on_delivery=lambda error, _: delivered(error),
                partition=letter.partition if self._by_partition else -1,
            )
        except BufferError:
            return False
        return True


def _too_large(left: Mapping[int, KafkaError]) -> Collection[int]:
    """Return which of the letters that were not acknowledged are too large for the topic."""
    return {index for index, error in left.items() if _TROUBLES.get(error.code()) == "too-large"}


def _producer_options(kafka: KafkaConfig, on_error: LastTrouble) -> dict[str, Any]:
    return {
        **client_options(kafka, "ingestion-dead-letters", on_error),
        "acks": "all",
        "enable.idempotence": True,
        "compression.type": kafka.compression,
        "delivery.timeout.ms": int(_ACKNOWLEDGED_S * 1000),
        "message.send.max.retries": _RETRIES_MAX,
        "topic.metadata.propagation.max.ms": int(_KNOWN_S * 1000),
        "message.max.bytes": _MESSAGE_BYTES_MAX,
        "linger.ms": 5,
        "partitioner": "murmur2_random",
    }
