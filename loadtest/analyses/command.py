"""`python -m loadtest analyses`: archive, questions and report of a synthetic utility."""

import argparse
import asyncio
import contextlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
from loadtest.analyses.utility import START, MadeUtility
from loadtest.command_line import add_counts, command_parser
from loadtest.database import QuestDBRest
from loadtest.processes import Timed, commit, machine, timed
from loadtest.service import CONFIG_NAME, ServiceProcess, ServiceSettings, command, environment

from utility_ts_analytics.database.embedded_questdb.server import EmbeddedQuestDB, RunningQuestDB
from utility_ts_analytics.database.pool import connected
from utility_ts_analytics.database.reference_csv import insert_csv
from utility_ts_analytics.database.table_spec import table_specs
from utility_ts_analytics.queries.time_range import TimeRange

_TARIFF = Path(__file__).parents[2] / "tariffs" / "seasonal-three-period.toml"

ASKED: Mapping[str, Sequence[str]] = {
    "load": ("--group", "segment", "--every", "1h"),
    "time_of_use": ("--group", "segment", "--tariff", str(_TARIFF)),
    "typical_day": ("--group", "segment", "--tariff", str(_TARIFF)),
    "coincident_peaks": ("--group", "feeder"),
    "peak_shares": ("--group", "feeder"),
    "meter_peaks": ("--group", "feeder"),
    "diversity": ("--group", "feeder"),
    "completeness": (),
    "gaps": (),
    "estimated_share": ("--group", "meter"),
    "feeder_balance": (),
    "feeder_losses": (),
    "loss_by_load": (),
    "feeder_loading": (),
    "generation_by_fuel": (),
    "capacity_factor": (),
}
"""Options by question; over the whole period and all meters."""

_TOLERANCE = 1e-6
"""Relative: kWh are added up in another order."""


class _Balance(msgspec.Struct, array_like=True, frozen=True):
    supplied: float
    generation: float
    demand: float
    loss: float


def faults(rest: QuestDBRest, utility: MadeUtility, period: TimeRange) -> list[str]:
    """Return each figure that differs from the known one, one line each."""
    known = utility.energy
    found = []
    stored = rest.count("SELECT count() FROM meter_usage")
    if stored != known.rows:
        found.append(f"{stored:,} readings are stored, {known.rows:,} were made")
    balance = rest.rows(
        "SELECT sum(supplied_kwh), sum(generation_kwh), sum(demand_kwh), sum(loss_kwh)"  # noqa: S608
        f" FROM feeder_energy_balance WHERE {period.covers_sql('ts')}",
        _Balance,
    )[0]
    wanted = _Balance(
        known.supplied,
        known.generation,
        known.demand,
        known.supplied + known.generation - known.demand,
    )
    for name in balance.__struct_fields__:
        is_, should_be = getattr(balance, name), getattr(wanted, name)
        if abs(is_ - should_be) > _TOLERANCE * abs(should_be):
            found.append(f"{name} of the balance is {is_:,.3f} kWh, made were {should_be:,.3f}")
    return found


_BLOCK_DAYS = 31


def main(arguments: Sequence[str] | None = None) -> int:
    """Make, load, archive, ask and check; 0 if the figures are right."""
    options = _parse(arguments)
    with tempfile.TemporaryDirectory(prefix="analyses-") as name:
        folder = Path(name)
        utility = MadeUtility(options.meters)
        start = datetime(START.year, START.month, START.day, tzinfo=UTC)
        period = TimeRange(start, start + timedelta(days=options.days))
        print(f"{machine()}, {commit()}")
        with EmbeddedQuestDB(folder / "questdb", notify=print) as running:
            study = _Study(folder, period, options.memory_mib, running)
            study.load(utility, options.days)
            study.archive(utility.energy.rows)
            study.ask()
            study.write("feeder-balance", *study.span)
            study.write("report", *study.span, "--out", str(folder / "report.html"))
            with QuestDBRest(running.http_port) as rest:
                found = faults(rest, utility, period)
    for fault in found:
        print(f"WRONG: {fault}")
    return 1 if found else 0


class _Study:
    """The commands, one after the other, on one QuestDB."""

    def __init__(
        self, folder: Path, period: TimeRange, memory_mib: int, running: RunningQuestDB
    ) -> None:
        self.span = ("--from", period.start.isoformat(), "--to", period.end.isoformat())
        self._folder = folder
        self._memory_mib = memory_mib
        self._running = running
        ServiceProcess(folder, running, ServiceSettings()).apply_schema()
        (folder / "archive").mkdir()
        with (folder / CONFIG_NAME).open("a") as config:
            config.write(f'\n[archive]\ndir = "{folder / "archive"}"\n')

    def load(self, utility: MadeUtility, days: int) -> None:
        """Load readings by the command, other rows as the first day does."""
        files, loaded_s = self._folder / "files", 0.0
        files.mkdir()
        utility.write_reference(files)
        made = utility.write_days(files, days)
        for first in range(0, days, _BLOCK_DAYS):
            for _ in range(min(_BLOCK_DAYS, days - first)):
                next(made)
            asyncio.run(_insert(sorted(files.glob("*.csv")), self._running.pg_uri))
            for stream in ("generation_output", "meter_usage"):
                paths = sorted(files.glob(f"{stream}-*.parquet"))
                loaded_s += self._run("load", *map(str, paths), "--into", stream).wall_s
                with QuestDBRest(self._running.http_port) as rest:
                    rest.wait_applied(stream, timeout_s=900)
            for path in files.iterdir():
                path.unlink()
        rows = utility.energy.rows
        size = _directory_bytes(self._folder / "questdb" / "db") / rows
        print(
            f"{utility.meters:,} meters, {days} days, {rows:,} readings: loaded in"
            f" {loaded_s:.0f} s, {rows / loaded_s:,.0f} rows/s, {size:.0f} bytes of disk each,"
            " logs included"
        )

    def archive(self, rows: int) -> None:
        """Archive all, and again when nothing changed."""
        first, again = self._run("archive"), self._run("archive")
        size = _directory_bytes(self._folder / "archive" / "meter_usage") / rows
        print(
            f"archived in {first.wall_s:.1f} s, {rows / first.wall_s:,.0f} rows/s,"
            f" {first.peak_mib:.0f} MiB, {size:.2f} bytes per reading; again with nothing changed"
            f" {again.wall_s:.1f} s"
        )

    def ask(self) -> None:
        """Ask every question cold and warm."""
        print(f"\n{'question':<22}{'rows':>10}{'cold':>10}{'warm':>10}{'MiB':>8}")
        for name, arguments in ASKED.items():
            out = self._folder / f"{name}.parquet"
            told = [name, *self.span, *arguments, "--out", str(out)]
            told += ["--memory-mib", str(self._memory_mib)]
            _forget_files(self._folder)
            cold = self._run("analyze", *told)
            warm = self._run("analyze", *told)
            peak_mib = max(cold.peak_mib, warm.peak_mib)
            rows = pq.read_metadata(out).num_rows
            times = f"{cold.wall_s:>8.1f} s{warm.wall_s:>8.1f} s"
            print(f"{name:<22}{rows:>10,}{times}{peak_mib:>8.0f}", flush=True)

    def write(self, *arguments: str) -> None:
        """Run a command that writes something."""
        done = self._run(*arguments)
        print(f"{arguments[0]} in {done.wall_s:.1f} s, {done.peak_mib:.0f} MiB", flush=True)

    def _run(self, *arguments: str) -> Timed:
        config = str(self._folder / CONFIG_NAME)
        return timed(command(*arguments, "--config", config), environment())


def _directory_bytes(directory: Path) -> int:
    """Return the bytes that the files below `directory` take on disk."""
    total = 0
    for path in directory.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # QuestDB goes on working
            total += path.stat().st_blocks * 512 if path.is_file() else 0
    return total


def _forget_files(directory: Path) -> None:
    """Drop cached pages of the files below `directory`, after writing them to the disk."""
    os.sync()
    for path in directory.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)


async def _insert(paths: Sequence[Path], pg_uri: str) -> None:
    """Insert files that are called after their table, with a day behind it or without."""
    specs = table_specs()
    async with connected(pg_uri) as connection:
        for path in paths:
            await insert_csv(connection, path, specs[path.stem.partition("-")[0]])


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser(
        "analyses",
        "Make a utility with known losses, load it, archive it, ask every question cold (no file in"
        " memory) and warm, write balance and report, and compare the energies with the known ones."
        " Times are of whole commands. Starts a QuestDB. Exit code 1: a figure is wrong. A year"
        " (--days 366) takes three quarters of an hour and 35 GB of disk.",
        example="--meters 1000 --days 7",
    )
    counts = {
        "meters": (10_000, "meters of the utility"),
        "days": (31, "days from 2024-01-01 on"),
        "memory-mib": (2048, "memory of DuckDB for a question, MiB"),
    }
    return add_counts(parser, counts).parse_args(arguments)
