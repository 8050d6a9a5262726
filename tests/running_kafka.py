"""A real Kafka broker for tests."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition
from loadtest.processes import stopped
from tests.class_archive import JAVA_OPTIONS, kafka_java_options

from utility_ts_analytics.broker.embedded_kafka import EmbeddedKafka, RunningKafka, new_cluster_id
from utility_ts_analytics.clock import SystemClock
from utility_ts_analytics.config import Address, KafkaConfig
from utility_ts_analytics.database.embedded_questdb.server_settings import free_ports
from utility_ts_analytics.sinks.kafka.topic import LogTopic, make_topics

ANSWER_TIMEOUT_S = 90.0
KAFKA_PARTITIONS = 4
_AUTHORIZER = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "allow.everyone.if.no.acl.found": "true",
}
"""Everybody may do everything with topics for which no right was given."""


class TestKafka:
    """A real broker, and what tests ask of it. Topics are shared: take one of your own by name."""

    __test__ = False

    def __init__(self, data_dir: Path) -> None:
        self._environ = {**os.environ, JAVA_OPTIONS: kafka_java_options()}
        client, controller = free_ports(2)
        self._ports = client, controller
        self._cluster_id = new_cluster_id()
        self.server = self._node(data_dir, self._ports, _AUTHORIZER)
        self.running: RunningKafka

    @property
    def addr(self) -> str:
        """`host:port`."""
        return self.running.addr

    @property
    def pid(self) -> int:
        """Process id of the JVM."""
        return self.running.pid

    @property
    def config(self) -> KafkaConfig:
        """The section `[kafka]` for this broker, with the default topics."""
        return KafkaConfig(brokers=(Address.parse(self.addr),))

    def start(self) -> None:
        """Start the broker on the same port and data as before."""
        self.running = self.server.start()

    def stop(self) -> None:
        """Stop the broker; `start` brings it back."""
        self.server.stop()

    @contextlib.contextmanager
    def killed(self) -> Iterator[None]:
        """Kill the broker as a lost machine would, and start it again after a `with` block."""
        os.kill(self.pid, signal.SIGKILL)
        self.server.stop()
        try:
            yield
        finally:
            self.start()

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop the broker's process from running for the length of a `with` block."""
        with stopped(self.pid):
            yield

    @contextlib.contextmanager
    def second_broker(self, data_dir: Path) -> Iterator[None]:
        """Run another broker of the cluster for the length of a `with` block."""
        client, unused = free_ports(2)
        settings = {
            **_AUTHORIZER,
            "process.roles": "broker",
            "node.id": "2",
            "controller.quorum.voters": f"1@127.0.0.1:{self._ports[1]}",
            "listeners": f"PLAINTEXT://127.0.0.1:{client}",
        }
        with self._node(data_dir, (client, unused), settings):
            yield

    def _node(
        self, data_dir: Path, ports: tuple[int, int], settings: Mapping[str, str]
    ) -> EmbeddedKafka:
        return EmbeddedKafka(
            data_dir,
            retention_mib=64,
            ports=ports,
            cluster_id=self._cluster_id,
            settings=settings,
            environ=self._environ,
        )

    def read(self, topic: str, rows: int = 0) -> list[Message]:
        """Return all messages of a topic, by partition; fail with fewer than `rows` lines."""
        consumer = Consumer(
            {"bootstrap.servers": self.addr, "group.id": "reads", "enable.auto.commit": False}
        )
        try:
            partitions = consumer.list_topics(topic, ANSWER_TIMEOUT_S).topics[topic].partitions
            places = [TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions]
            bounds = [consumer.get_watermark_offsets(place, ANSWER_TIMEOUT_S) for place in places]
            count = sum(high - low for low, high in bounds)
            consumer.assign(places)
            messages: list[Message] = []
            give_up_at_s = time.monotonic() + ANSWER_TIMEOUT_S
            while len(messages) < count:
                assert time.monotonic() < give_up_at_s, f"{len(messages)} of {count} messages"
                message = consumer.poll(0.2)
                if message is not None and message.error() is None:
                    messages.append(message)
            lines = sum((message.value() or b"").count(b"\n") for message in messages)
            assert lines >= rows, f"{topic} has {lines} lines"
        finally:
            consumer.close()
        return sorted(messages, key=lambda one: (one.partition() or 0, one.offset() or 0))

    def make_topic(self, name: str, partitions: int = KAFKA_PARTITIONS) -> None:
        """Make a topic that is not there, and wait for its leaders."""
        make_topics(self.config, {name: partitions})
        topic = LogTopic(self.config, name, SystemClock())
        give_up_at_s = time.monotonic() + ANSWER_TIMEOUT_S
        while not topic.look(ANSWER_TIMEOUT_S).answered:
            assert time.monotonic() < give_up_at_s, f"{name} has no leaders"
            threading.Event().wait(0.05)
