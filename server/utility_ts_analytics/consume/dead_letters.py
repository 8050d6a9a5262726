"""The dead-letter topic of a stream: each refused record as a message, with where it came from.

The record stands in the value as it stood in its message. The headers `dead-letter-*` say why it
was refused and where it was; those of `sinks.kafka.messages` are there if the message was one of
ours, so that `consume --replay-dead-letters` reads the record as it was read the first time.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, Final

import structlog
from confluent_kafka import KafkaError, KafkaException, Producer

from utility_ts_analytics.config import KafkaConfig
from utility_ts_analytics.consume.pieces import Piece, Reshape
from utility_ts_analytics.delivery.waits import Backoff
from utility_ts_analytics.records.validation import RowError
from utility_ts_analytics.sinks.kafka.client import (
    ClientThread,
    LastTrouble,
    cause_of,
    client_options,
)
from utility_ts_analytics.sinks.kafka.messages import Headers, head_of, headers_of
from utility_ts_analytics.telemetry.log_metrics import LetterTrouble

PREFIX: Final = "dead-letter-"
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
class Letter:
    """One refused record.

    Attributes:
        key: Of its message.
        value: The record.
        headers: Why, and where it was.
        partition: Of the topic where it was at first; -1 if its letter does not say.
    """

    key: bytes | None
    value: bytes
    headers: Headers
    partition: int


def letters_of(
    piece: Piece, errors: Iterable[RowError], reshape: Reshape, *, stream: str, topic: str
) -> Iterator[Letter]:
    """Yield a letter for each refused record of a piece.

    Args:
        piece: Where they were.
        errors: Of the piece's lines, in any order.
        reshape: By which the piece was made.
        stream: Name of the stream.
        topic: That the piece was read from.
    """
    for error in errors:
        message, number, record = piece.record_of(error.position, reshape)
        known = {name for name, _ in message.headers if name.startswith(PREFIX)}
        source: dict[str, str | bytes | None] = {
            "topic": topic.encode(),
            "partition": b"%d" % piece.claim.partition,
            "offset": b"%d" % message.offset,
            "line": b"%d" % number,
        }
        if known:  # a letter that is refused again: where it came from first
            source = {
                name: value
                for name in source
                for header, value in message.headers
                if header == PREFIX + name
            }
        why: dict[str, str | bytes | None] = {
            "code": error.code.encode(),
            "reason": error.detail.encode(),
            "field": (error.field or "").encode(),
            "stream": stream.encode(),
        }
        ours = [] if head_of(message.headers) is None else headers_of(stream, 1, ())
        headers = [(PREFIX + name, value) for name, value in (why | source).items()]
        yield Letter(message.key, record, ours + headers, _number(source.get("partition")))


def _number(text: str | bytes | None) -> int:
    return int(text) if isinstance(text, bytes) and text.isdigit() else -1


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


Delivered = Callable[[int, KafkaError | None], None]
"""Gets the index of a letter, and why it was not written; None if it was."""


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
        acknowledged: set[int] = set()
        errors: list[KafkaError] = []

        def delivered(index: int, error: KafkaError | None) -> None:
            if error is None:
                acknowledged.add(index)
            else:
                errors.append(error)

        try:
            for index, letter in enumerate(letters):
                while not self._produced(letter, index, delivered):
                    self._producer.poll(0.1)
            self._producer.flush(2 * _ACKNOWLEDGED_S)
        except KafkaException as error:
            errors.append(error.args[0])
        left = [letter for index, letter in enumerate(letters) if index not in acknowledged]
        if not left:
            return left, None
        self._producer = None  # after a fatal error it does not heal; nor does it keep what it has
        first = errors[0] if errors else _NO_ANSWER
        reason = f"{cause_of(first)} {self._last_trouble.cause}".rstrip()
        return left, _Refusal(_TROUBLES.get(first.code(), "other"), reason, len(left))

    def _produced(self, letter: Letter, index: int, delivered: Delivered) -> bool:
        """Hand a letter to the client; False if its queue is full."""
        assert self._producer is not None  # noqa: S101  made before
        try:
            self._producer.produce(
                self._topic,
                letter.value,
                key=letter.key,
                headers=letter.headers,
                on_delivery=lambda error, _: delivered(index, error),
                partition=letter.partition if self._by_partition else -1,
            )
        except BufferError:
            return False
        return True


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
