"""A real Kafka broker for tests."""

import os
import signal
import threading
import time
from pathlib import Path

from utility_ts_analytics.broker.embedded_kafka import EmbeddedKafka, RunningKafka
from utility_ts_analytics.clock import SystemClock
from utility_ts_analytics.config import Address, KafkaConfig
from utility_ts_analytics.sinks.kafka.topic import LogTopic, make_topics

ANSWER_TIMEOUT_S = 30.0
KAFKA_PARTITIONS = 4


class TestKafka:
    """A real broker, and what tests ask of it. Topics are shared: take one of your own by name."""

    __test__ = False

    def __init__(self, data_dir: Path) -> None:
        self.server = EmbeddedKafka(data_dir, retention_mib=64)
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

    def kill(self) -> None:
        """Kill the broker as a lost machine would; `start` brings it back."""
        os.kill(self.pid, signal.SIGKILL)
        self.server.stop()

    def make_topic(self, name: str, partitions: int = KAFKA_PARTITIONS) -> None:
        """Make a topic that is not there, and wait for its leaders."""
        make_topics(self.config, {name: partitions})
        topic = LogTopic(self.config, name, SystemClock())
        give_up_at_s = time.monotonic() + ANSWER_TIMEOUT_S
        while not topic.look(ANSWER_TIMEOUT_S).answered:
            assert time.monotonic() < give_up_at_s, f"{name} has no leaders"
            threading.Event().wait(0.05)
