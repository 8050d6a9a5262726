"""The real service as a child process, on free ports, with a config made for one test."""

import contextlib
import functools
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tests.process.forked_commands import ForkedProcess, run_forked, start_forked
from tests.process.process_family import descendants
from tests.process.raw_http import JSON, NDJSON, Answer, Connection, ask, post
from tests.process.stored_tables import until
from tests.process.toml_text import toml_lines

READY_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 20.0
PROJECT = Path(__file__).parents[2]

Section = Mapping[str, object]
"""A table of the config: settings and further tables by their TOML keys."""

MakeId = Callable[[str], str]


class QuestDBPorts(Protocol):
    """Where a QuestDB can be reached."""

    @property
    def http_port(self) -> int: ...
    @property
    def ilp_port(self) -> int: ...
    @property
    def pg_uri(self) -> str: ...


@dataclass(frozen=True, slots=True)
class ServicePorts:
    """The three ports of one service."""

    meter_usage: int
    generation_output: int
    operations: int

    def of(self, stream: str) -> int:
        return {"meter_usage": self.meter_usage, "generation_output": self.generation_output}[
            stream
        ]


def free_ports(count: int) -> list[int]:
    """Return different ports that nobody listens on just now."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def write_config(
    path: Path, questdb: QuestDBPorts, ports: ServicePorts, overrides: Section
) -> Path:
    """Write a config for this QuestDB and these ports, changed by `overrides`."""
    settings: Section = {
        "questdb": {
            "uri": questdb.pg_uri,
            "ilp_http_addr": f"127.0.0.1:{questdb.http_port}",
            "ilp_tcp_addr": f"127.0.0.1:{questdb.ilp_port}",
        },
        "meter_usage": {
            "source": {"http_bind_addr": f"127.0.0.1:{ports.meter_usage}", "workers": 1}
        },
        "generation_output": {
            "source": {"http_bind_addr": f"127.0.0.1:{ports.generation_output}", "workers": 1}
        },
        "metrics": {"bind_addr": f"127.0.0.1:{ports.operations}"},
    }
    path.write_text("\n".join(toml_lines(merged(settings, overrides), ())) + "\n")
    return path


def merged(base: Section, changes: Section) -> Section:
    """Return the settings with these changed or added."""
    both = dict(base)
    for key, change in changes.items():
        old = both.get(key)
        if isinstance(old, Mapping) and isinstance(change, Mapping):
            both[key] = merged(old, change)
        else:
            both[key] = change
    return both


def command(*arguments: str) -> list[str]:
    """Return the command line of `ingestion-service` with these arguments."""
    return [sys.executable, "-m", "utility_ts_analytics", *arguments]


def command_environment(extra: Mapping[str, str] = {}) -> dict[str, str]:
    """Return this process's environment without settings of the service, and the source on it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("INGESTION_")}
    return {**kept, "PYTHONPATH": str(PROJECT / "server"), **extra}


def run_command(
    *arguments: str,
    cwd: Path,
    extra: Mapping[str, str] = {},
    timeout_s: float = READY_TIMEOUT_S,
) -> subprocess.CompletedProcess[str]:
    """Run one command of the service to its end."""
    environment = command_environment(extra)
    return run_forked(arguments, cwd=cwd, environment=environment, timeout_s=timeout_s)


def run_without(package: str, *arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """Run one command to its end as if a package were not installed; writes into `cwd`."""
    (cwd / f"{package}.py").write_text(
        f"raise ModuleNotFoundError('No module named {package}', name='{package}')\n"
    )
    return subprocess.run(
        command(*arguments),
        cwd=cwd,
        env=command_environment({"PYTHONPATH": f"{cwd}{os.pathsep}{PROJECT / 'server'}"}),
        capture_output=True,
        text=True,
        timeout=READY_TIMEOUT_S,
        check=False,
    )


@dataclass(slots=True)
class RunningService:
    """One `serve` process (or another long-running command) and all that it started."""

    config: Path
    ports: ServicePorts
    output_path: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    stderr: int = subprocess.STDOUT
    verb: str = "serve"
    process: ForkedProcess | subprocess.Popen[bytes] = field(init=False)

    def start(self) -> None:
        """Start the process; it serves a moment later."""
        with self.output_path.open("wb") as output, Path(os.devnull).open("rb") as nothing:
            error = output.fileno() if self.stderr == subprocess.STDOUT else self.stderr
            self.process = start_forked(
                (self.verb, "--config", str(self.config)),
                cwd=self.output_path.parent,
                environment=command_environment(self.environment),
                files=[nothing.fileno(), output.fileno(), error],
            )

    def wait_ready(self) -> None:
        """Return once `/readyz` is 200."""
        self._wait_status("/readyz")

    def wait_serving(self) -> None:
        """Return once the service answers on all its ports, ready or not."""
        self._wait_status("/healthz")
        for stream in ("meter_usage", "generation_output"):
            listens = functools.partial(self._listens, stream)
            until(listens, f"{stream} is served", timeout_s=READY_TIMEOUT_S)

    def ask_operations(self, path: str) -> Answer:
        return ask(self.ports.operations, path)

    def unreadiness(self) -> str:
        """Return why `/readyz` is 503, or nothing where it is 200."""
        answer = self.ask_operations("/readyz")
        return answer.body.decode() if answer.status == 503 else ""

    def connect(self, stream: str = "meter_usage") -> Connection:
        return Connection(self.ports.of(stream))

    def post_lines(
        self,
        body: bytes,
        *,
        stream: str = "meter_usage",
        query: str = "",
        headers: Mapping[str, str] = {},
    ) -> Answer:
        """Post NDJSON; `headers` are added to the content type or replace it."""
        path = f"/ingest/{stream}/ndjson{query}"
        return post(self.ports.of(stream), path, body, {"content-type": NDJSON, **headers})

    def post_array(
        self,
        body: bytes,
        *,
        stream: str = "meter_usage",
        query: str = "",
        headers: Mapping[str, str] = {},
    ) -> Answer:
        """Post a JSON array or object; `headers` are added to the content type or replace it."""
        path = f"/ingest/{stream}{query}"
        return post(self.ports.of(stream), path, body, {"content-type": JSON, **headers})

    def output(self) -> str:
        """Return all that the service wrote to stdout and stderr."""
        return self.output_path.read_text(errors="replace")

    def terminate(self, timeout_s: float = STOP_TIMEOUT_S) -> int:
        """Send SIGTERM and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout_s)

    def end(self) -> None:
        """Stop the service whatever state it is in; leaves none of its processes behind."""
        if self.process.poll() is not None:
            return
        family = [self.process.pid, *descendants(self.process.pid)]
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.terminate()
            return
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(STOP_TIMEOUT_S)

    def _wait_status(self, path: str) -> None:
        def answers() -> bool:
            code = self.process.poll()
            assert code is None, f"the service ended with {code}: {self.output()}"
            try:
                return self.ask_operations(path).status == 200
            except ConnectionError:
                return False

        try:
            until(answers, f"{path} is 200", timeout_s=READY_TIMEOUT_S)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.output()}") from error

    def _listens(self, stream: str) -> bool:
        try:
            self.connect(stream).__exit__(None, None, None)
        except ConnectionError:
            return False
        return True


Launch = Callable[[Section], AbstractContextManager[RunningService]]
StartService = Callable[[Section], RunningService]


@contextlib.contextmanager
def run_service(
    place: Path,
    questdb: QuestDBPorts,
    overrides: Section,
    *,
    ready: bool = True,
    environment: Mapping[str, str] = {},
    stderr: int = subprocess.STDOUT,
) -> Iterator[RunningService]:
    """Run one service in the directory `place`, for the length of a `with` block.

    Args:
        place: Exists; holds the config and the output.
        questdb: Where the service looks for QuestDB; need not answer.
        overrides: Settings that differ from the defaults of these tests.
        ready: Whether to wait for `/readyz`, or only until the service answers at all.
        environment: Beside that of the tests.
        stderr: A descriptor for standard error; the log goes into the output file by default.
    """
    ports = ServicePorts(*free_ports(3))
    config = write_config(place / "config.toml", questdb, ports, overrides)
    service = RunningService(config, ports, place / "output.log", environment, stderr)
    service.start()
    try:
        if ready:
            service.wait_ready()
        else:
            service.wait_serving()
        yield service
    finally:
        service.end()
