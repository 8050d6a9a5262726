"""`load` as a user runs it: to its end, or until a test ends it."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.process.running_service import (
    QuestDBPorts,
    Section,
    ServicePorts,
    command,
    command_environment,
    write_config,
)
from tests.process.stored_tables import until

LOAD_TIMEOUT_S = 60.0
NO_CHANGES: Section = {}
SLOW: Section = {"meter_usage": {"source": {"channel_capacity": 200}, "sink": {"batch_size": 100}}}
"""Small batches: a load of 300,000 rows takes some seconds, so that a test can meet it. In batches
of 250 it was over in the second after which the journal is first written."""


@dataclass(slots=True)
class Loader:
    """Loads files of one folder into one QuestDB.

    Attributes:
        place: Working folder; the journal is below it.
        config: Of the service.
    """

    place: Path
    config: Path
    journal: Path = field(init=False)
    started: "list[subprocess.Popen[str]]" = field(default_factory=list)

    def __post_init__(self) -> None:
        self.journal = self.place / "journal"

    def command(self, *arguments: str, into: str = "meter_usage") -> list[str]:
        common = ("--into", into, "--config", str(self.config), "--journal", str(self.journal))
        return command("load", *arguments, *common)

    def run(
        self, *arguments: str, into: str = "meter_usage", stdin: bytes = b""
    ) -> "subprocess.CompletedProcess[str]":
        """Run it to its end."""
        done = subprocess.run(
            self.command(*arguments, into=into),
            cwd=self.place,
            env=command_environment(),
            input=stdin,
            capture_output=True,
            timeout=LOAD_TIMEOUT_S,
            check=False,
        )
        return subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
        )

    def facts(self, *arguments: str, code: int = 0, into: str = "meter_usage") -> Mapping[str, Any]:
        """Run it to its end with this exit code, and return what it says as JSON."""
        done = self.run(*arguments, "--json", into=into)
        assert done.returncode == code, (done.stdout, done.stderr)
        facts: Mapping[str, Any] = json.loads(done.stdout)
        return facts

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start it; a test ends it."""
        process = subprocess.Popen(
            self.command(*arguments),
            cwd=self.place,
            env=command_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

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
        content = json.loads(journals[0].read_bytes())
        return sum(record["place"]["lines"] for record in content["files"].values())

    def leftovers(self) -> Sequence[str]:
        """Return what is left of journals."""
        return sorted(path.name for path in self.journal.glob("*"))


def loader(place: Path, questdb: QuestDBPorts, overrides: Section = NO_CHANGES) -> Loader:
    """Return what loads into this QuestDB. No service runs."""
    config = write_config(place / "load.toml", questdb, ServicePorts(1, 2, 3), overrides)
    return Loader(place, config)


def ended(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """Wait for the end; return exit code, standard output and standard error."""
    output, errors = process.communicate(timeout=LOAD_TIMEOUT_S)
    return process.returncode, output, errors
