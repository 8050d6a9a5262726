"""`load` as a user runs it: to its end, or until a test ends it."""

import contextlib
import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loadtest.faults.proxy import Proxy, ProxyThread
from tests.process.forked_commands import run_forked
from tests.process.running_service import (
    QuestDBPorts,
    Section,
    ServicePorts,
    command,
    command_environment,
    merged,
    write_config,
)
from tests.process.stored_tables import until

LOAD_TIMEOUT_S = 60.0
NO_CHANGES: Section = {}
SMALL: Section = {"meter_usage": {"source": {"channel_capacity": 200}, "sink": {"batch_size": 100}}}
"""Small batches: many steps at which a load can be met."""
_LATE_S = 0.005
"""Each way of each batch: 100,000 rows take more than ten seconds, on a fast machine too."""


@dataclass(slots=True)
class Loader:
    """Loads files of one folder into one QuestDB.

    Attributes:
        place: Working folder; the journal is below it.
        config: Of the service.
        slow_config: Of what is started, not run; None: the same.
        line: Way to QuestDB that `start` slows and `run` does not; None: the straight one.
    """

    place: Path
    config: Path
    slow_config: Path | None = None
    line: ProxyThread | None = None
    journal: Path = field(init=False)
    started: "list[subprocess.Popen[str]]" = field(default_factory=list)

    def __post_init__(self) -> None:
        self.journal = self.place / "journal"

    def arguments(self, *arguments: str, into: str = "meter_usage") -> list[str]:
        common = ("--into", into, "--config", str(self.config), "--journal", str(self.journal))
        return ["load", *arguments, *common]

    def command(self, *arguments: str, into: str = "meter_usage") -> list[str]:
        return command(*self.arguments(*arguments, into=into))

    def run(
        self, *arguments: str, into: str = "meter_usage", stdin: bytes = b""
    ) -> "subprocess.CompletedProcess[str]":
        """Run it to its end."""
        self.hurry()
        return run_forked(
            self.arguments(*arguments, into=into),
            cwd=self.place,
            environment=command_environment(),
            timeout_s=LOAD_TIMEOUT_S,
            stdin=stdin,
        )

    def facts(self, *arguments: str, code: int = 0, into: str = "meter_usage") -> Mapping[str, Any]:
        """Run it to its end with this exit code, and return what it says as JSON."""
        done = self.run(*arguments, "--json", into=into)
        assert done.returncode == code, (done.stdout, done.stderr)
        facts: Mapping[str, Any] = json.loads(done.stdout)
        return facts

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start it; a test ends it, or lets it `hurry`."""
        if self.line is not None:
            self.line.do(lambda line: line.slow_down(delay_s=_LATE_S))
        words = self.command(*arguments)
        if self.slow_config is not None:
            words[words.index(str(self.config))] = str(self.slow_config)
        process = subprocess.Popen(
            words,
            cwd=self.place,
            env=command_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def hurry(self) -> None:
        """Let what was started go on without delay."""
        if self.line is not None:
            self.line.do(Proxy.mend)

    def close(self) -> None:
        """End what was started and has not ended yet."""
        for process in self.started:
            process.kill()
            process.communicate()

    def wait_journalled(self, process: "subprocess.Popen[str]", lines: int) -> None:
        """Return once the journal says that so many lines of its first file are settled."""

        def so_far() -> bool:
            assert process.poll() is None, "the load ended before it could be met"
            return self.journalled() >= lines

        until(so_far, f"{lines} lines are journalled", timeout_s=LOAD_TIMEOUT_S)

    def journalled(self) -> int:
        """Return how many lines the journal has as settled, over all files; 0 without one."""
        journals = list(self.journal.glob("*.json"))
        if not journals:
            return 0
        lines = journals[0].read_bytes().split(b"\n")[1:-1]  # without what is being written
        records = {record["identity"]["path"]: record for record in map(json.loads, lines)}
        return sum(record["place"]["lines"] for record in records.values())

    def leftovers(self) -> Sequence[str]:
        """Return what is left of journals."""
        return sorted(path.name for path in self.journal.glob("*"))


def loader(place: Path, questdb: QuestDBPorts, overrides: Section = NO_CHANGES) -> Loader:
    """Return what loads into this QuestDB. No service runs."""
    config = write_config(place / "load.toml", questdb, ServicePorts(1, 2, 3), overrides)
    return Loader(place, config)


@dataclass(frozen=True, slots=True)
class _Through:
    """A QuestDB behind a line."""

    http_port: int
    ilp_port: int
    pg_uri: str


@contextlib.contextmanager
def slow_loader(
    place: Path, questdb: QuestDBPorts, overrides: Section = NO_CHANGES
) -> Iterator[Loader]:
    """Yield what loads slowly enough for a test to meet it in the middle, on any machine."""
    with ProxyThread("127.0.0.1", questdb.http_port) as line:
        through = _Through(line.port, questdb.ilp_port, questdb.pg_uri)
        load = loader(place, through, overrides)
        load.slow_config = write_config(
            place / "slow.toml", through, ServicePorts(1, 2, 3), merged(SMALL, overrides)
        )
        load.line = line
        try:
            yield load
        finally:
            load.close()


def ended(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """Wait for the end; return exit code, standard output and standard error."""
    output, errors = process.communicate(timeout=LOAD_TIMEOUT_S)
    return process.returncode, output, errors
