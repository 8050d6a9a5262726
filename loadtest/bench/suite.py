"""Runs cases, each in a process of its own, with a QuestDB beside those that need one."""

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
from loadtest.bench import samples
from loadtest.bench.catalogue import Bench
from loadtest.bench.end_to_end import write_ilp
from loadtest.bench.figures import Figures
from loadtest.bench.request import Database, Request
from loadtest.bench.stopping import wait_or_stop
from loadtest.posting import Target, post_bodies, split_bodies
from loadtest.service_under_test import running_database

from utility_ts_analytics.database.schema import apply_schema

_PROJECT = Path(__file__).parents[2]
_CASE_TIMEOUT_S = 900.0
_WARM_UP_ROWS = 100_000
_WARM_UP_TIMES = 20
"""QuestDB is slow until its JVM is warm, which takes it two million rows or so."""


@dataclass(frozen=True, slots=True)
class NotMeasured:
    """A case that could not be measured; what it said is on stderr."""

    bench: str
    case: str


class Suite:
    """Measures cases, one at a time. Use as a context manager: leaving it ends its QuestDB.

    Args:
        quick: Whether to do no more than show that everything runs.
    """

    def __init__(self, *, quick: bool) -> None:
        self._quick = quick
        self._database: Database | None = None
        self._held = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end_database()

    def run(self, benches: Iterable[Bench]) -> Iterator[Figures | NotMeasured]:
        """Yield the figures of every case, as soon as it is measured."""
        for bench in benches:
            for case in bench.cases:
                yield self.run_case(bench, case)

    def run_case(self, bench: Bench, case: str) -> Figures | NotMeasured:
        """Measure one case.

        Raises:
            RuntimeError: There is no QuestDB to measure it with.
        """
        if bench.place == "database":
            self._start_database()
        else:
            # Even an idle JVM takes CPU from its neighbours.
            self._end_database()
        effort = bench.quick if self._quick else bench.full
        with tempfile.TemporaryDirectory(prefix="bench-") as directory:
            request = Request(
                bench=bench.name,
                case=case,
                rows=effort.rows,
                rounds=effort.rounds,
                seconds=effort.seconds,
                directory=directory,
                database=self._database,
            )
            return _measure_apart(request)

    def _start_database(self) -> None:
        if self._database is not None:
            return
        directory = Path(self._held.enter_context(tempfile.TemporaryDirectory(prefix="bench-db-")))
        running = self._held.enter_context(running_database(directory / "questdb"))
        different = asyncio.run(apply_schema(running.pg_uri))
        if different:
            raise RuntimeError(f"cannot measure: the schema is not applied: {different}")
        self._database = Database(
            http_port=running.http_port,
            ilp_port=running.ilp_port,
            pg_uri=running.pg_uri,
            pid=running.pid,
        )
        if not self._quick:
            _warm_up(directory, running.http_port)

    def _end_database(self) -> None:
        self._database = None
        self._held.close()


def _measure_apart(request: Request) -> Figures | NotMeasured:
    asked, out = Path(request.directory, "request"), Path(request.directory, "figures")
    asked.write_bytes(msgspec.json.encode(request))
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", "loadtest.bench.child", str(asked), str(out)],
        cwd=_PROJECT,
        env={**os.environ, "PYTHONPATH": f"{_PROJECT / 'server'}{os.pathsep}{_PROJECT}"},
        stdin=subprocess.DEVNULL,
        stdout=2,  # what it prints is not our table
    )
    if wait_or_stop(process, _CASE_TIMEOUT_S) != 0:
        return NotMeasured(request.bench, request.case)
    return msgspec.json.decode(out.read_bytes(), type=Figures)


def _warm_up(directory: Path, http_port: int) -> None:
    ndjson, ilp = directory / "warm-up.ndjson", directory / "warm-up.ilp"
    ndjson.write_bytes(b"".join(samples.clean_lines(_WARM_UP_ROWS)))
    write_ilp(ndjson, ilp)
    bodies = split_bodies(ilp, _WARM_UP_ROWS // 4)
    target = Target(http_port, "/write", "text/plain")
    for _ in range(_WARM_UP_TIMES):
        post_bodies(ilp, bodies, target, connections=2)
