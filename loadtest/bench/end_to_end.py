"""Rows stored per second through the service, next to the same rows sent straight to QuestDB.

Both sides take turns in one run, since figures of different runs do not compare. Each turn starts
from an empty table and lasts until every row is visible. Linux only: CPU and memory of the service
come from /proc.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from loadtest.bench.case import Request
from loadtest.bench.figures import Figures, Memory, Round, figures_of
from loadtest.bench.turns import (
    DIRECT_BODY_ROWS,
    Side,
    Turn,
    Turns,
    direct_side,
    service_side,
)
from loadtest.command_line import add_counts, command_parser
from loadtest.database import own_questdb
from loadtest.processes import commit, machine
from loadtest.readings import produce
from loadtest.service import ServiceSettings, running_service

AGAINST = "direct ILP/HTTP"
_WARM_UP_MAX = 3


@dataclass(frozen=True, slots=True)
class Settings:
    """What to measure; see the help texts of the command."""

    rows: int = 1_000_000
    pairs: int = 5
    warm_up: int = 3
    connections: int = 4
    body_rows: int = 50_000
    workers: int = 0
    out: Path | None = None


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What one run measured.

    Attributes:
        rows: Of one turn.
        service_rows_per_s: Median, until visible; the same for `direct`.
        ratios: Service to direct, pair by pair; `ratio` is their median.
        service_cpu_us_per_row: Median, all processes of the service.
        worker_rss_peak_mib: Peak memory of each busy process.
        turns: All that counted, in the order they ran.
    """

    commit: str
    machine: dict[str, str | int]
    rows: int
    service_connections: int
    service_body_rows: int
    direct_connections: int
    direct_body_rows: int
    service_rows_per_s: float
    direct_rows_per_s: float
    ratios: list[float]
    ratio: float
    service_cpu_us_per_row: float
    worker_rss_peak_mib: list[float]
    turns: list[Turn]


def end_to_end(request: Request) -> Figures:
    """How many rows are stored in the time in which QuestDB alone takes the same rows as ILP?"""
    warm_up = min(_WARM_UP_MAX, request.rounds)
    result = run(Settings(rows=request.rows, pairs=request.rounds, warm_up=warm_up))
    turns = [turn for turn in result.turns if turn.side == "service"]
    return figures_of(
        (request.bench, request.case),
        [
            Round(turn.visible_s, turn.service_cpu_s, ratio)
            for turn, ratio in zip(turns, result.ratios, strict=True)
        ],
        Memory(max(result.worker_rss_peak_mib, default=0.0), None),
        rows=request.rows,
        size_bytes=round(turns[0].megabytes * 1e6),
        against=AGAINST,
        extra={
            "median_rows_per_s": result.service_rows_per_s,
            "median_direct_rows_per_s": result.direct_rows_per_s,
            "median_cpu_us_per_row": result.service_cpu_us_per_row,
            "refusals": sum(turn.refusals for turn in turns),
        },
    )


def run(settings: Settings) -> Result:
    """Measure with a QuestDB and a service of its own; print each pair and the summary.

    Raises:
        RuntimeError: A turn could not be measured.
    """
    with own_questdb("end-to-end-") as own:
        lines = own.directory / "readings.ndjson"
        produce(lines, settings.rows)
        choices = ServiceSettings(workers=settings.workers)
        with running_service(own.directory, own.running, choices) as service:
            turns = Turns(own.rest, database_pid=own.running.pid, service_pid=service.pid)
            through = service_side(lines, settings.body_rows, service, settings.connections)
            result = take_turns(turns, through, direct_side(lines, own), settings)
    print(_summary_text(result))
    return result


def take_turns(sides: Turns, service: Side, direct: Side, settings: Settings) -> Result:
    """Let both sides take turns, the first one alternating from pair to pair. Prints each pair."""
    turns: list[Turn] = []
    ratios: list[float] = []
    for number in range(-settings.warm_up, settings.pairs):
        order = (service, direct) if number % 2 == 0 else (direct, service)
        pair = {side.name: sides.run_turn(side) for side in order}
        ratio = pair["service"].rows_per_s / pair["direct"].rows_per_s
        print(_pair_text(number, pair["service"], pair["direct"], ratio), flush=True)
        if number >= 0:
            turns += pair.values()
            ratios.append(round(ratio, 4))
    by_service = [turn for turn in turns if turn.side == "service"]
    by_direct = [turn for turn in turns if turn.side == "direct"]
    return Result(
        commit=commit(),
        machine=machine(),
        rows=settings.rows,
        service_connections=service.connections,
        service_body_rows=settings.body_rows,
        direct_connections=direct.connections,
        direct_body_rows=DIRECT_BODY_ROWS,
        service_rows_per_s=round(statistics.median(turn.rows_per_s for turn in by_service)),
        direct_rows_per_s=round(statistics.median(turn.rows_per_s for turn in by_direct)),
        ratios=ratios,
        ratio=round(statistics.median(ratios), 4),
        service_cpu_us_per_row=round(
            statistics.median(turn.service_cpu_s / turn.rows * 1e6 for turn in by_service), 3
        ),
        worker_rss_peak_mib=[round(entry.rss_peak_bytes / 2**20, 1) for entry in sides.workers()],
        turns=turns,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the summary and write the result; 0 unless a turn could not be measured."""
    settings = _parse(arguments)
    result = run(settings)
    if settings.out is not None:
        settings.out.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n")
    return 0


def _pair_text(number: int, service: Turn, direct: Turn, ratio: float) -> str:
    name = "warm-up" if number < 0 else f"pair {number + 1}"
    return (
        f"{name}: service {service.rows_per_s:,.0f} rows/s"
        f" ({service.megabytes / service.visible_s:.0f} MB/s),"
        f" direct {direct.rows_per_s:,.0f} rows/s, ratio {ratio:.3f};"
        f" service CPU {service.service_cpu_s / service.rows * 1e6:.2f} us/row"
        f" (workers {service.worker_cpu_s} s), QuestDB CPU {service.questdb_cpu_s:.2f} s"
        f" and {direct.questdb_cpu_s:.2f} s, generator CPU {service.generator_cpu_s:.2f} s"
        f" and {direct.generator_cpu_s:.2f} s; {service.refusals} refused"
    )


def _summary_text(result: Result) -> str:
    return (
        f"median of {len(result.ratios)} pairs: service {result.service_rows_per_s:,.0f} rows/s,"
        f" direct {result.direct_rows_per_s:,.0f} rows/s,"
        f" ratio {result.ratio:.3f} ({min(result.ratios):.3f}..{max(result.ratios):.3f});"
        f" service CPU {result.service_cpu_us_per_row:.2f} us/row;"
        f" worker memory at most {result.worker_rss_peak_mib} MiB"
    )


def _parse(arguments: Sequence[str] | None) -> Settings:
    default = Settings()
    parser = command_parser(
        "end-to-end",
        "Measure rows stored per second through the service and straight to QuestDB, in turns."
        " Starts a QuestDB and a service. Exit code 0 unless a turn could not be measured.",
        example="--rows 200000 --pairs 3 --out result.json",
    )
    add_counts(
        parser,
        {
            "rows": (default.rows, "rows of one turn"),
            "pairs": (default.pairs, "turns of each side that count"),
            "warm-up": (default.warm_up, "turns before them, until QuestDB's JVM is warm"),
            "connections": (default.connections, "connections to the service"),
            "body-rows": (default.body_rows, "rows of one request to the service"),
        },
    )
    parser.add_argument(
        "--workers", type=int, default=0, metavar="N", help="worker processes; 0: one per core (0)"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the result as JSON")
    return Settings(**vars(parser.parse_args(arguments)))
