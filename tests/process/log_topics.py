"""Topics of one test in the session's broker, and a plain client that writes and reads them."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import cast

import msgspec
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from tests.process.running_service import Section
from tests.process.stored_tables import until

from utility_ts_analytics.sinks.kafka.messages import Headers

ANSWER_S = 30.0
NONE: Section = MappingProxyType({})
SUFFIX = ".dead-letters"


@dataclass(frozen=True, slots=True)
class ReadMessage:
    """What a plain consumer sees of a message."""

    key: bytes | None
    value: bytes
    headers: Mapping[str, str | bytes | None]


class LogTopics:
    """The topics of one test: of both streams, and of their dead letters."""

    def __init__(
        self, addr: str, name: str, partitions: int = 3, *, letter_partitions: int = 1
    ) -> None:
        self.addr = addr
        self.group = f"group-{name}"
        self.topic = f"meters-{name}"
        self.generation_topic = f"plants-{name}"
        self.partitions = partitions
        self._admin = AdminClient({"bootstrap.servers": addr})
        self._producer = Producer({"bootstrap.servers": addr, "acks": "all", "log_level": 2})
        letters = {self.topic + SUFFIX: letter_partitions} if letter_partitions else {}
        self._make({self.topic: partitions, self.generation_topic: 1, **letters})

    def _make(self, partitions: Mapping[str, int]) -> None:
        wanted = [NewTopic(name, count, 1) for name, count in partitions.items()]
        for made in self._admin.create_topics(wanted, operation_timeout=ANSWER_S).values():
            made.result(ANSWER_S)

    def settings(self, consumer: Section = NONE, fields: Section = NONE) -> Section:
        """Return the section `[kafka]`."""
        return {
            "brokers": [self.addr],
            "group": self.group,
            "topics": {"meter_usage": self.topic, "generation_output": self.generation_topic},
            "consumer": {"session_timeout_ms": 6_000, **consumer},
            "fields": {"meter_usage": fields},
        }

    def put(
        self,
        *values: bytes | None,
        key: str | None = None,
        partition: int | None = None,
        headers: Headers | None = None,
        topic: str = "",
    ) -> None:
        """Write messages; all are acknowledged when this returns."""
        failed: list[str] = []
        for value in values:
            placed = {} if partition is None else {"partition": partition}
            self._producer.produce(
                topic or self.topic,
                value,
                key=key,
                headers=headers or [],
                on_delivery=lambda error, _: failed.append(str(error)) if error else None,
                **placed,  # type: ignore[arg-type]
            )
        assert self._producer.flush(ANSWER_S) == 0
        assert not failed

    def committed(self, topic: str = "", group: str = "") -> dict[int, int]:
        """Return what a group has committed; -1001 is nothing."""
        found = self._committed(topic or self.topic, group or self.group)
        return {one.partition: one.offset for one in found}

    def progress(self) -> str:
        """Return the metadata of what the group has committed of partition 0."""
        return self._committed(self.topic, self.group)[0].metadata or ""

    def _committed(self, topic: str, group: str) -> list[TopicPartition]:
        client = Consumer({"bootstrap.servers": self.addr, "group.id": group})
        try:
            asked = [TopicPartition(topic, number) for number in range(self.partitions)]
            return client.committed(asked, timeout=ANSWER_S)
        finally:
            client.close()

    def commit(self, partition: int, offset: int, metadata: str = "") -> None:
        """Commit an offset for the group, which has no members."""
        client = Consumer({"bootstrap.servers": self.addr, "group.id": self.group})
        try:
            place = TopicPartition(self.topic, partition, offset, metadata)
            client.commit(offsets=[place], asynchronous=False)
        finally:
            client.close()

    def delete_before(self, partition: int, offset: int) -> None:
        """Delete the messages before an offset, as retention does."""
        place = TopicPartition(self.topic, partition, offset)
        for done in self._admin.delete_records([place], operation_timeout=ANSWER_S).values():
            assert done.result(ANSWER_S).low_watermark == offset

    def make_anew(self) -> None:
        """Delete the first topic, and make it again."""
        self._admin.delete_topics([self.topic], operation_timeout=ANSWER_S)[self.topic].result()
        until(
            lambda: self.topic not in self._admin.list_topics(timeout=ANSWER_S).topics,
            f"{self.topic} is deleted",
        )
        self._make({self.topic: self.partitions})

    def end(self, partition: int = 0, topic: str = "") -> int:
        """Return the offset behind the last message of a partition."""
        client = Consumer({"bootstrap.servers": self.addr, "group.id": "nobody"})
        try:
            place = TopicPartition(topic or self.topic, partition)
            return int(client.get_watermark_offsets(place, timeout=ANSWER_S)[1])
        finally:
            client.close()

    def dead_letters(self, count: int) -> Sequence[ReadMessage]:
        """Wait for so many letters of the first stream; return all of them."""
        client = Consumer({"bootstrap.servers": self.addr, "group.id": "nobody"})
        client.assign([TopicPartition(self.topic + SUFFIX, 0, 0)])
        found: list[ReadMessage] = []
        end_s = time.monotonic() + ANSWER_S
        try:
            while len(found) < count and time.monotonic() < end_s:
                message = client.poll(0.2)
                if message is not None and message.error() is None:
                    headers = cast(Headers, message.headers() or [])
                    key, value = message.key(), message.value() or b""
                    found.append(ReadMessage(key, value, dict(headers)))
            return found
        finally:
            client.close()


def reading(meter_id: str, minute: int = 0, kwh: float = 1.0, **more: object) -> bytes:
    """Return one record of a meter."""
    ts = f"2024-05-01T{minute // 60:02}:{minute % 60:02}:00Z"
    return msgspec.json.encode({"ts": ts, "meter_id": meter_id, "kwh": kwh, **more})
