"""Rows stored per second through the service, against the same rows sent straight to QuestDB.

    python -m loadtest.bench.end_to_end [--rows 1000000] [--pairs 5] [--out result.json]

Both sides take turns in one run, since figures of different runs do not compare. Each turn starts
from an empty table and lasts until every row is visible. Runs a QuestDB and a service of its own.
Linux only: the CPU and memory of the service come from /proc.
"""

import argparse
import contextlib
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from loadtest.bench.ilp_lines import ilp_lines
from loadtest.bench.turns import Bench, Side, Turn
from loadtest.meter_posts import CONTENT_TYPE, PATH, produce
from loadtest.options import add_counts
from loadtest.posting import Target, split_bodies
from loadtest.process_figures import commit, machine
from loadtest.questdb_rest import QuestDBRest
from loadtest.service_under_test import (
    DatabasePorts,
    ServiceSettings,
    running_database,
    running_service,
)
from loadtest.stored_comparison import PAGE_ROWS, expected_row, pages

DIRECT_CONNECTIONS = 2
DIRECT_BODY_ROWS = 25_000
"""How the direct side sends: the shape that the goals in the design are stated for."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What to measure.

    Attributes:
        rows: Of one turn.
        pairs: Turns of each side that count.
        warm_up: Turns of each side before them: QuestDB is slow until its JVM is warm.
        connections: To the service.
        body_rows: Rows of one request to the service.
        workers: Processes of the service for this stream; 0 is one per core.
        out: Where the result goes as JSON; None prints only the summary.
    """

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
        commit: What was measured.
        machine: What it was measured on.
        rows: Of one turn.
        service_connections: And how they were sent.
        service_body_rows: And in bodies of how many.
        direct_connections: The same for the other side.
        direct_body_rows: The same for the other side.
        service_rows_per_s: Median, until visible.
        direct_rows_per_s: Median, until visible.
        ratios: Service to direct, pair by pair.
        ratio: Their median.
        service_cpu_us_per_row: Median, all processes of the service.
        worker_rss_peak_mib: The most memory each process that worked ever had, MiB.
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


def write_ilp(lines: Path, path: Path) -> None:
    """Write the readings of an NDJSON file as ILP, with the event ids that the service derives."""
    with lines.open("rb") as source, path.open("wb") as target:
        for page in pages(source, PAGE_ROWS):
            target.writelines(ilp_lines(map(expected_row, page)))


def measure(bench: Bench, service: Side, direct: Side, settings: Settings) -> Result:
    """Let both sides take turns; which one begins changes from pair to pair. Prints each pair."""
    turns: list[Turn] = []
    ratios: list[float] = []
    for number in range(-settings.warm_up, settings.pairs):
        order = (service, direct) if number % 2 == 0 else (direct, service)
        pair = {side.name: bench.run_turn(side) for side in order}
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
        worker_rss_peak_mib=[round(entry.rss_peak_bytes / 2**20, 1) for entry in bench.workers()],
        turns=turns,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the summary and write the result; 0 unless a turn could not be measured."""
    settings = _parse(arguments)
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="end-to-end-")))
        lines, ilp = directory / "readings.ndjson", directory / "readings.ilp"
        produce(lines, settings.rows)
        write_ilp(lines, ilp)
        running = stack.enter_context(running_database(directory / "questdb"))
        under_test = stack.enter_context(
            running_service(
                directory,
                DatabasePorts(running.http_port, running.ilp_port, running.pg_uri),
                ServiceSettings(workers=settings.workers),
            )
        )
        service = Side(
            name="service",
            path=lines,
            bodies=split_bodies(lines, settings.body_rows),
            target=Target(under_test.meter_usage_port, PATH, CONTENT_TYPE),
            connections=settings.connections,
        )
        direct = Side(
            name="direct",
            path=ilp,
            bodies=split_bodies(ilp, DIRECT_BODY_ROWS),
            target=Target(running.http_port, "/write", "text/plain"),
            connections=DIRECT_CONNECTIONS,
        )
        database = stack.enter_context(QuestDBRest(running.http_port))
        bench = Bench(database, database_pid=running.pid, service_pid=under_test.pid)
        result = measure(bench, service, direct, settings)
    print(_summary_text(result))
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
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.bench.end_to_end",
        description="Measure rows stored per second, through the service and straight to QuestDB.",
    )
    add_counts(
        parser,
        {
            "rows": (default.rows, "rows of one turn"),
            "pairs": (default.pairs, "turns of each side that count"),
            "warm-up": (default.warm_up, "turns of each side before them"),
            "connections": (default.connections, "connections to the service"),
            "body-rows": (default.body_rows, "rows of one request to the service"),
        },
    )
    parser.add_argument(
        "--workers", type=int, default=0, metavar="N", help="processes; 0 is one per core (0)"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="where the result goes as JSON")
    return Settings(**vars(parser.parse_args(arguments)))


if __name__ == "__main__":
    sys.exit(main())
