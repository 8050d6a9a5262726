"""How long do the analyses take on a utility of some size, cold and warm? And are they right there?

    python -m loadtest.analyses [--meters 10000] [--days 100] [--folder DIR]

Makes the utility, loads its Parquet files with `ingestion-service load`, fills the feeder balance
with `ingestion-service feeder-balance`, holds what comes out against what is known of the made
utility, and times every query over the whole period. On a QuestDB of its own, with nobody else on
the machine. 0 if all figures are right.
"""

import argparse
import asyncio
import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from loadtest.analyses.questions import faults, questions
from loadtest.analyses.timing import time_queries
from loadtest.analyses.utility import START, MadeUtility
from loadtest.capacity.disk import measure_directory
from loadtest.options import add_counts
from loadtest.process_figures import commit, machine
from loadtest.questdb_rest import QuestDBRest
from loadtest.service_under_test import (
    CONFIG_NAME,
    DatabasePorts,
    ServiceProcess,
    ServiceSettings,
    command,
    environment,
    running_database,
)

from utility_ts_analytics.database.embedded import RunningQuestDB
from utility_ts_analytics.database.pool import connected
from utility_ts_analytics.database.table_spec import table_specs
from utility_ts_analytics.ingest.reference_csv import insert_csv
from utility_ts_analytics.queries.time_range import TimeRange


def main(arguments: Sequence[str] | None = None) -> int:
    """Make, load, check and time; 0 if the figures are those of the made utility."""
    options = _parse(arguments)
    with _folder(options.folder) as folder:
        files, database = folder / "files", folder / "questdb"
        utility = _made(files, options.meters, options.days)
        start = datetime(START.year, START.month, START.day, tzinfo=UTC)
        period = TimeRange(start, start + timedelta(days=options.days))
        print(f"{machine()}, {commit()}")
        with running_database(database) as running:
            _load(folder, files, running, utility)
            _balance(folder, period)
            with QuestDBRest(running.http_port) as rest:
                found = faults(rest, utility, period)
        print(f"\n{'query':<34}{'rows':>10}{'cold':>10}{'warm':>10}")
        for timed in time_queries(database, questions(utility, period)):
            figures = f"{timed.rows:>10,}{timed.cold_s:>8.2f} s{timed.warm_s:>8.2f} s"
            print(f"{timed.name:<34}{timed.refusal or figures}", flush=True)
    for fault in found:
        print(f"WRONG: {fault}")
    return 1 if found else 0


def _made(files: Path, meters: int, days: int) -> MadeUtility:
    files.mkdir()
    utility = MadeUtility(meters)
    utility.write_reference(files)
    for _ in utility.write_days(files, days):
        pass
    print(f"{meters:,} meters, {days} days, {utility.energy.rows:,} readings")
    return utility


def _load(folder: Path, files: Path, running: RunningQuestDB, utility: MadeUtility) -> None:
    """Load readings by the command, reference rows as the first day does."""
    ports = DatabasePorts(running.http_port, running.ilp_port, running.pg_uri)
    ServiceProcess(folder, ports, ServiceSettings()).apply_schema()
    asyncio.run(_insert_reference(sorted(files.glob("*.csv")), running.pg_uri))
    for stream in ("generation_output", "meter_usage"):
        started_s = time.perf_counter()
        paths = sorted(files.glob(f"{stream}-*.parquet"))
        _run_command(folder, "load", *map(str, paths), "--into", stream)
        loaded_s = time.perf_counter() - started_s
        with QuestDBRest(running.http_port) as rest:
            rest.wait_applied(stream, timeout_s=600)
        visible_s = time.perf_counter() - started_s
        if stream == "meter_usage":
            rows = utility.energy.rows
            size = measure_directory(folder / "questdb" / "db") / rows
            print(
                f"loaded in {loaded_s:.1f} s, {rows / loaded_s:,.0f} rows/s; visible after"
                f" {visible_s:.1f} s; {size:.0f} bytes of disk per reading, logs included"
            )


async def _insert_reference(paths: Sequence[Path], pg_uri: str) -> None:
    """Insert files that are called after their table, with a day behind it or without."""
    specs = table_specs()
    async with connected(pg_uri) as connection:
        for path in paths:
            await insert_csv(connection, path, specs[path.stem.partition("-")[0]])


def _balance(folder: Path, period: TimeRange) -> None:
    started_s = time.perf_counter()
    _run_command(
        folder,
        *("feeder-balance", "--from", period.start.isoformat(), "--to", period.end.isoformat()),
    )
    print(f"feeder balance of the period in {time.perf_counter() - started_s:.1f} s")


def _run_command(folder: Path, *arguments: str) -> None:
    subprocess.run(  # noqa: S603 - our own interpreter and arguments
        command(*arguments, "--config", str(folder / CONFIG_NAME)),
        env=environment(),
        check=True,
        stdout=subprocess.DEVNULL,
    )


@contextlib.contextmanager
def _folder(wanted: Path | None) -> Iterator[Path]:
    """Yield an empty folder: the wanted one, which stays, or one that goes."""
    if wanted is not None:
        wanted.mkdir(parents=True)
        yield wanted
        return
    with tempfile.TemporaryDirectory(prefix="analyses-") as name:
        yield Path(name)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtest.analyses")
    parser.add_argument("--folder", type=Path, help="keep everything in this new folder")
    return add_counts(
        parser, {"meters": (10_000, "of the utility"), "days": (100, "from 2024-01-01 on")}
    ).parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
