"""Starts what a proof needs, on free loopback ports, and ends it all: QuestDB and the service."""

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from utility_ts_analytics.database.embedded import EmbeddedQuestDB, RunningQuestDB

_PROJECT = Path(__file__).parents[1]
CONFIG_NAME = "ingestion-config.toml"
"""Of a service's config in its directory."""

_READY_TIMEOUT_S = 30.0
_STOP_TIMEOUT_S = 45.0
"""Over the drain time-out of the service, so that a clean end is not cut off."""

Value = str | int | bool


@dataclass(frozen=True, slots=True)
class DatabasePorts:
    """Where a QuestDB listens, all on 127.0.0.1."""

    http: int
    ilp: int
    pg_uri: str


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """What a proof may choose; all else stays at the defaults of the service.

    Attributes:
        workers: Processes for `meter_usage`; 0 is one per core.
        source: Further keys of `[meter_usage.source]`.
        sink: Further keys of `[meter_usage.sink]`.
        spool: Keys of `[meter_usage.spool]`; without any there is no such table.
        server: Keys of `[server]`.
    """

    workers: int = 0
    source: Mapping[str, Value] = field(default_factory=dict)
    sink: Mapping[str, Value] = field(default_factory=dict)
    spool: Mapping[str, Value] = field(default_factory=dict)
    server: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunningService:
    """A service that is ready.

    Attributes:
        pid: Of the supervisor; its workers are below it.
        meter_usage_port: Of that stream.
        operations_port: Of `/readyz` and the like.
        log_path: All that it writes to stdout and stderr.
    """

    pid: int
    meter_usage_port: int
    operations_port: int
    log_path: Path


@contextlib.contextmanager
def running_database(directory: Path) -> Iterator[RunningQuestDB]:
    """Run an embedded QuestDB with its data in `directory`; no tables yet."""
    with EmbeddedQuestDB(directory, notify=print) as database:
        yield database


@contextlib.contextmanager
def running_service(
    directory: Path, database: DatabasePorts, settings: ServiceSettings
) -> Iterator[RunningService]:
    """Apply the schema, run the service and stop it with SIGTERM.

    Args:
        directory: For its config and log; exists.
        database: The QuestDB it writes to.
        settings: What differs from the defaults.

    Raises:
        RuntimeError: It does not become ready, ends too early or does not end with 0. The message
            holds the end of its log.
    """
    service = ServiceProcess(directory, database, settings)
    service.apply_schema()
    try:
        service.start()
        yield RunningService(
            service.pid, service.meter_usage_port, service.operations_port, service.log_path
        )
        code = service.stop()
        if code != 0:
            raise RuntimeError(f"the service ended with {code}: {_log_end(service.log_path)}")
    finally:
        service.end()


class ServiceProcess:
    """A service that may be started, ended in any way, and started again on the same ports.

    Args:
        directory: For its config and log; exists.
        database: The QuestDB it writes to.
        settings: What differs from the defaults.
    """

    def __init__(self, directory: Path, database: DatabasePorts, settings: ServiceSettings) -> None:
        ports = _free_ports(3)
        self.meter_usage_port, _, self.operations_port = ports
        self.log_path = directory / "service.log"
        self._config = directory / CONFIG_NAME
        self._config.write_text(_config_text(database, settings, ports))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the supervisor that was started last."""
        return self._started.pid

    def apply_schema(self) -> None:
        """Make the tables that are missing.

        Raises:
            RuntimeError: That failed. The message holds the end of the log.
        """
        _apply_schema(self._config, self.log_path)

    def start(self, *, ready: bool = True) -> None:
        """Start it, and return once it is ready.

        Args:
            ready: False waits only until it answers at all.

        Raises:
            RuntimeError: It ended, or takes too long. The message holds the end of its log.
        """
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
                command("serve", "--config", str(self._config)),
                env=environment(),
                cwd=self._config.parent,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        path = "/readyz" if ready else "/healthz"
        _await_answer(self._process, self.operations_port, path, self.log_path)

    @property
    def runs(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def await_ready(self) -> None:
        """Return once it is ready.

        Raises:
            RuntimeError: It ended, or takes too long. The message holds the end of its log.
        """
        _await_answer(self._started, self.operations_port, "/readyz", self.log_path)

    def stop(self) -> int:
        """End it with SIGTERM and return its exit code."""
        self._started.terminate()
        return self._started.wait(_STOP_TIMEOUT_S)

    def kill(self) -> None:
        """End its supervisor with SIGKILL; what becomes of the workers is up to them."""
        self._started.kill()
        self._started.wait()

    def end(self) -> None:
        """End it whatever state it is in. Idempotent."""
        if self._process is not None and self._process.poll() is None:
            _end(self._process)

    @property
    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise AssertionError("the service was not started")
        return self._process


def _apply_schema(config: Path, log_path: Path) -> None:
    with log_path.open("ab") as log:
        applied = subprocess.run(  # noqa: S603 - our own interpreter and arguments
            command("schema", "apply", "--config", str(config)),
            env=environment(),
            cwd=config.parent,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            timeout=_READY_TIMEOUT_S,
            check=False,
        )
    if applied.returncode != 0:
        raise RuntimeError(f"the schema is not applied: {_log_end(log_path)}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        # Its workers end by themselves once it is gone.
        process.kill()
        process.wait()


def _await_answer(process: subprocess.Popen[bytes], port: int, path: str, log_path: Path) -> None:
    pause = threading.Event()
    end_s = time.monotonic() + _READY_TIMEOUT_S
    while not _is_ok(port, path):
        if process.poll() is not None:
            raise RuntimeError(f"the service ended with {process.returncode}: {_log_end(log_path)}")
        if time.monotonic() > end_s:
            raise RuntimeError(
                f"the service is not ready in {_READY_TIMEOUT_S:g} s: {_log_end(log_path)}"
            )
        pause.wait(0.05)


def _is_ok(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _log_end(log_path: Path) -> str:
    return log_path.read_text(errors="replace")[-2000:]


def command(*arguments: str) -> list[str]:
    """Return how our package's command is run; in `environment`."""
    return [sys.executable, "-m", "utility_ts_analytics", *arguments]


def environment() -> dict[str, str]:
    """Return our environment without settings of the service, the package on the path."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("INGESTION_")}
    return {**kept, "PYTHONPATH": str(_PROJECT / "server")}


def _free_ports(count: int) -> list[int]:
    """Return different ports that nobody listens on just now."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def _config_text(database: DatabasePorts, settings: ServiceSettings, ports: list[int]) -> str:
    tables: dict[str, Mapping[str, Value]] = {
        "questdb": {
            "uri": database.pg_uri,
            "ilp_http_addr": f"127.0.0.1:{database.http}",
            "ilp_tcp_addr": f"127.0.0.1:{database.ilp}",
        },
        "meter_usage.source": {
            "http_bind_addr": f"127.0.0.1:{ports[0]}",
            "workers": settings.workers,
            **settings.source,
        },
        "meter_usage.sink": settings.sink,
        **({"meter_usage.spool": settings.spool} if settings.spool else {}),
        "generation_output.source": {"http_bind_addr": f"127.0.0.1:{ports[1]}"},
        "metrics": {"bind_addr": f"127.0.0.1:{ports[2]}"},
        "server": settings.server,
    }
    lines: list[str] = []
    for name, values in tables.items():
        # JSON writes these scalars just as TOML does.
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    return "\n".join(lines) + "\n"
