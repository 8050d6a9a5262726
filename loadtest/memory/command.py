"""`python -m loadtest memory`: holds the memory of a worker to the documented formula."""

import argparse
import contextlib
import socket
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from loadtest.command_line import Table, add_choice, add_counts, command_parser
from loadtest.database import own_questdb
from loadtest.memory.bound import bound_mib
from loadtest.memory.scenarios import SCENARIOS, Scenario, Stage
from loadtest.processes import MIB, family, listeners
from loadtest.readings import produce
from loadtest.service import DatabasePorts, ServiceProcess, ServiceSettings, running_service

TABLE = Table(("scenario", 14), ("bound MiB", 9), ("goal MiB", 9), ("seen MiB", 9), ("", 6))
STREAM_OVER_UPLOADS_MIB = 10 * 1e6 / 2**20
"""How much more than 64 uploads one endless body may take: 10 MB."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One scenario, MiB: bound by the formula, goal if there is one, peak.

    `fault` is what was wrong with the answers; empty if nothing was.
    """

    name: str
    bound_mib: float
    goal_mib: float | None
    peak_mib: float
    fault: str = ""


def failed(seen: Sequence[Seen]) -> list[str]:
    """Return broken bounds and goals and wrong answers, one line each."""
    broken = []
    peaks = {entry.name: entry.peak_mib for entry in seen}
    for entry in seen:
        if entry.fault:
            broken.append(f"{entry.name}: {entry.fault}")
        if entry.peak_mib > entry.bound_mib:
            broken.append(
                f"{entry.name}: {entry.peak_mib:.0f} MiB seen, {entry.bound_mib:.0f} by the formula"
            )
        if entry.goal_mib is not None and entry.peak_mib > entry.goal_mib:
            broken.append(
                f"{entry.name}: {entry.peak_mib:.0f} MiB seen, the goal is {entry.goal_mib:.0f}"
            )
    if {"stream", "uploads"} <= peaks.keys():
        over_mib = peaks["stream"] - peaks["uploads"]
        if over_mib > STREAM_OVER_UPLOADS_MIB:
            broken.append(f"stream: {over_mib:.0f} MiB more than uploads, at most 10 MB")
    return broken


def table_row(seen: Seen) -> str:
    """Return the row of a scenario."""
    goal = "-" if seen.goal_mib is None else f"{seen.goal_mib:.0f}"
    verdict = "BROKEN" if failed([seen]) else "ok"
    return TABLE.row([seen.name, f"{seen.bound_mib:.0f}", goal, f"{seen.peak_mib:.1f}", verdict])


def run_scenario(scenario: Scenario, shared: Stage) -> Seen:
    """Run one scenario on a service of its own and return the peak of its worker."""
    with tempfile.TemporaryDirectory(dir=shared.directory) as folder, _closed_port() as closed:
        directory = Path(folder)
        database = shared.database
        if scenario.ilp_gone:
            database = DatabasePorts(closed, database.ilp_port, database.pg_uri)
        settings = ServiceSettings(
            workers=1,
            source=scenario.source,
            sink=scenario.sink,
            spool={"dir": str(directory / "spool")} if scenario.spools else {},
        )
        with running_service(directory, database, settings) as service:
            stage = replace(shared, port=service.meter_usage_port, directory=directory)
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
    bound = bound_mib(scenario.limits, scenario.load)
    return Seen(scenario.name, bound, scenario.goal_mib, peak_mib, fault)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the scenarios, print the table and return the exit code."""
    options = _parse(arguments)
    chosen = [one for one in SCENARIOS if not options.only or one.name in options.only]
    if options.list:
        print("\n".join(one.name for one in SCENARIOS))
        return 0
    with own_questdb("memory-") as own:
        lines = own.directory / "readings.ndjson"
        produce(lines, options.rows)
        stream_bytes = options.stream_mb * 1_000_000
        stage = Stage(
            own.running, own.running.pid, lines, options.rows, own.directory, stream_bytes
        )
        seen = []
        print(TABLE.heading())
        for scenario in chosen:
            seen.append(run_scenario(scenario, stage))
            print(table_row(seen[-1]), flush=True)
    broken = failed(seen)
    for line in broken:
        print(line)
    return 1 if broken else 0


@contextlib.contextmanager
def _closed_port() -> Iterator[int]:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound but not listening
        yield int(held.getsockname()[1])


def _worker(service: ServiceProcess) -> int:
    """Return the process that serves the stream."""
    pids = [entry.pid for entry in family(service.pid)]
    return listeners(pids, service.meter_usage_port)[-1]


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser(
        "memory",
        "Hold the peak memory of a worker (VmHWM) to the documented formula. Each scenario has a"
        " fresh service with one worker. Starts a QuestDB. Exit code 1: a bound or a goal is"
        " broken, the endless body took 10 MB more than the uploads, or an answer was wrong.",
        example="--only uploads --only stream --stream-mb 500",
    )
    add_choice(parser, [one.name for one in SCENARIOS], "scenario")
    add_counts(
        parser,
        {
            "stream-mb": (4_096, "MB of the endless body"),
            "rows": (1_000_000, "readings in the file that bodies are cut from"),
        },
    )
    return parser.parse_args(arguments)
