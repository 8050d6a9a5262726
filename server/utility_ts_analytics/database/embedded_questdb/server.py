"""The embedded QuestDB: one real server in a child JVM, for `dev` and for tests.

`server_settings` has its settings, `jar` finds the jar and a Java, `jvm_process` runs the JVM, and
`jvm_guard` ends it when this process has ended.
"""

import http.client
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from utility_ts_analytics.clock import Clock, SystemClock
from utility_ts_analytics.database.embedded_questdb.data_directory import DataDirectory
from utility_ts_analytics.database.embedded_questdb.jar import find_jar, find_java
from utility_ts_analytics.database.embedded_questdb.jvm_process import JvmProcess
from utility_ts_analytics.database.embedded_questdb.server_settings import (
    HOST,
    LOG_CONF,
    PASSWORD,
    USER,
    Ports,
    java_arguments,
    server_environment,
)
from utility_ts_analytics.errors import OperatorError

_PROBE_TIMEOUT_S = 1.0
_LOCK_WAIT_S = 2.0
"""A JVM whose parent was killed ends within a second: worth waiting for."""


@dataclass(frozen=True, slots=True)
class RunningQuestDB:
    """A QuestDB that answers.

    Attributes:
        ports: Where, all on 127.0.0.1.
        pid: Process id of the JVM.
        log_path: What the JVM and QuestDB's life cycle print.
    """

    ports: Ports
    pid: int
    log_path: Path

    @property
    def http_port(self) -> int:
        """Port of ILP over HTTP, REST and the web console."""
        return self.ports.http

    @property
    def pg_port(self) -> int:
        """Port of pgwire."""
        return self.ports.pg

    @property
    def ilp_port(self) -> int:
        """Port of ILP over TCP."""
        return self.ports.ilp

    @property
    def health_port(self) -> int:
        """Port of health and metrics."""
        return self.ports.health

    @property
    def http_addr(self) -> str:
        """`host:port` for `questdb.ilp_http_addr`."""
        return f"{HOST}:{self.ports.http}"

    @property
    def ilp_tcp_addr(self) -> str:
        """`host:port` for `questdb.ilp_tcp_addr`."""
        return f"{HOST}:{self.ports.ilp}"

    @property
    def pg_uri(self) -> str:
        """URI for `questdb.uri`."""
        return f"postgresql://{USER}:{PASSWORD}@{HOST}:{self.ports.pg}/qdb"


class EmbeddedQuestDB:
    """Starts and stops one QuestDB 9.3.4 on one data directory; may be started again after `stop`.

    The JVM ends with `stop`, with the `with` block, and by itself within about a second of the
    death of this process, however it died. Ctrl-C in the terminal does not reach it. Not
    thread-safe; any thread may start it, and the thread may end.

    Args:
        data_dir: Created if missing. One instance per directory; holds data and `log/`.
        ports: Where to listen; None chooses free ports, which stay the same over restarts.
        free_if_taken: Whether to choose free ports instead if one of `ports` is in use.
        heap_mib: Largest Java heap, MiB. QuestDB keeps rows, columns and buffers outside it: taking
            6 M readings used 145 to 350 MiB of heap, and its limit, 192 to 2048, made no
            difference to the rate beyond the noise. With 128 it does not start.
        environ: Environment of the JVM, and where JAVA_HOME and QUESTDB_JAR are looked up;
            None takes this process's. `QDB_` settings of ours win over it.
        notify: Told in one line when something slow begins, such as the download of the jar.
        clock: For deadlines.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        ports: Ports | None = None,
        free_if_taken: bool = False,
        heap_mib: int = 512,
        environ: Mapping[str, str] | None = None,
        notify: Callable[[str], None] = lambda _: None,
        clock: Clock | None = None,
    ) -> None:
        self._directory = DataDirectory(data_dir, "QuestDB")
        self._ports = ports
        self._free_if_taken = free_if_taken
        self._heap_mib = heap_mib
        self._environ = dict(os.environ if environ is None else environ)
        self._notify = notify
        self._clock = clock or SystemClock()
        self._jvm = JvmProcess(self._directory, self._clock)

    @property
    def log_path(self) -> Path:
        """Where the JVM's output goes, whether it runs or not."""
        return self._directory.log_path

    def start(self, *, timeout_s: float = 120.0, stop_timeout_s: float = 10.0) -> RunningQuestDB:
        """Start the server and return once it answers on its HTTP, pgwire and health ports.

        Args:
            timeout_s: Longest time from the start of the JVM until it answers, 2 s on an idle
                machine; a download of the jar comes before, with time-outs of its own.
            stop_timeout_s: How long the JVM may take to end after SIGTERM before it is killed.

        Raises:
            OperatorError: It cannot be started; one line that says what to do. Nothing is left
                running then.
        """
        if self._jvm.is_started:
            raise AssertionError("start() of an embedded QuestDB that was started")
        java = find_java(self._environ)
        jar = find_jar(self._environ, notify=self._notify)
        lock_fd = self._directory.lock(self._clock, wait_s=_LOCK_WAIT_S)
        try:
            self._ports = ports = self._choose_ports()
            self._directory.prepare({"log.conf": LOG_CONF})
            arguments = java_arguments(jar, self._directory.path, heap_mib=self._heap_mib)
            pid = self._jvm.start(
                [str(java), *arguments],
                {**self._environ, **server_environment(ports, cores=os.cpu_count() or 1)},
                lock_fd,
                answers=lambda: _answers(ports),
                timeout_s=timeout_s,
                stop_timeout_s=stop_timeout_s,
            )
        finally:
            os.close(lock_fd)
        return RunningQuestDB(ports, pid, self.log_path)

    def stop(self, *, timeout_s: float = 20.0) -> None:
        """End the server and wait for it; does nothing if it does not run.

        SIGTERM first, SIGKILL after the `stop_timeout_s` of `start`. Rows acknowledged before are
        there after the next start either way.

        Args:
            timeout_s: After this the guard itself is killed, and with it (on Linux) the JVM.
        """
        self._jvm.stop(timeout_s=timeout_s)

    def exit_code(self) -> int | None:
        """Return None while the server runs or was not started, else the JVM's exit code.

        143 is a stop by SIGTERM, 137 a kill.
        """
        return self._jvm.exit_code()

    def __enter__(self) -> RunningQuestDB:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _choose_ports(self) -> Ports:
        ports = self._ports or Ports.free()
        taken = ports.taken()
        if not taken:
            return ports
        if self._free_if_taken:
            return Ports.free()
        raise OperatorError(
            f"cannot start QuestDB: port {', '.join(taken)} of {HOST} in use; stop the other "
            "program, or choose other ports"
        )


def _answers(ports: Ports) -> bool:
    """Return whether health says 200 and every port takes connections."""
    health = http.client.HTTPConnection(HOST, ports.health, timeout=_PROBE_TIMEOUT_S)
    try:
        health.request("GET", "/status")
        if health.getresponse().status != http.HTTPStatus.OK:
            return False
        # Health opens before pgwire and ILP over TCP do.
        for port in (ports.http, ports.pg, ports.ilp):
            socket.create_connection((HOST, port), timeout=_PROBE_TIMEOUT_S).close()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        health.close()
    return True
