"""Does the memory of a worker stay below the formula in docs/ARCHITECTURE.md, whatever comes in?

    python -m loadtest.memory [--only NAME]... [--stream-mb 4096] [--out FILE] [--list]

Each scenario has a fresh service with one worker, since a peak counts from the start of a process,
and all share a QuestDB of their own. Exit code 1: a bound or a goal is broken, or an answer is
wrong. Linux only: the peak is VmHWM of /proc.
"""

import argparse
import contextlib
import socket
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from loadtest.memory.bound import MIB
from loadtest.memory.report import Seen, failed, table
from loadtest.memory.scenarios import SCENARIOS, Scenario, Stage
from loadtest.meter_posts import produce
from loadtest.options import add_counts
from loadtest.process_figures import commit, family, listeners, machine
from loadtest.service_under_test import (
    DatabasePorts,
    RunningService,
    ServiceSettings,
    running_database,
    running_service,
)


@dataclass(frozen=True, slots=True)
class Place:
    """What all scenarios share.

    Attributes:
        database: Where the service writes.
        questdb_pid: Its process.
        lines: Generated readings.
        rows: Of that file.
        directory: For everything else.
        stream_bytes: How long the endless body is.
    """

    database: DatabasePorts
    questdb_pid: int
    lines: Path
    rows: int
    directory: Path
    stream_bytes: int


def run_scenario(scenario: Scenario, place: Place) -> Seen:
    """Run one scenario on a service of its own and return what its worker had at most."""
    with tempfile.TemporaryDirectory(dir=place.directory) as folder, _dead_port() as nobody:
        directory = Path(folder)
        database = place.database
        if scenario.ilp_gone:
            database = DatabasePorts(nobody, database.ilp, database.pg_uri)
        settings = ServiceSettings(
            workers=1,
            source=scenario.source,
            sink=scenario.sink,
            spool={"dir": str(directory / "spool")} if scenario.spools else {},
        )
        with running_service(directory, database, settings) as service:
            stage = Stage(
                service.meter_usage_port,
                place.questdb_pid,
                place.lines,
                place.rows,
                directory,
                place.stream_bytes,
            )
            worker = _worker(service)
            fault = ""
            try:
                scenario.run(stage)
            except (RuntimeError, OSError) as error:
                fault = str(error)[:300]
            peak_mib = next(
                (entry.rss_peak_bytes / MIB for entry in family(worker) if entry.pid == worker), 0.0
            )
    if not peak_mib:
        fault = fault or "the worker died"
    return Seen.of(scenario, peak_mib, fault)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the scenarios, print the table and return the exit code."""
    options = _parse(arguments)
    chosen = [one for one in SCENARIOS if not options.only or one.name in options.only]
    if options.list:
        print("\n".join(one.name for one in SCENARIOS))
        return 0
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="memory-")))
        lines = directory / "readings.ndjson"
        produce(lines, options.rows)
        running = stack.enter_context(running_database(directory / "questdb"))
        ports = DatabasePorts(running.http_port, running.ilp_port, running.pg_uri)
        place = Place(
            ports, running.pid, lines, options.rows, directory, options.stream_mb * 1_000_000
        )
        seen = []
        for scenario in chosen:
            seen.append(run_scenario(scenario, place))
            print(table(seen[-1:], head=len(seen) == 1), flush=True)
    broken = failed(seen)
    for line in broken:
        print(line)
    if options.out is not None:
        kept = {"commit": commit(), "machine": machine(), "seen": seen}
        options.out.write_bytes(msgspec.json.format(msgspec.json.encode(kept), indent=2) + b"\n")
    return 1 if broken else 0


@contextlib.contextmanager
def _dead_port() -> Iterator[int]:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound and not listening: nobody gets in
        yield int(held.getsockname()[1])


def _worker(service: RunningService) -> int:
    """Return the process that serves the stream: the last below the supervisor on its port."""
    pids = [entry.pid for entry in family(service.pid)]
    return listeners(pids, service.meter_usage_port)[-1]


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtest.memory")
    names = [one.name for one in SCENARIOS]
    parser.add_argument("--only", action="append", choices=names, help="this one; may be repeated")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where the result goes as JSON")
    parser.add_argument("--list", action="store_true", help="print the names")
    add_counts(
        parser,
        {
            "stream-mb": (4_096, "MB of the endless body"),
            "rows": (1_000_000, "readings in the file that bodies are cut from"),
        },
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
