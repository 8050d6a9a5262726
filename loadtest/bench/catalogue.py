"""The benches, in the order in which they run, and how much each may differ from its baseline."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from loadtest.bench.case import Request
from loadtest.bench.figures import Figures

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
