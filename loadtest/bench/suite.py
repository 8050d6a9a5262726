"""Runs cases, each in a process of its own, with a QuestDB beside those that need one."""

import asyncio
import contextlib
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from loadtest.bench.case import Database, Request, in_process
from loadtest.bench.catalogue import Bench, measure
from loadtest.bench.figures import Figures
from loadtest.client import post_bodies, questdb_target
from loadtest.database import own_questdb
from loadtest.readings import produce, split_bodies, write_ilp

from utility_ts_analytics.database.schema import apply_schema
from utility_ts_analytics.database.table_spec import table_specs

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
            found = in_process(measure, request, timeout_s=_CASE_TIMEOUT_S)
        return NotMeasured(bench.name, case) if found is None else found

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


def _warm_up(directory: Path, http_port: int) -> None:
    ndjson, ilp = directory / "warm-up.ndjson", directory / "warm-up.ilp"
    produce(ndjson, _WARM_UP_ROWS)
    write_ilp(ndjson, ilp)
    bodies = split_bodies(ilp, _WARM_UP_ROWS // 4)
    for _ in range(_WARM_UP_TIMES):
        post_bodies(ilp, bodies, questdb_target(http_port), connections=2)
