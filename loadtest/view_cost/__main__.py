"""What the materialized views of `sql/views` cost QuestDB while readings come.

    python -m loadtest.view_cost [--meters 5000] [--intervals 96] [--parts 2] [--rounds 1]
        [--order intervals|meters]

Runs a QuestDB of its own and sends it a day of readings over ILP, in one of two orders
(`loadtest.view_cost.day`). Each way to refresh has its turns, one after the other, with the same
bytes: at full speed, for the rows per second, and paced, each request only after the views have
followed the one before, for what a row costs where rows come slower than they could. A timer is
played by asking for a refresh when it would fire. Leaves the service out: the views cost it
nothing.
"""

import argparse
import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from loadtest.options import add_counts
from loadtest.questdb_rest import QuestDBRest
from loadtest.service_under_test import running_database
from loadtest.stored_comparison import TABLE
from loadtest.view_cost.day import Day, interval_by_interval, meter_by_meter
from loadtest.view_cost.turns import MODES, Figures, Mode, Rig

from utility_ts_analytics.database.table_compare import create_sql
from utility_ts_analytics.database.table_spec import table_specs

Turn = tuple[Mode, bool, Figures]


def report(turns: Sequence[Turn]) -> Iterator[str]:
    """Yield the lines of the table: the best of the turns of each mode, memory at its highest."""
    yield "| views | rows/s | us/row | us/row, paced | rows written per row, paced | MiB |"
    yield "|---|---:|---:|---:|---:|---:|"
    for mode in MODES:
        fast = [figures for one, paced, figures in turns if one == mode and not paced]
        slow = [figures for one, paced, figures in turns if one == mode and paced]
        best = max(fast, key=lambda figures: figures.rows / figures.elapsed_s)
        cheap = min(slow, key=lambda figures: figures.cpu_s)
        yield (
            f"| {mode.name} | {best.rows / best.elapsed_s:,.0f}"
            f" | {best.cpu_s / best.rows * 1e6:.2f} | {cheap.cpu_s / cheap.rows * 1e6:.2f}"
            f" | {cheap.written_rows / cheap.rows:.1f}"
            f" | {max(one.rss_bytes for one in fast + slow) / 2**20:.0f} |"
        )


def run(day: Day, *, rounds: int) -> list[Turn]:
    """Run `rounds` turns of each way and pace against a QuestDB of their own; print each."""
    turns: list[Turn] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        running_database(Path(folder)) as questdb,
        QuestDBRest(questdb.http_port) as rest,
        contextlib.closing(Rig(questdb, rest, day)) as rig,
    ):
        rest.execute(create_sql(table_specs()[TABLE]))
        for _ in range(rounds):
            for mode in MODES:
                for paced in (False, True):
                    turns.append((mode, paced, rig.run_turn(mode, paced=paced)))
                    print(f"  {mode.name}{', paced' if paced else ''}: {turns[-1][2]}", flush=True)
    return turns


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the day, run all turns and print the table."""
    parser = argparse.ArgumentParser(description="What the materialized views cost QuestDB.")
    add_counts(
        parser,
        {
            "meters": (5000, "meters"),
            "intervals": (96, "intervals of the day; requests of the night are twice as many"),
            "parts": (2, "requests per interval"),
            "rounds": (1, "turns of each way"),
        },
    )
    parser.add_argument("--order", choices=["intervals", "meters"], default="intervals")
    options = parser.parse_args(arguments)
    midnight = datetime.now(tz=UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if options.order == "intervals":
        day = interval_by_interval(
            meters=options.meters,
            intervals=options.intervals,
            parts=options.parts,
            midnight=midnight,
        )
    else:
        requests = min(options.meters, options.intervals * 2)
        day = meter_by_meter(meters=options.meters, requests=requests, midnight=midnight)
    count = sum(map(len, day.groups))
    print(f"{day.name}: {day.rows:,} rows in {count} requests a turn", flush=True)
    for line in report(run(day, rounds=options.rounds)):
        print(line)


if __name__ == "__main__":
    main()
