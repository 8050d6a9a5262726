"""The benches, in the order in which they run, and how much each may differ from its baseline."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from loadtest.bench.figures import Figures
from loadtest.bench.request import Request

Place = Literal["process", "database", "own"]
"""What a bench needs: nothing but its process, a QuestDB, or all of the machine to itself."""

BATCH_SIZES = ("1000", "5000", "25000", "100000")


@dataclass(frozen=True, slots=True)
class Effort:
    """How much a bench works.

    Attributes:
        rows: Readings of one round.
        rounds: Rounds that count.
        seconds: Length of a round with a pace of its own.
    """

    rows: int
    rounds: int
    seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class Bench:
    """One question.

    Attributes:
        name: Also of its module in `questions`.
        place: What it needs.
        tolerance: A ratio lower by more than this share of the baseline is a regression. What
            stands here is over the noise seen on two shared cores.
        cases: Each measured in a process of its own.
        full: How much it works.
        quick: The same with `--quick`, whose figures only show that it runs.
    """

    name: str
    place: Place
    tolerance: float
    cases: tuple[str, ...] = ("",)
    full: Effort = Effort(rows=100_000, rounds=9)
    quick: Effort = Effort(rows=5_000, rounds=2)

    @property
    def question(self) -> str:
        """The question that it answers, one line."""
        return (importlib.import_module(self._module).__doc__ or "").partition("\n")[0]

    @property
    def measure(self) -> Callable[[Request], Figures]:
        """What measures one case."""
        measure: Callable[[Request], Figures] = importlib.import_module(self._module).measure
        return measure

    @property
    def _module(self) -> str:
        return f"loadtest.bench.questions.{self.name}"


_CPU = 0.15
_STORED = 0.35
"""Two runs of the same code: 2 to 16 % apart over ILP/HTTP, up to 30 % over pgwire."""
_WANDERING = 0.3
"""Two runs of the same code gave 0.27 and 0.37, with pairs from 0.23 to 0.45."""

_SINK_FULL = Effort(rows=100_000, rounds=5)
_TCP_FULL = Effort(rows=400_000, rounds=3)
"""Over TCP QuestDB commits by a timer: more rows, so that it is not all that is seen."""
_PGWIRE_FULL = Effort(rows=100_000, rounds=3)

BENCHES: Mapping[str, Bench] = MappingProxyType(
    {
        bench.name: bench
        for bench in (
            Bench("body_lines", "process", _CPU, ("identity", "gzip", "zstd")),
            Bench("decode_clean", "process", _CPU),
            Bench("decode_dirty", "process", _CPU),
            Bench("decode_per_line", "process", _CPU),
            Bench("validation", "process", _CPU, ("block", "each row")),
            Bench("event_id", "process", _CPU),
            Bench("queue_hand_over", "process", _CPU, ("blocks", "single rows")),
            Bench("encoding", "process", _CPU, ("ilp", "pgwire")),
            Bench("column_check", "process", _CPU, ("clean", "broken rows")),
            Bench(
                "column_lines",
                "process",
                _CPU,
                ("columns", "columns, not compiled", "rows"),
            ),
            Bench("sink_ilp_http", "database", _STORED, BATCH_SIZES, full=_SINK_FULL),
            Bench("sink_ilp_tcp", "database", _STORED, BATCH_SIZES, full=_TCP_FULL),
            Bench("sink_pgwire", "database", _STORED, BATCH_SIZES, full=_PGWIRE_FULL),
            Bench(
                "small_requests",
                "database",
                0.4,
                ("peak of small posts", "peak of large posts"),
                full=Effort(rows=400_000, rounds=3, seconds=5.0),
                quick=Effort(rows=20_000, rounds=1, seconds=0.5),
            ),
            Bench(
                "end_to_end",
                "own",
                _WANDERING,
                full=Effort(rows=1_000_000, rounds=5),
                quick=Effort(rows=20_000, rounds=1),
            ),
        )
    }
)
