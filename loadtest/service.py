"""Starts the service on free loopback ports, and ends it."""

import contextlib
import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from loadtest.processes import StillNot, wait_until

from utility_ts_analytics.database.embedded_questdb.server_settings import free_ports

PROJECT = Path(__file__).parents[1]
CONFIG_NAME = "ingestion-config.toml"
"""Name of the config file in a service's directory."""

_READY_TIMEOUT_S = 90.0
"""Servers of a fault suite start beside each other, on whatever machine there is."""
_STOP_TIMEOUT_S = 45.0
"""Longer than the drain timeout of the service, so that a clean end is not cut off."""

Value = str | int | bool
Table = Mapping[str, Value | list[str]]
"""A table of the config."""


class Database(Protocol):
    """Where a QuestDB listens, on 127.0.0.1."""

    @property
    def http_port(self) -> int:
        """Port of REST and of ILP over HTTP."""
        ...

    @property
    def ilp_port(self) -> int:
        """Port of ILP over TCP."""
        ...

    @property
    def pg_uri(self) -> str:
        """Address of pgwire."""
        ...


@dataclass(frozen=True, slots=True)
class DatabasePorts:
    """A `Database` behind proxies, or with a closed port."""

    http_port: int
    ilp_port: int
    pg_uri: str


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """Settings of a run; everything else has the defaults of the service.

    Attributes:
        workers: Processes for `meter_usage`; 0 is one per core.
        source: Further keys of `[meter_usage.source]`.
        sink: Further keys of `[meter_usage.sink]`.
        spool: Keys of `[meter_usage.spool]`; without any there is no such table.
        server: Keys of `[server]`.
        tables: Further tables by their names, such as "kafka".
    """

    workers: int = 0
    source: Mapping[str, Value] = field(default_factory=dict)
    sink: Mapping[str, Value] = field(default_factory=dict)
    spool: Mapping[str, Value] = field(default_factory=dict)
    server: Mapping[str, Value] = field(default_factory=dict)
    tables: Mapping[str, Table] = field(default_factory=dict)


@contextlib.contextmanager
def running_service(
    directory: Path, database: Database, settings: ServiceSettings, *, project: Path = PROJECT
) -> Iterator["ServiceProcess"]:
    """Apply the schema, run the service until it is ready, and stop it with SIGTERM at the end.

    Args:
        directory: For its config and log; made if it is missing.
        database: Its QuestDB.
        settings: Of its config.
        project: The checkout that it runs from.

    Raises:
        RuntimeError: It does not become ready, ends too early or does not end with 0. The message
            has the end of its log.
    """
    directory.mkdir(exist_ok=True)
    service = ServiceProcess(directory, database, settings, project=project)
    service.apply_schema()
    try:
        service.start()
        yield service
        code = service.stop()
        if code != 0:
            raise RuntimeError(f"the service ended with {code}: {_log_end(service.log_path)}")
    finally:
        service.end()


class ServiceProcess:
    """A service that may be started, ended in any way, and started again on the same ports.

    Args:
        directory: For its config and log; exists.
        database: Its QuestDB.
        settings: Of its config.
        verb: Of the command: "serve" or "consume".
        project: The checkout that it runs from.

    Attributes:
        config: The file.
    """

    def __init__(
        self,
        directory: Path,
        database: Database,
        settings: ServiceSettings,
        verb: str = "serve",
        *,
        project: Path = PROJECT,
    ) -> None:
        self._verb = verb
        self._project = project
        ports = free_ports(3)
        self.meter_usage_port, _, self.operations_port = ports
        self.log_path = directory / "service.log"
        self.config = directory / CONFIG_NAME
        self.config.write_text(_config_text(database, settings, ports))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id of the supervisor; its workers are below it."""
        return self._started.pid

    def apply_schema(self) -> None:
        """Make the tables that are missing.

        Raises:
            RuntimeError: That failed. The message holds the end of the log.
        """
        with self.log_path.open("ab") as log:
            applied = subprocess.run(  # noqa: S603 - our own interpreter and arguments
                command("schema", "apply", "--config", str(self.config), project=self._project),
                env=environment(self._project),
                cwd=self.config.parent,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                timeout=_READY_TIMEOUT_S,
                check=False,
            )
        if applied.returncode != 0:
            raise RuntimeError(f"the schema is not applied: {_log_end(self.log_path)}")

    def start(self, *, ready: bool = True) -> None:
        """Start it, and return once it is ready.

        Raises:
            RuntimeError: It ended, or takes too long. The message holds the end of its log.
        """
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
                command(self._verb, "--config", str(self.config), project=self._project),
                env=environment(self._project),
                cwd=self.config.parent,
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
        """End its supervisor with SIGKILL."""
        self._started.kill()
        self._started.wait()

    def end(self) -> None:
        """End it in whatever state it is. Idempotent."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            # Its workers end by themselves once it is gone.
            self._process.kill()
            self._process.wait()

    @property
    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise AssertionError("the service was not started")
        return self._process


def _await_answer(process: subprocess.Popen[bytes], port: int, path: str, log_path: Path) -> None:
    def answers() -> bool:
        if _is_ok(port, path):
            return True
        if process.poll() is not None:
            raise RuntimeError(f"the service ended with {process.returncode}: {_log_end(log_path)}")
        return False

    try:
        wait_until(answers, "the service is ready", timeout_s=_READY_TIMEOUT_S)
    except StillNot as error:
        raise RuntimeError(f"{error}: {_log_end(log_path)}") from None


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


def command(*arguments: str, project: Path = PROJECT) -> list[str]:
    """Return how the package's command is run from a checkout; in `environment`."""
    python = sys.executable if project == PROJECT else str(project / ".venv/bin/python")
    return [python, "-m", "utility_ts_analytics", *arguments]


def environment(project: Path = PROJECT) -> dict[str, str]:
    """Return our environment without settings of the service, a checkout's package on the path."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("INGESTION_")}
    return {**kept, "PYTHONPATH": str(project / "server")}


def _config_text(database: Database, settings: ServiceSettings, ports: list[int]) -> str:
    tables: dict[str, Table] = {
        "questdb": {
            "uri": database.pg_uri,
            "ilp_http_addr": f"127.0.0.1:{database.http_port}",
            "ilp_tcp_addr": f"127.0.0.1:{database.ilp_port}",
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
        **settings.tables,
    }
    lines: list[str] = []
    for name, values in tables.items():
        # JSON writes these scalars just as TOML does.
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    return "\n".join(lines) + "\n"
