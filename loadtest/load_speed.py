"""Rows stored per second by `ingestion-service load`, against the same rows posted and direct.

    python -m loadtest.load_speed [--rows 2000000] [--rounds 3] [--warm-up 2] [--kinds ndjson,csv]

All sides take turns in one run: `load` of the same readings as NDJSON, CSV and Parquet, the HTTP
path with one worker per core, and ILP text straight to QuestDB. Each turn starts from an empty
table and lasts until every row is visible. The time of a load is that of the whole command, the
start of its interpreter included. Runs a QuestDB and a service of its own.
"""

import argparse
import contextlib
import itertools
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
    CONFIG_NAME,
    DatabasePorts,
    ServiceSettings,
    command,
    environment,
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
        started_rows_per_s: The same without the time that a load of ten such rows takes, which is
            that of starting the interpreter; None where there is no such start.
        cpu_us_per_row: Of the loading process, or of the service; 0 where that is not known.
        peak_mib: The most memory the loading process had; 0 where that is not known.
    """

    rows_per_s: float
    started_rows_per_s: float | None = None
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
        self._start_s: dict[Path, float] = {}

    def run(self, path: Path) -> Figure:
        """Load a file into an empty table.

        Raises:
            RuntimeError: Not every row is visible at the end.
        """
        if path not in self._start_s:
            started_s = time.monotonic()
            few = path.with_name(f"few{path.suffix}")
            subprocess.run(  # noqa: S603 - our own interpreter and arguments
                self._command(few), env=environment(), stdout=subprocess.DEVNULL, check=True
            )
            self._start_s[path] = time.monotonic() - started_s
        self._database.truncate(TABLE)
        started_s = time.monotonic()
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
            self._command(path), env=environment(), stdout=subprocess.DEVNULL
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
        return Figure(
            rows_per_s=self._rows / visible_s,
            started_rows_per_s=self._rows / (visible_s - self._start_s[path]),
            cpu_us_per_row=cpu_s / self._rows * 1e6,
            peak_mib=peak_mib,
        )

    def _command(self, path: Path) -> list[str]:
        return command("load", str(path), "--into", "meter_usage", "--config", str(self._config))


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
        plain = pyarrow.csv.WriteOptions(quoting_style="needed")
        pyarrow.csv.write_csv(pyarrow.table(texts, table.column_names), paths["csv"], plain)
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
        few = folder / "few.ndjson"
        with lines.open("rb") as readings:
            few.write_bytes(b"".join(itertools.islice(readings, 10)))
        write_kinds(few, kinds)
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
        loads = Loads(folder / CONFIG_NAME, database, options.rows)
        sides: dict[str, Callable[[], Figure]] = {
            "http": lambda: _posted(bench, http),
            "direct": lambda: _posted(bench, direct),
            **{f"load {kind}": partial(loads.run, path) for kind, path in paths.items()},
        }
        _print(_take_turns(sides, rounds=options.rounds, warm_up=options.warm_up))
    return 0


def _posted(bench: Bench, side: Side) -> Figure:
    turn = bench.run_turn(side)
    cpu_us = turn.service_cpu_s / turn.rows * 1e6
    return Figure(turn.rows_per_s, turn.rows_per_s, cpu_us)


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
    print("| side | rows/s, median | to http | without start | to http | CPU us/row | peak MiB |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name, turns in figures.items():
        ratios = [
            statistics.median(
                speed(mine) / other.rows_per_s
                for mine, other in zip(turns, figures["http"], strict=True)
            )
            for speed in (_whole, _started)
        ]
        print(
            f"| {name} | {statistics.median(map(_whole, turns)):,.0f} | {ratios[0]:.2f}"
            f" | {statistics.median(map(_started, turns)):,.0f} | {ratios[1]:.2f}"
            f" | {statistics.median(turn.cpu_us_per_row for turn in turns):.2f}"
            f" | {max(turn.peak_mib for turn in turns):.0f} |"
        )


def _whole(figure: Figure) -> float:
    return figure.rows_per_s


def _started(figure: Figure) -> float:
    return figure.rows_per_s if figure.started_rows_per_s is None else figure.started_rows_per_s


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
