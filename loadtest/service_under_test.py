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
    """

    workers: int = 0
    source: Mapping[str, Value] = field(default_factory=dict)
    sink: Mapping[str, Value] = field(default_factory=dict)


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
    ports = _free_ports(3)
    config = directory / "ingestion-config.toml"
    config.write_text(_config_text(database, settings, ports))
    log_path = directory / "service.log"
    _apply_schema(config, log_path)
    with log_path.open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
            _command("serve", "--config", str(config)),
            env=_environment(),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        _await_ready(process, ports[2], log_path)
        yield RunningService(process.pid, ports[0], ports[2], log_path)
        process.terminate()
        if process.wait(_STOP_TIMEOUT_S) != 0:
            raise RuntimeError(f"the service ended with {process.returncode}: {_log_end(log_path)}")
    finally:
        if process.poll() is None:
            _end(process)


def _apply_schema(config: Path, log_path: Path) -> None:
    with log_path.open("wb") as log:
        applied = subprocess.run(  # noqa: S603 - our own interpreter and arguments
            _command("schema", "apply", "--config", str(config)),
            env=_environment(),
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


def _await_ready(process: subprocess.Popen[bytes], port: int, log_path: Path) -> None:
    pause = threading.Event()
    end_s = time.monotonic() + _READY_TIMEOUT_S
    while not _is_ready(port):
        if process.poll() is not None:
            raise RuntimeError(f"the service ended with {process.returncode}: {_log_end(log_path)}")
        if time.monotonic() > end_s:
            raise RuntimeError(
                f"the service is not ready in {_READY_TIMEOUT_S:g} s: {_log_end(log_path)}"
            )
        pause.wait(0.05)


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _log_end(log_path: Path) -> str:
    return log_path.read_text(errors="replace")[-2000:]


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "utility_ts_analytics", *arguments]


def _environment() -> dict[str, str]:
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
        "generation_output.source": {"http_bind_addr": f"127.0.0.1:{ports[1]}"},
        "metrics": {"bind_addr": f"127.0.0.1:{ports[2]}"},
    }
    lines: list[str] = []
    for name, values in tables.items():
        # JSON writes these scalars just as TOML does.
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    return "\n".join(lines) + "\n"
