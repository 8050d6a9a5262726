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
from typing import Self

import msgspec
from loadtest.bench.case import Database, Request, wait_or_stop
from loadtest.bench.catalogue import Bench
from loadtest.bench.figures import Figures
from loadtest.client import post_bodies, questdb_target
from loadtest.database import own_questdb
from loadtest.readings import produce, split_bodies, write_ilp

from utility_ts_analytics.database.schema import apply_schema
from utility_ts_analytics.database.table_spec import table_specs

_PROJECT = Path(__file__).parents[2]
_CASE = "from loadtest.bench.case import measure_case; measure_case()"
_CASE_TIMEOUT_S = 900.0
_WARM_UP_ROWS = 100_000
_WARM_UP_TIMES = 20
"""QuestDB is slow until its JVM is warm, which takes it two million rows or so."""


@dataclass(frozen=True, slots=True)
class NotMeasured:
    """A case that could not be measured; its stderr has the reason."""

    bench: str
    case: str


class Suite:
    """Measures cases, one at a time. Use as a context manager: leaving it ends its QuestDB."""

    def __init__(self, *, quick: bool) -> None:
        self._quick = quick
        self._database: Database | None = None
        self._held = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
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
        own = self._held.enter_context(own_questdb("bench-db-"))
        running = own.running
        different = asyncio.run(apply_schema(running.pg_uri, table_specs().values()))
        if different:
            raise RuntimeError(f"cannot measure: the schema is not applied: {different}")
        self._database = Database(
            http_port=running.http_port,
            ilp_port=running.ilp_port,
            pg_uri=running.pg_uri,
            pid=running.pid,
        )
        if not self._quick:
            _warm_up(own.directory, running.http_port)

    def _end_database(self) -> None:
        self._database = None
        self._held.close()


def _measure_apart(request: Request) -> Figures | NotMeasured:
    asked, out = Path(request.directory, "request"), Path(request.directory, "figures")
    asked.write_bytes(msgspec.json.encode(request))
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-c", _CASE, str(asked), str(out)],
        cwd=_PROJECT,
        env={**os.environ, "PYTHONPATH": f"{_PROJECT / 'server'}{os.pathsep}{_PROJECT}"},
        stdin=subprocess.DEVNULL,
        stdout=2,  # stdout has our table
    )
    if wait_or_stop(process, _CASE_TIMEOUT_S) != 0:
        return NotMeasured(request.bench, request.case)
    return msgspec.json.decode(out.read_bytes(), type=Figures)


def _warm_up(directory: Path, http_port: int) -> None:
    ndjson, ilp = directory / "warm-up.ndjson", directory / "warm-up.ilp"
    produce(ndjson, _WARM_UP_ROWS)
    write_ilp(ndjson, ilp)
    bodies = split_bodies(ilp, _WARM_UP_ROWS // 4)
    for _ in range(_WARM_UP_TIMES):
        post_bodies(ilp, bodies, questdb_target(http_port), connections=2)
