"""Posts generated readings several times over and proves that each is stored once, as it was sent.

    python -m loadtest.million_twice [--rows 1000000] [--connections 4] [--times 2]

Runs a QuestDB and a service of its own. Exit code 0: the table holds exactly what was posted, every
value of every column; 1: it does not, the first differences are printed.
"""

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtest.meter_posts import CONTENT_TYPE, PATH, fault_of, produce
from loadtest.options import add_counts
from loadtest.posting import Body, PostedRun, Target, post_bodies, split_bodies
from loadtest.questdb_rest import QuestDBRest
from loadtest.service_under_test import (
    DatabasePorts,
    ServiceSettings,
    running_database,
    running_service,
)
from loadtest.stored_comparison import TABLE, Verdict, compare

_CHUNK_BYTES = 256 * 1024
_FAULTS_PRINTED_MAX = 20


@dataclass(frozen=True, slots=True)
class Settings:
    """What to post and how.

    Attributes:
        rows: Readings of one pass.
        connections: At the same time.
        times: Passes over the same readings.
        body_rows: Readings of one request.
    """

    rows: int = 1_000_000
    connections: int = 4
    times: int = 2
    body_rows: int = 50_000


def post_passes(path: Path, port: int, database: QuestDBRest, settings: Settings) -> list[str]:
    """Post the whole file `settings.times` times and wait until all of it is applied.

    Prints the speed of each pass.

    Returns:
        What was wrong with the answers; empty if each was right.
    """
    bodies = split_bodies(path, settings.body_rows)
    target = Target(port, PATH, CONTENT_TYPE, chunk_bytes=_CHUNK_BYTES)
    faults: list[str] = []
    for number in range(1, settings.times + 1):
        run = post_bodies(path, bodies, target, connections=settings.connections)
        database.wait_applied(TABLE)
        _print_speed(number, run, bodies)
        found = (fault_of(answer) for answer in run.answers)
        faults += [f"pass {number}, {fault}" for fault in found if fault is not None]
    return faults


def report(verdict: Verdict, faults: Sequence[str]) -> int:
    """Print the result and return the exit code."""
    for fault in faults[:_FAULTS_PRINTED_MAX]:
        print(f"wrong answer: {fault}")
    for difference in verdict.differences:
        print(f"difference: {difference}")
    print(
        f"sent {verdict.sent_rows} rows with {verdict.sent_keys} keys;"
        f" stored {verdict.stored_rows} rows with {verdict.stored_keys} keys;"
        f" compared {verdict.compared_rows} rows: {verdict.difference_count} differences,"
        f" {len(faults)} wrong answers"
    )
    passed = verdict.equal and not faults
    print("every reading is stored once, every value as sent" if passed else "FAILED")
    return 0 if passed else 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the proof and return its exit code."""
    settings = _parse(arguments)
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="million-twice-")))
        lines = directory / "readings.ndjson"
        produce(lines, settings.rows)
        running = stack.enter_context(running_database(directory / "questdb"))
        ports = DatabasePorts(running.http_port, running.ilp_port, running.pg_uri)
        service = stack.enter_context(running_service(directory, ports, ServiceSettings()))
        database = stack.enter_context(QuestDBRest(running.http_port))
        faults = post_passes(lines, service.meter_usage_port, database, settings)
        started_s = time.monotonic()
        verdict = compare(lines, database)
        print(f"compared in {time.monotonic() - started_s:.1f} s")
        return report(verdict, faults)


def _print_speed(number: int, run: PostedRun, bodies: Sequence[Body]) -> None:
    rows, size = sum(body.rows for body in bodies), sum(body.size for body in bodies)
    visible_s = time.monotonic() - run.started_s
    print(
        f"pass {number}: {rows} rows, {size / 2**20:.0f} MiB in {len(bodies)} bodies;"
        f" acknowledged {rows / run.elapsed_s:,.0f} rows/s,"
        f" {size / run.elapsed_s / 2**20:.0f} MiB/s;"
        f" visible {rows / visible_s:,.0f} rows/s"
    )


def _parse(arguments: Sequence[str] | None) -> Settings:
    default = Settings()
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.million_twice",
        description="Post readings several times and prove that each is stored once, as sent.",
    )
    add_counts(
        parser,
        {
            "rows": (default.rows, "readings of one pass"),
            "connections": (default.connections, "at the same time"),
            "times": (default.times, "passes over the same readings"),
            "body-rows": (default.body_rows, "readings of one request"),
        },
    )
    return Settings(**vars(parser.parse_args(arguments)))


if __name__ == "__main__":
    sys.exit(main())
