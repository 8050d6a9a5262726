"""Rows stored per second through the service, next to the same rows sent straight to QuestDB.

Both sides take turns in one run, since figures of different runs do not compare. Each turn starts
from an empty table and lasts until every row is visible.
"""

import contextlib
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec
from loadtest.bench.turns import (
    Side,
    SideName,
    Turn,
    Turns,
    direct_side,
    in_turns,
    service_side,
)
from loadtest.command_line import add_beside, add_counts, command_parser
from loadtest.database import own_questdb
from loadtest.processes import MIB, commit, machine
from loadtest.readings import produce
from loadtest.service import PROJECT, ServiceSettings, running_service


@dataclass(frozen=True, slots=True)
class Settings:
    """What to measure; see the help texts of the command."""

    rows: int = 1_000_000
    pairs: int = 5
    warm_up: int = 3
    connections: int = 4
    body_rows: int = 50_000
    workers: int = 0
    beside: Path | None = None
    out: Path | None = None


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What one run measured.

    Attributes:
        rows: Of one turn.
        service_rows_per_s: Median, until visible; the same for `direct`.
        ratios: Service to direct, pair by pair; `ratio` is their median.
        service_cpu_us_per_row: Median, all processes of the service; the same for QuestDB, in
            turns of the service.
        worker_rss_peak_mib: Peak memory of each busy process.
        turns: All that counted, in the order they ran.
        beside: The same of another checkout, which took turns with the two.
    """

    commit: str
    machine: dict[str, str | int]
    rows: int
    service_connections: int
    service_body_rows: int
    service_rows_per_s: float
    direct_rows_per_s: float
    ratios: list[float]
    ratio: float
    service_cpu_us_per_row: float
    questdb_cpu_us_per_row: float
    worker_rss_peak_mib: list[float]
    turns: list[Turn]
    beside: "Result | None" = None

    def __str__(self) -> str:
        return (
            f"median of {len(self.ratios)} pairs: service {self.service_rows_per_s:,.0f} rows/s,"
            f" direct {self.direct_rows_per_s:,.0f} rows/s,"
            f" ratio {self.ratio:.3f} ({min(self.ratios):.3f}..{max(self.ratios):.3f});"
            f" service CPU {self.service_cpu_us_per_row:.2f} us/row,"
            f" QuestDB {self.questdb_cpu_us_per_row:.2f};"
            f" worker memory at most {self.worker_rss_peak_mib} MiB"
        )


def run(settings: Settings) -> Result:
    """Measure with a QuestDB and a service of its own; print each pair and the summary.

    Raises:
        RuntimeError: A turn could not be measured.
    """
    projects: dict[SideName, Path] = {"service": PROJECT}
    if settings.beside is not None:
        projects["beside"] = settings.beside.resolve()
    choices = ServiceSettings(workers=settings.workers)
    with contextlib.ExitStack() as stack:
        own = stack.enter_context(own_questdb("end-to-end-"))
        lines = own.directory / "readings.ndjson"
        produce(lines, settings.rows)
        benches: dict[SideName, Turns] = {}
        sides: dict[SideName, Side] = {}
        for name, project in projects.items():
            service = stack.enter_context(
                running_service(own.directory / name, own.running, choices, project=project)
            )
            benches[name] = Turns(own.rest, database_pid=own.running.pid, service_pid=service.pid)
            sides[name] = service_side(
                lines, settings.body_rows, service, settings.connections, name=name
            )
        benches["direct"], sides["direct"] = benches["service"], direct_side(lines, own)
        turns: list[Turn] = []
        runs: dict[str, Callable[[], Turn]] = {
            name: partial(benches[name].run_turn, side) for name, side in sides.items()
        }
        for number, taken in in_turns(runs, rounds=settings.pairs, warm_up=settings.warm_up):
            for name in projects:
                print(_pair_text(number, name, taken[name], taken["direct"]), flush=True)
            turns += taken.values() if number >= 0 else ()
        results = {
            name: _result(
                settings,
                name,
                turns,
                [round(it.rss_peak_bytes / MIB, 1) for it in benches[name].workers()],
            )
            for name in projects
        }
    for name, result in results.items():
        print(f"{name}: {result}")
    return msgspec.structs.replace(results["service"], beside=results.get("beside"))


def _result(
    settings: Settings, name: SideName, turns: list[Turn], peaks_mib: list[float]
) -> Result:
    service = [turn for turn in turns if turn.side == name]
    direct = [turn for turn in turns if turn.side == "direct"]
    ratios = [
        round(one.rows_per_s / other.rows_per_s, 4)
        for one, other in zip(service, direct, strict=True)
    ]
    return Result(
        commit=commit(),
        machine=machine(),
        rows=settings.rows,
        service_connections=settings.connections,
        service_body_rows=settings.body_rows,
        service_rows_per_s=round(statistics.median(turn.rows_per_s for turn in service)),
        direct_rows_per_s=round(statistics.median(turn.rows_per_s for turn in direct)),
        ratios=ratios,
        ratio=round(statistics.median(ratios), 4),
        service_cpu_us_per_row=round(
            statistics.median(turn.service_cpu_s / turn.rows * 1e6 for turn in service), 3
        ),
        worker_rss_peak_mib=peaks_mib,
        questdb_cpu_us_per_row=round(
            statistics.median(turn.questdb_cpu_s / turn.rows * 1e6 for turn in service), 3
        ),
        turns=[turn for turn in turns if turn.side in (name, "direct")],
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the summary and write the result; 0 unless a turn could not be measured."""
    settings = _parse(arguments)
    result = run(settings)
    if settings.out is not None:
        settings.out.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n")
    return 0


def _pair_text(number: int, name: SideName, service: Turn, direct: Turn) -> str:
    pair = "warm-up" if number < 0 else f"pair {number + 1}"
    return (
        f"{pair}: {name} {service.rows_per_s:,.0f} rows/s"
        f" ({service.megabytes / service.visible_s:.0f} MB/s), direct {direct.rows_per_s:,.0f}"
        f" rows/s, ratio {service.rows_per_s / direct.rows_per_s:.3f};"
        f" service CPU {service.service_cpu_s / service.rows * 1e6:.2f} us/row"
        f" (workers {service.worker_cpu_s} s), QuestDB CPU {service.questdb_cpu_s:.2f} s"
        f" and {direct.questdb_cpu_s:.2f} s, generator CPU {service.generator_cpu_s:.2f} s"
        f" and {direct.generator_cpu_s:.2f} s; {service.refusals} refused"
    )


def _parse(arguments: Sequence[str] | None) -> Settings:
    default = Settings()
    parser = command_parser(
        "end-to-end",
        "Measure rows stored per second through the service and straight to QuestDB, in turns, and"
        " through another version with --beside. Starts a QuestDB and the services. Exit code 0"
        " unless a turn could not be measured.",
        example="--rows 200000 --pairs 3 --beside ../before",
    )
    counts = {
        "rows": (default.rows, "rows of one turn"),
        "pairs": (default.pairs, "turns of each side that count"),
        "warm-up": (default.warm_up, "turns before them, until QuestDB's JVM is warm"),
        "connections": (default.connections, "connections to the service"),
        "body-rows": (default.body_rows, "rows of one request to the service"),
    }
    add_counts(parser, counts)
    parser.add_argument(
        "--workers", type=int, default=0, metavar="N", help="worker processes; 0: one per core (0)"
    )
    add_beside(parser)
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the result as JSON")
    return Settings(**vars(parser.parse_args(arguments)))
