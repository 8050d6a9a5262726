"""One Kafka node (KRaft, broker and controller in one) in a child JVM. Not for production.

`jars` finds Kafka; the Java, the guard and the data directory are those of the embedded QuestDB.
"""

import base64
import os
import socket
import subprocess
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from utility_ts_analytics.broker.jars import class_path, find_jars
from utility_ts_analytics.clock import Clock, SystemClock
from utility_ts_analytics.database.embedded_questdb.data_directory import DataDirectory
from utility_ts_analytics.database.embedded_questdb.jar import find_java
from utility_ts_analytics.database.embedded_questdb.jvm_process import JvmProcess
from utility_ts_analytics.database.embedded_questdb.server_settings import HOST, free_ports
from utility_ts_analytics.errors import OperatorError

_PROBE_TIMEOUT_S = 1.0
_LOCK_WAIT_S = 2.0
_FORMAT_TIMEOUT_S = 120.0
_HEAP_MIB = 256

_JVM = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")
"""The least CPU at the start: 3 s instead of 6."""

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class RunningKafka:
    """A broker that takes connections.

    Attributes:
        port: Of 127.0.0.1, for clients.
        pid: Process id of the JVM.
        log_path: What the JVM prints.
    """

    port: int
    pid: int
    log_path: Path

    @property
    def addr(self) -> str:
        """`host:port` for `kafka.brokers`."""
        return f"{HOST}:{self.port}"


class EmbeddedKafka:
    """Starts and stops one node on one data directory; may be started again after `stop`.

    The JVM ends with `stop`, with the `with` block, and by itself within about a second of the
    death of this process. Topics are not made by themselves: `sinks.kafka.cluster.make_topics`.

    Args:
        data_dir: Created if missing. One instance per directory; holds data and `log/`.
        retention_mib: Of each partition, MiB; older messages are deleted.
        ports: For clients and for controllers; None takes free ones.
        cluster_id: The same for all nodes of a cluster, which `settings` join; None makes one.
        settings: Further settings of the broker, by their names; they win over ours.
        environ: Of the JVM, and where JAVA_HOME is looked up; None takes this process's.
        notify: Told in one line when something slow begins, such as the download of the jars.
        clock: For deadlines.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        retention_mib: int = 256,
        ports: tuple[int, int] | None = None,
        cluster_id: str | None = None,
        settings: Mapping[str, str] | None = None,
        environ: Mapping[str, str] | None = None,
        notify: Callable[[str], None] = lambda _: None,
        clock: Clock | None = None,
    ) -> None:
        self._directory = DataDirectory(data_dir, "Kafka")
        self._retention_bytes = retention_mib * _MIB
        self._settings = dict(settings or {})
        self._environ = dict(os.environ if environ is None else environ)
        self._notify = notify
        self._clock = clock or SystemClock()
        self._ports = list(ports or ())
        self._cluster_id = cluster_id or new_cluster_id()
        self._jvm = JvmProcess(self._directory, self._clock)

    @property
    def log_path(self) -> Path:
        """Where the JVM's output goes, whether it runs or not."""
        return self._directory.log_path

    def start(self, *, timeout_s: float = 120.0, stop_timeout_s: float = 10.0) -> RunningKafka:
        """Start the node and return once it takes connections: 3 s on an idle machine.

        The port stays the same over restarts.

        Args:
            timeout_s: Longest time from the start of the JVM until then; a download of the jars
                comes before, with time-outs of its own.
            stop_timeout_s: How long the JVM may take to end after SIGTERM before it is killed.

        Raises:
            OperatorError: It cannot be started; one line that says what to do. Nothing is left
                running then.
        """
        if self._jvm.is_started:
            raise AssertionError("start() of an embedded Kafka that was started")
        java = find_java(self._environ, "Kafka")
        jars = class_path(find_jars(self._environ, notify=self._notify))
        lock_fd = self._directory.lock(self._clock, wait_s=_LOCK_WAIT_S)
        try:
            self._ports = self._ports or free_ports(2)
            port = self._ports[0]
            self._directory.prepare({"server.properties": self._properties(), "log4j2.xml": _LOG})
            command = [str(java), *self._java_arguments(jars)]
            if not (self._directory.path / "data" / "meta.properties").exists():
                self._format(command)
            pid = self._jvm.start(
                [*command, "kafka.Kafka", str(self._properties_path)],
                self._environ,
                lock_fd,
                answers=lambda: _takes_connections(port),
                timeout_s=timeout_s,
                stop_timeout_s=stop_timeout_s,
            )
        finally:
            os.close(lock_fd)
        return RunningKafka(port, pid, self.log_path)

    def stop(self, *, timeout_s: float = 20.0) -> None:
        """End the node and wait for it: SIGTERM first; does nothing if it does not run.

        Args:
            timeout_s: After this the JVM is killed.
        """
        self._jvm.stop(timeout_s=timeout_s)

    def exit_code(self) -> int | None:
        """Return None while the node runs or was not started, else the JVM's exit code."""
        return self._jvm.exit_code()

    def __enter__(self) -> RunningKafka:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def _properties_path(self) -> Path:
        return self._directory.path / "conf" / "server.properties"

    def _java_arguments(self, jars: str) -> list[str]:
        path = self._directory.path
        return [
            f"-Xmx{_HEAP_MIB}m",
            *_JVM,
            f"-XX:ErrorFile={path / 'log' / 'jvm-crash-%p.log'}",
            f"-Djava.io.tmpdir={path / 'tmp'}",
            f"-Dlog4j2.configurationFile={path / 'conf' / 'log4j2.xml'}",
            "-cp",
            jars,
        ]

    def _properties(self) -> str:
        client_port, controller_port = self._ports
        client, controller = f"{HOST}:{client_port}", f"{HOST}:{controller_port}"
        settings = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{controller}",
            "listeners": f"PLAINTEXT://{client},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{client}",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": str(self._directory.path / "data"),
            "auto.create.topics.enable": "false",
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "4",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            # A group of one machine is complete at once.
            "group.initial.rebalance.delay.ms": "0",
            "log.retention.bytes": str(self._retention_bytes),
            "log.segment.bytes": str(min(self._retention_bytes, 64 * _MIB)),
            **self._settings,
        }
        return "".join(f"{name}={value}\n" for name, value in settings.items())

    def _format(self, command: list[str]) -> None:
        """Make the data folder of a new cluster."""
        # One argument: an id may begin with a dash.
        named = f"--cluster-id={self._cluster_id}"
        arguments = ["format", named, "--config", str(self._properties_path)]
        try:
            done = subprocess.run(  # noqa: S603 - our own arguments
                [*command, "kafka.tools.StorageTool", *arguments],
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_FORMAT_TIMEOUT_S,
                env=self._environ,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise OperatorError(f"cannot start Kafka: cannot format its data: {error}") from error
        if done.returncode != 0:
            said = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
            raise OperatorError(f"cannot start Kafka: cannot format its data: {said}")


def new_cluster_id() -> str:
    """Return an id for a new cluster."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


_LOG = """\
<Configuration status="ERROR">
  <Appenders>
    <Console name="out"><PatternLayout pattern="%d %p %m (%c{1})%n"/></Console>
  </Appenders>
  <Loggers><Root level="WARN"><AppenderRef ref="out"/></Root></Loggers>
</Configuration>
"""


def _takes_connections(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=_PROBE_TIMEOUT_S).close()
    except OSError:
        return False
    return True
