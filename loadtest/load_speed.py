"""Rows stored per second by `ingestion-service load`, against the same rows posted and direct.

    python -m loadtest.load_speed [--rows 2000000] [--rounds 3] [--warm-up 2] [--kinds ndjson,csv]

All sides take turns in one run: `load` of the same readings as NDJSON, CSV and Parquet, the HTTP
path with one worker per core, and ILP text straight to QuestDB. Each turn starts from an empty
table and lasts until every row is visible. The time of a load is that of the whole command, the
start of its interpreter included. Runs a QuestDB and a service of its own.
"""

import argparse
import contextlib
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow.compute
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet
from loadtest.bench.end_to_end import DIRECT_BODY_ROWS, DIRECT_CONNECTIONS, write_ilp
from loadtest.bench.turns import Bench, Side
from loadtest.meter_posts import CONTENT_TYPE, PATH, produce
from loadtest.options import add_counts
from loadtest.posting import Target, split_bodies
from loadtest.process_figures import machine
from loadtest.questdb_rest import QuestDBRest
from loadtest.service_under_test import (
    DatabasePorts,
    ServiceSettings,
    running_database,
    running_service,
)
from loadtest.stored_comparison import TABLE

KINDS = ("ndjson", "csv", "parquet")
_HTTP_BODY_ROWS = 50_000
_HTTP_CONNECTIONS = 4


@dataclass(frozen=True, slots=True)
class Figure:
    """One turn of one side.

    Attributes:
        rows_per_s: Stored and visible, per second.
        cpu_us_per_row: Of the loading process, or of the service; 0 where that is not known.
        peak_mib: The most memory the loading process had; 0 where that is not known.
    """

    rows_per_s: float
    cpu_us_per_row: float = 0.0
    peak_mib: float = 0.0


class Loads:
    """Runs `load` as a user would.

    Args:
        config: Of the service.
        database: Where rows become visible.
        rows: That each file holds.
    """

    def __init__(self, config: Path, database: QuestDBRest, rows: int) -> None:
        self._config = config
        self._database = database
        self._rows = rows

    def run(self, path: Path) -> Figure:
        """Load a file into an empty table.

        Raises:
            RuntimeError: Not every row is visible at the end.
        """
        self._database.truncate(TABLE)
        arguments = ["load", str(path), "--into", "meter_usage", "--config", str(self._config)]
        started_s = time.monotonic()
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
            [sys.executable, "-m", "utility_ts_analytics", *arguments],
            stdout=subprocess.DEVNULL,
            cwd=self._config.parent,
        )
        peak_mib, pause = 0.0, threading.Event()
        # Polled: what the system says at the end counts this process before it became the other.
        while (ended := os.wait4(process.pid, os.WNOHANG))[0] == 0:
            peak_mib = max(peak_mib, _peak_mib(process.pid))
            pause.wait(0.02)
        _, status, usage = ended
        process.returncode = os.waitstatus_to_exitcode(status)
        self._database.wait_applied(TABLE)
        visible_s = time.monotonic() - started_s
        visible_rows = self._database.count(f"SELECT count() FROM {TABLE}")  # noqa: S608 - constant
        if process.returncode != 0 or visible_rows != self._rows:
            raise RuntimeError(
                f"cannot measure the load of {path.name}: it ended with {process.returncode},"
                f" {visible_rows} of {self._rows} rows are visible"
            )
        cpu_s = usage.ru_utime + usage.ru_stime
        return Figure(self._rows / visible_s, cpu_s / self._rows * 1e6, peak_mib)


def write_kinds(lines: Path, kinds: Sequence[str]) -> Mapping[str, Path]:
    """Write the readings of an NDJSON file as files of other kinds beside it."""
    table = pyarrow.json.read_json(
        lines, read_options=pyarrow.json.ReadOptions(block_size=64 * 1024 * 1024)
    )
    paths = {kind: lines.with_suffix(f".{kind}") for kind in kinds}
    if "csv" in kinds:
        texts = [
            pyarrow.compute.strftime(column, "%Y-%m-%dT%H:%M:%SZ")
            if pyarrow.types.is_timestamp(column.type)
            else column
            for column in table.columns
        ]
        pyarrow.csv.write_csv(pyarrow.table(texts, table.column_names), paths["csv"])
    if "parquet" in kinds:
        instants = (
            table.column("ts").cast(pyarrow.timestamp("us")).cast(pyarrow.timestamp("us", tz="UTC"))
        )
        index = table.column_names.index("ts")
        pyarrow.parquet.write_table(table.set_column(index, "ts", instants), paths["parquet"])
    return paths


def _peak_mib(pid: int) -> float:
    """Return the most memory that a process has had, or 0 where it has ended."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 0 unless a turn could not be measured."""
    options = _parse(arguments)
    kinds = options.kinds.split(",")
    print(machine())
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="load-speed-")))
        lines, ilp = folder / "readings.ndjson", folder / "readings.ilp"
        produce(lines, options.rows)
        write_ilp(lines, ilp)
        paths = write_kinds(lines, kinds)
        running = stack.enter_context(running_database(folder / "questdb"))
        ports = DatabasePorts(running.http_port, running.ilp_port, running.pg_uri)
        under_test = stack.enter_context(running_service(folder, ports, ServiceSettings()))
        database = stack.enter_context(QuestDBRest(running.http_port))
        bench = Bench(database, database_pid=running.pid, service_pid=under_test.pid)
        http = Side(
            name="service",
            path=lines,
            bodies=split_bodies(lines, _HTTP_BODY_ROWS),
            target=Target(under_test.meter_usage_port, PATH, CONTENT_TYPE),
            connections=_HTTP_CONNECTIONS,
        )
        direct = Side(
            name="direct",
            path=ilp,
            bodies=split_bodies(ilp, DIRECT_BODY_ROWS),
            target=Target(running.http_port, "/write", "text/plain"),
            connections=DIRECT_CONNECTIONS,
        )
        loads = Loads(folder / "ingestion-config.toml", database, options.rows)
        sides: dict[str, Callable[[], Figure]] = {
            "http": lambda: _posted(bench, http),
            "direct": lambda: _posted(bench, direct),
            **{f"load {kind}": partial(loads.run, path) for kind, path in paths.items()},
        }
        _print(_take_turns(sides, rounds=options.rounds, warm_up=options.warm_up))
    return 0


def _posted(bench: Bench, side: Side) -> Figure:
    turn = bench.run_turn(side)
    return Figure(turn.rows_per_s, turn.service_cpu_s / turn.rows * 1e6)


def _take_turns(
    sides: Mapping[str, Callable[[], Figure]], *, rounds: int, warm_up: int
) -> dict[str, list[Figure]]:
    """Let each side run once a round; who begins changes from round to round."""
    figures: dict[str, list[Figure]] = {name: [] for name in sides}
    names = list(sides)
    for number in range(-warm_up, rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            figure = sides[name]()
            print(f"round {number + 1}: {name}: {figure.rows_per_s:,.0f} rows/s", flush=True)
            if number >= 0:
                figures[name].append(figure)
    return figures


def _print(figures: Mapping[str, Sequence[Figure]]) -> None:
    print("| side | rows/s, median | to http | to direct | CPU us/row | peak MiB |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, turns in figures.items():
        to_http, to_direct = (
            statistics.median(
                mine.rows_per_s / other.rows_per_s
                for mine, other in zip(turns, figures[base], strict=True)
            )
            for base in ("http", "direct")
        )
        rows_per_s = statistics.median(turn.rows_per_s for turn in turns)
        cpu = statistics.median(turn.cpu_us_per_row for turn in turns)
        peak = max(turn.peak_mib for turn in turns)
        print(
            f"| {name} | {rows_per_s:,.0f} | {to_http:.2f} | {to_direct:.2f} | {cpu:.2f}"
            f" | {peak:.0f} |"
        )


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.load_speed",
        description="Measure rows stored per second by load, over HTTP, and straight to QuestDB.",
    )
    add_counts(
        parser,
        {
            "rows": (2_000_000, "rows of one turn"),
            "rounds": (3, "turns of each side that count"),
            "warm-up": (2, "turns of each side before them"),
        },
    )
    parser.add_argument(
        "--kinds", default=",".join(KINDS), metavar="KINDS", help="of files to load, with commas"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
