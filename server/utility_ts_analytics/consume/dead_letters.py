"""The dead-letter topic of a stream: each refused record as a message, with where it came from.

The record stands in the value as it stood in its message. The headers `dead-letter-*` say why it
was refused and where it was; those of `sinks.kafka.messages` are there if the message was one of
ours, so that `consume --replay-dead-letters` reads the record as it was read the first time.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
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

PREFIX: Final = "dead-letter-"
_AT_ONCE: Final = 1_000
_ACKNOWLEDGED_S: Final = 10.0
_MESSAGE_BYTES_MAX: Final = 1_000_000_000
"""The client's largest: the topic alone limits a letter."""

_BACKOFF: Final = Backoff(0.5, 10.0)

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


Delivered = Callable[[int, KafkaError | None], None]
"""Gets the index of a letter, and why it was not written; None if it was."""


class DeadLetterTopic:
    """Writes letters into one topic. One event loop; a thread writes.

    Args:
        kafka: The configuration.
        topic: Name of the topic.
        by_partition: Whether each letter goes to the partition that its record was in, so that a
            replay finds its shard; the topic has as many partitions as the stream's.

    Attributes:
        trouble: Why letters cannot be written just now; empty if they can.
    """

    def __init__(self, kafka: KafkaConfig, topic: str, *, by_partition: bool) -> None:
        self.trouble = ""
        self._by_partition = by_partition
        self._topic = topic
        self._last_trouble = LastTrouble()
        self._options = _producer_options(kafka, self._last_trouble)
        self._producer: Producer | None = None
        self._thread = ClientThread("kafka-letters")

    async def keep(self, letters: Iterable[Letter]) -> None:
        """Write letters; all are on every in-sync replica when this returns.

        There is no end to its attempts: without them offsets would be committed past a record that
        is nowhere. A letter may be there twice afterwards.
        """
        source = iter(letters)
        while batch := list(islice(source, _AT_ONCE)):
            attempt_index = 0
            while batch:
                batch, reason = await self._thread.run(partial(self._write, batch))
                if batch:
                    self.trouble = f"cannot write to the dead-letter topic {self._topic}: {reason}"
                    _log.error("cannot keep dead letters", topic=self._topic, reason=reason)
                    await asyncio.sleep(_BACKOFF.wait_s(attempt_index, lambda: 1.0))
                    attempt_index += 1
            self.trouble = ""

    def close(self) -> None:
        """Let thread and client go; nobody waits for them."""
        self._thread.close()

    def _write(self, letters: Sequence[Letter]) -> tuple[list[Letter], str]:
        """Return the letters that were not acknowledged, and why."""
        if self._producer is None:
            self._producer = Producer(self._options)
        acknowledged: set[int] = set()
        reasons: list[str] = []

        def delivered(index: int, error: KafkaError | None) -> None:
            if error is None:
                acknowledged.add(index)
            else:
                reasons.append(cause_of(error))

        try:
            for index, letter in enumerate(letters):
                while not self._produced(letter, index, delivered):
                    self._producer.poll(0.1)
            self._producer.flush(2 * _ACKNOWLEDGED_S)
        except KafkaException as error:
            reasons.append(str(error))
        left = [letter for index, letter in enumerate(letters) if index not in acknowledged]
        if left:  # a producer with a fatal error does not heal; nor does it keep what it holds
            self._producer = None
        reason = reasons[0] if reasons else "no answer in time"
        return left, f"{reason} {self._last_trouble.cause}".rstrip()

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
        "message.max.bytes": _MESSAGE_BYTES_MAX,
        "linger.ms": 5,
        "partitioner": "murmur2_random",
    }
