"""Kafka brokers on this machine: killed and started one by one, seen by edges through proxies."""

import contextlib
import os
import signal
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)
from loadtest.faults.proxy import Proxy, ProxyThread
from loadtest.faults.small_disk import small_disk
from loadtest.processes import wait_until

from utility_ts_analytics.broker.embedded_kafka import EmbeddedKafka, RunningKafka, new_cluster_id
from utility_ts_analytics.config import Address, KafkaConfig
from utility_ts_analytics.database.embedded_questdb.server_settings import free_ports
from utility_ts_analytics.sinks.kafka.topic import make_topics

_HOST = "127.0.0.1"
_ANSWER_S = 10.0
_TOPICS_S = 120.0
_START_S = 300.0
_PORTS_PER_NODE = 3
_RETENTION_MIB = 64
_IN_SYNC_MIN = 2
_IN_SYNC_MIN_SETTING = "min.insync.replicas"
_FILL_BYTES = 65_536


class Brokers:
    """One cluster, every node a broker and a controller. Use as a context manager.

    Consumers reach the brokers directly; edges get the addresses of proxies.

    Args:
        directory: For data and logs.
        count: Nodes: 1 or 3.
        disk_bytes: Size of the disk of each node, where one may be mounted; 0 mounts none.

    Attributes:
        count: Nodes.
        lines: The proxy before each broker, for edges only.
    """

    def __init__(self, directory: Path, count: int, *, disk_bytes: int = 0) -> None:
        self.count = count
        self.lines: list[ProxyThread] = []
        self._directory = directory
        self._disk_bytes = disk_bytes
        self._have_disks = False
        self._nodes: list[EmbeddedKafka] = []
        self._ports: list[list[int]] = []
        self._running: dict[int, RunningKafka] = {}
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> "Brokers":
        ports = free_ports(_PORTS_PER_NODE * self.count)
        self._ports = [ports[_PORTS_PER_NODE * n :][:_PORTS_PER_NODE] for n in range(self.count)]
        cluster_id = new_cluster_id()
        with contextlib.ExitStack() as stack:
            if self._disk_bytes:
                self._directory.mkdir()
                self._have_disks = all(
                    stack.enter_context(small_disk(self._folder(number), self._disk_bytes))
                    for number in range(self.count)
                )
            self.lines = [stack.enter_context(ProxyThread(_HOST, it[2])) for it in self._ports]
            self._nodes = [self._node(number, cluster_id) for number in range(self.count)]
            stack.callback(self._stop)
            self.start()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stack.close()

    @property
    def addresses(self) -> list[str]:
        """Of all brokers, for consumers."""
        return [f"{_HOST}:{client}" for client, _, _ in self._ports]

    @property
    def edge_addresses(self) -> list[str]:
        """Of all brokers behind their proxies."""
        return [f"{_HOST}:{line.port}" for line in self.lines]

    @property
    def pids(self) -> list[int]:
        """Of the nodes that run."""
        return [running.pid for running in self._running.values()]

    def start(self) -> None:
        """Start all nodes that do not run, together: none answers before most of them are there."""
        self.kill([it for it in self._running if self._nodes[it].exit_code() is not None])
        missing = [number for number in range(self.count) if number not in self._running]
        if not missing:
            return
        with ThreadPoolExecutor(len(missing)) as pool:
            started = pool.map(
                lambda number: self._nodes[number].start(timeout_s=_START_S), missing
            )
            self._running |= dict(zip(missing, started, strict=True))

    def kill(self, numbers: Collection[int]) -> None:
        """End nodes with SIGKILL, all of them before the first is waited for."""
        killed = [number for number in numbers if number in self._running]
        for number in killed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._running.pop(number).pid, signal.SIGKILL)
        for number in killed:
            self._nodes[number].stop()

    @contextlib.contextmanager
    def full_disk(self, number: int) -> Iterator[bool]:
        """Fill the disk of a node for a `with` block; the node ends once it has to write.

        Yields:
            Whether its disk is full; not so where no disk of its own can be mounted.
        """
        filler = self._folder(number) / "filler"
        if self._have_disks:
            with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
                while file.write(bytes(_FILL_BYTES)):
                    pass
        try:
            yield self._have_disks
        finally:
            filler.unlink(missing_ok=True)

    def want_in_sync(self, topic: str, count: int | None = None) -> None:
        """Have a topic take messages only while so many of its replicas are in sync.

        Args:
            topic: On all brokers.
            count: 1 to all brokers; None is what it was made with.

        Raises:
            StillNot: The brokers do not answer.
        """
        client = AdminClient({"bootstrap.servers": ",".join(self.addresses), "log_level": 4})
        value = str(count or min(_IN_SYNC_MIN, self.count))
        entry = ConfigEntry(
            _IN_SYNC_MIN_SETTING, value, incremental_operation=AlterConfigOpType.SET
        )

        def done() -> bool:
            resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
            try:
                answers = client.incremental_alter_configs([resource], request_timeout=_ANSWER_S)
                answers[resource].result()
            except KafkaException:
                return False
            return True

        wait_until(done, f"{topic} wants {value} replicas in sync", timeout_s=_TOPICS_S)

    def on_lines(self, fault: Callable[[Proxy], object]) -> None:
        """Do something to the line between edges and every broker."""
        for line in self.lines:
            line.do(fault)

    def make_topics(self, partitions: dict[str, int]) -> None:
        """Make topics that are on all brokers."""
        kafka = KafkaConfig(brokers=tuple(map(Address.parse, self.addresses)))
        settings = {_IN_SYNC_MIN_SETTING: str(min(_IN_SYNC_MIN, self.count))}
        make_topics(kafka, partitions, replicas=self.count, settings=settings, timeout_s=_TOPICS_S)

    def lag(self, topic: str, partitions: int, group: str) -> int | None:
        """Return the messages that a group has not committed; None if brokers do not say."""
        client = Consumer({"bootstrap.servers": ",".join(self.addresses), "group.id": group})
        places = [TopicPartition(topic, number) for number in range(partitions)]
        try:
            committed = client.committed(places, timeout=_ANSWER_S)
            ends = [client.get_watermark_offsets(it, timeout=_ANSWER_S)[1] for it in places]
        except KafkaException:
            return None
        finally:
            client.close()
        return sum(end - max(0, it.offset) for it, end in zip(committed, ends, strict=True))

    def rewind(self, topic: str, partitions: int, group: str, to_ms: int) -> None:
        """Have a group without members read again what is in a topic since then.

        Args:
            topic: Of the log.
            partitions: Of the topic.
            group: Has no member.
            to_ms: Messages with this time stamp (since 1970) or a later one are read again.
        """
        client = Consumer({"bootstrap.servers": ",".join(self.addresses), "group.id": group})
        try:
            wanted = [TopicPartition(topic, number, to_ms) for number in range(partitions)]
            found = client.offsets_for_times(wanted, timeout=_ANSWER_S)
            # -1 is the end: there is no message so late.
            client.commit(offsets=[it for it in found if it.offset >= 0], asynchronous=False)
        finally:
            client.close()

    def _node(self, number: int, cluster_id: str) -> EmbeddedKafka:
        client, controller, edge = self._ports[number]
        voters = ",".join(f"{n + 1}@{_HOST}:{it[1]}" for n, it in enumerate(self._ports))
        own, others = f"PLAINTEXT://{_HOST}:{client}", f"CONTROLLER://{_HOST}:{controller}"
        settings = {
            "node.id": str(number + 1),
            "controller.quorum.voters": voters,
            "listeners": f"{own},EDGE://{_HOST}:{edge},{others}",
            "advertised.listeners": f"{own},EDGE://{_HOST}:{self.lines[number].port}",
            "inter.broker.listener.name": "PLAINTEXT",
            "listener.security.protocol.map": (
                "PLAINTEXT:PLAINTEXT,EDGE:PLAINTEXT,CONTROLLER:PLAINTEXT"
            ),
            "offsets.topic.replication.factor": str(self.count),
        }
        return EmbeddedKafka(
            self._folder(number),
            retention_mib=_RETENTION_MIB,
            ports=(client, controller),
            cluster_id=cluster_id,
            settings=settings,
            notify=print,
        )

    def _folder(self, number: int) -> Path:
        return self._directory / f"broker-{number + 1}"

    def _stop(self) -> None:
        for node in self._nodes:
            node.stop()
        self._running.clear()
