"""The benches, in the order in which they run, each case measured in a process of its own.

So the peak of memory is that of the case. A QuestDB stands beside those that need one.
"""

import asyncio
import contextlib
import importlib
import multiprocessing
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Literal, Self, TypeVar

from loadtest.bench.figures import Figures, Request
from loadtest.client import post_bodies, questdb_target
from loadtest.command_line import exit_on_sigterm
from loadtest.database import own_questdb
from loadtest.readings import produce, split_bodies, write_ilp

from utility_ts_analytics.database.embedded_questdb.server import RunningQuestDB
from utility_ts_analytics.database.schema import apply_schema
from utility_ts_analytics.database.table_spec import table_specs

ResultT = TypeVar("ResultT")

_CASE_TIMEOUT_S = 900.0
_STOP_TIMEOUT_S = 60.0
"""Longer than a service takes to drain."""
_WARM_UP_ROWS = 100_000
_WARM_UP_TIMES = 20
"""QuestDB is slow until its JVM is warm, which takes it two million rows or so."""

Place = Literal["process", "database", "own"]
"""What a bench needs: only its process, a QuestDB, or the whole machine to itself."""

_BATCH_SIZES = ("1000", "5000", "25000", "100000")


@dataclass(frozen=True, slots=True)
class Effort:
    """How much a bench works: readings of a round, rounds that count, seconds of a paced round."""

    rows: int
    rounds: int
    seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class Bench:
    """One question.

    Attributes:
        name: Also of the function in `module` that measures it.
        module: Of this package; imported only when needed, since its imports take memory.
        tolerance: A ratio lower by more than this share of the baseline is a regression. The values
            are above the noise seen on two shared cores.
        cases: Each measured in a process of its own.
        full: How much it works.
        quick: The same with `--quick`.
    """

    name: str
    module: str
    place: Place
    tolerance: float
    cases: tuple[str, ...] = ("",)
    full: Effort = Effort(rows=100_000, rounds=9)
    quick: Effort = Effort(rows=5_000, rounds=2)

    @property
    def question(self) -> str:
        """The question that it answers, one line."""
        return (self.function.__doc__ or "").partition("\n")[0]

    @property
    def function(self) -> Callable[[Request], Figures]:
        """The function that measures one case."""
        module = importlib.import_module(f"loadtest.bench.{self.module}")
        function: Callable[[Request], Figures] = getattr(module, self.name)
        return function


_CPU = 0.15
_STORED = 0.35
"""Two runs of the same code: 2 to 16 % apart over ILP/HTTP, up to 30 % over pgwire."""
_WANDERING = 0.3
"""Two runs of the same code gave 0.27 and 0.37, with pairs from 0.23 to 0.45."""

_SINK_FULL = Effort(rows=100_000, rounds=5)
_TCP_FULL = Effort(rows=400_000, rounds=3)
"""Over TCP QuestDB commits by a timer: more rows, so that the timer is a smaller part."""
_PGWIRE_FULL = Effort(rows=100_000, rounds=3)


def _cpu(name: str, *cases: str, module: str = "cpu") -> Bench:
    return Bench(name, module, "process", _CPU, cases or ("",))


def _sink(name: str, full: Effort) -> Bench:
    return Bench(name, "sinks", "database", _STORED, _BATCH_SIZES, full=full)


_ALL = (
    _cpu("body_lines", "identity", "gzip", "zstd"),
    _cpu("decode_clean"),
    _cpu("decode_dirty"),
    _cpu("decode_per_line"),
    _cpu("validation", "block", "each row"),
    _cpu("event_id"),
    _cpu("queue_hand_over", "blocks", "single rows"),
    _cpu("encoding", "ilp", "pgwire"),
    _cpu("column_check", "clean", "broken rows", module="columns"),
    _cpu("column_lines", "columns", "columns, not compiled", "rows", module="columns"),
    _cpu("replaced_rows", "hash columns", "hash rows", "compare", module="columns"),
    _sink("sink_ilp_http", _SINK_FULL),
    _sink("sink_ilp_tcp", _TCP_FULL),
    _sink("sink_pgwire", _PGWIRE_FULL),
    Bench(
        "small_requests",
        "small_requests",
        "database",
        0.4,
        ("peak of small posts", "peak of large posts"),
        full=Effort(rows=400_000, rounds=3, seconds=5.0),
        quick=Effort(rows=20_000, rounds=1, seconds=0.5),
    ),
    Bench(
        "end_to_end",
        "sinks",
        "own",
        _WANDERING,
        full=Effort(rows=1_000_000, rounds=5),
        quick=Effort(rows=20_000, rounds=1),
    ),
)

BENCHES: Mapping[str, Bench] = {bench.name: bench for bench in _ALL}


def measure(request: Request) -> Figures:
    """Measure one case of any bench."""
    return BENCHES[request.bench].function(request)


class Suite:
    """Measures cases, one at a time. Use as a context manager: leaving it ends its QuestDB."""

    def __init__(self, *, quick: bool) -> None:
        self._quick = quick
        self._database: RunningQuestDB | None = None
        self._held = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._end_database()

    def run_case(self, bench: Bench, case: str) -> Figures | None:
        """Measure one case in a process of its own; None if it fails, stderr says why.

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
            sizes = (effort.rows, effort.rounds, effort.seconds)
            request = Request(bench.name, case, *sizes, Path(directory), self._database)
            return in_process(measure, request, timeout_s=_CASE_TIMEOUT_S)

    def _start_database(self) -> None:
        if self._database is not None:
            return
        own = self._held.enter_context(own_questdb("bench-db-"))
        running = own.running
        different = asyncio.run(apply_schema(running.pg_uri, table_specs().values()))
        if different:
            raise RuntimeError(f"cannot measure: the schema is not applied: {different}")
        self._database = running
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


def in_process(
    measure: Callable[[Request], ResultT], request: Request, *, timeout_s: float
) -> ResultT | None:
    """Return `measure(request)` from a new process; None if it fails (stderr says why) or is late.

    It is told to stop by SIGTERM, when it is late or we are stopped, and ends what it started.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(theirs, measure, request))
    process.start()
    theirs.close()
    try:
        return ours.recv() if ours.poll(timeout_s) else None
    except EOFError:
        return None
    finally:
        process.terminate()
        process.join(_STOP_TIMEOUT_S)
        process.kill()
        process.join()


def _work(results: Connection, measure: Callable[[Request], object], request: Request) -> None:
    exit_on_sigterm()
    os.dup2(2, 1)  # stdout has our parent's table
    results.send(measure(request))
