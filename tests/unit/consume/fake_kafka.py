"""Kafka's clients as `consume` uses them, with a log in memory and a coordinator that obeys."""

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from utility_ts_analytics.sinks.kafka.messages import Headers

TOPIC = "meters"
_POLL_S = 0.005

Event = Callable[[], None]


class FakeMessage:
    """A message, or an error in its place."""

    def __init__(
        self, partition: int, offset: int, value: bytes | None, error: KafkaError | None = None
    ) -> None:
        self._partition = partition
        self._offset = offset
        self._value = value
        self._error = error

    def error(self) -> KafkaError | None:
        return self._error

    def partition(self) -> int:
        return self._partition

    def offset(self) -> int:
        return self._offset

    def timestamp(self) -> tuple[int, int]:
        return 1, 1_000 + self._offset

    def headers(self) -> Headers:
        return []

    def key(self) -> bytes:
        return b"key"

    def value(self) -> bytes | None:
        return self._value


class FakeConsumer:
    """A consumer of one topic; what a test tells it happens in its next poll, as with Kafka's.

    Attributes:
        values: The log: the values of each partition.
        lows: Lowest offset of each partition; values before it are deleted.
        topic_id: Of the topic.
        positions: Next offset to return, of each assigned partition.
        paused: Partitions of which nothing is returned.
        commits: Offset and metadata that the coordinator has, by partition.
        events: What happened, in order: `commit 0:3`, `begin 0:0`, `seek 0:1`, `assign 0`, ...
        polls: How many there were.
        refusal: Why the coordinator refuses commits; None if it does not.
    """

    def __init__(self, partitions: int) -> None:
        self.values: list[list[bytes | None]] = [[] for _ in range(partitions)]
        self.lows = [0] * partitions
        self.topic_id = "first"
        self.positions: dict[int, int] = {}
        self.paused: set[int] = set()
        self.commits: dict[int, tuple[int, str]] = {}
        self.events: list[str] = []
        self.polls = 0
        self.refusal: KafkaError | None = None
        self._callbacks: dict[str, Callable[[Any, Sequence[TopicPartition]], None]] = {}
        self._told: list[Event | FakeMessage] = []
        self._stopped: set[int] = set()
        self._new: set[int] = set()
        self._lock = threading.Lock()

    # What a test does

    def put(self, partition: int, *values: bytes | None) -> None:
        self.values[partition] += values

    def assign(self, *partitions: int) -> None:
        self._tell(lambda: self._call("on_assign", partitions))

    def revoke(self, *partitions: int) -> None:
        self._tell(lambda: self._leave("on_revoke", partitions))

    def lose(self, *partitions: int) -> None:
        self._tell(lambda: self._leave("on_lost", partitions))

    def fail(self, error: KafkaError) -> None:
        with self._lock:
            self._told.append(FakeMessage(0, 0, None, error))

    def offsets(self) -> dict[int, int]:
        return {number: offset for number, (offset, _) in self.commits.items()}

    def make_anew(self, topic_id: str, *values: bytes | None) -> None:
        """Delete the topic and make it again; partition 0 has other messages."""
        self.values = [list(values), *([] for _ in self.values[1:])]
        self.lows = [0] * len(self.values)
        self.topic_id = topic_id

    # What the client does

    def subscribe(self, topics: list[str], **callbacks: Any) -> None:
        assert topics == [TOPIC]
        self._callbacks = callbacks

    def poll(self, wait_s: float) -> FakeMessage | None:
        self.polls += 1
        while (told := self._next_told()) is not None:
            if isinstance(told, FakeMessage):
                return told
            told()
        for number, offset in self.positions.items():
            if number in self.paused | self._stopped:
                continue
            if not self.lows[number] <= offset <= len(self.values[number]):
                self._stopped.add(number)
                error = KafkaError(KafkaError._AUTO_OFFSET_RESET, "out of range")
                return FakeMessage(number, offset, None, error)
            if offset < len(self.values[number]):
                self.positions[number] += 1
                return FakeMessage(number, offset, self.values[number][offset])
        threading.Event().wait(min(wait_s, _POLL_S))
        return None

    def pause(self, places: list[TopicPartition]) -> None:
        self.paused |= {one.partition for one in places}

    def resume(self, places: list[TopicPartition]) -> None:
        self.paused -= {one.partition for one in places}

    def seek(self, place: TopicPartition) -> None:
        if place.partition in self._stopped:
            raise KafkaException(KafkaError(KafkaError._STATE, "Erroneous state"))
        kind = "begin" if place.partition in self._new else "seek"
        self._new.discard(place.partition)
        self.events.append(f"{kind} {place.partition}:{place.offset}")
        self.positions[place.partition] = place.offset

    def incremental_assign(self, places: list[TopicPartition]) -> None:
        for one in places:
            assert one.offset >= 0, "brokers would be asked, and may answer after a seek"
            self._new |= {one.partition} - self.positions.keys()
        self.positions |= {one.partition: one.offset for one in places}

    def incremental_unassign(self, places: list[TopicPartition]) -> None:
        self._stopped -= {one.partition for one in places}

    def committed(self, places: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        nothing = (-1001, "")
        return [
            TopicPartition(TOPIC, one.partition, *self.commits.get(one.partition, nothing))
            for one in places
        ]

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> list[TopicPartition]:
        assert not asynchronous
        if self.refusal is not None:
            raise KafkaException(self.refusal)
        for one in offsets:
            before = self.commits.get(one.partition)
            self.commits[one.partition] = one.offset, one.metadata or ""
            if before is None or before[0] != one.offset:
                self.events.append(f"commit {one.partition}:{one.offset}")
        return offsets

    def close(self) -> None:
        self._call("on_revoke", tuple(self.positions))
        self.events.append("close")

    # Behind it

    def _tell(self, event: Event) -> None:
        with self._lock:
            self._told.append(event)

    def _next_told(self) -> Event | FakeMessage | None:
        with self._lock:
            return self._told.pop(0) if self._told else None

    def _leave(self, callback: str, partitions: Sequence[int]) -> None:
        self._call(callback, partitions)
        for number in partitions:
            self.positions.pop(number)
        self.paused -= set(partitions)

    def _call(self, callback: str, partitions: Sequence[int]) -> None:
        self._callbacks[callback](self, [TopicPartition(TOPIC, one) for one in partitions])
        self.events += [f"{callback.removeprefix('on_')} {number}" for number in partitions]


class FakeFacts:
    """What brokers say of the topic.

    Args:
        consumer: Has the log.

    Attributes:
        away: Whether no broker answers.
    """

    def __init__(self, consumer: FakeConsumer) -> None:
        self._consumer = consumer
        self.away = False

    def topic_id(self) -> str:
        return self._consumer.topic_id

    def bounds(self, partitions: Collection[int]) -> Mapping[int, tuple[int, int]]:
        if self.away:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT, "no answer"))
        log = self._consumer
        return {number: (log.lows[number], len(log.values[number])) for number in partitions}


class FakeProducer:
    """A producer of letters.

    Attributes:
        letters: Values that the topic has taken.
        refusal: Why it takes none; None if it does.
    """

    def __init__(self) -> None:
        self.letters: list[bytes] = []
        self.refusal: KafkaError | None = None
        self._waiting: list[tuple[bytes, Callable[[KafkaError | None, object], None]]] = []

    def produce(self, topic: str, value: bytes, *, on_delivery: Any, **_: object) -> None:
        self._waiting.append((value, on_delivery))

    def flush(self, timeout_s: float) -> None:
        waiting, self._waiting = self._waiting, []
        for value, on_delivery in waiting:
            if self.refusal is None:
                self.letters.append(value)
            on_delivery(self.refusal, None)
