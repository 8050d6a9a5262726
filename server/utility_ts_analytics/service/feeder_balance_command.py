"""`ingestion-service feeder-balance`: runs the job and tells what it found."""

import asyncio
import json
import sys
from collections import Counter
from datetime import datetime

from utility_ts_analytics.analysis.feeder_balance import (
    RESULT_TABLE,
    BalanceJob,
    BalanceReport,
    FeederTotal,
    run_balance,
)
from utility_ts_analytics.asgi.responses import Json
from utility_ts_analytics.clock import SystemClock
from utility_ts_analytics.config import Config
from utility_ts_analytics.database.pool import connected
from utility_ts_analytics.errors import ConfigError

_FEEDERS_SHOWN = 40
"""Lines on a terminal; `--json` has all."""


def balance_feeders(config: Config, job: BalanceJob, *, as_json: bool) -> int:
    """Run the job and print its report.

    Returns:
        0 if all that was asked for is computed; 1 if a feeder asked for by name has nothing.

    Raises:
        ConfigError: The readings are in tables of other names.
        OperatorError: As `run_balance`.
    """
    _refuse_other_tables(config)
    report = asyncio.run(_run(config.questdb.pgwire_uri, job))
    if as_json:
        print(json.dumps(_facts(job, report), indent=2))
    else:
        _print(job, report)
    return 1 if report.silent_feeders else 0


def _refuse_other_tables(config: Config) -> None:
    """The queries know the readings by the names of `sql/schema`."""
    others = [
        f"{name}.name: feeder-balance reads the table {name}, not {stream.table}"
        for name, stream in config.streams.items()
        if stream.table != name
    ]
    if others:
        raise ConfigError(others)


async def _run(uri: str, job: BalanceJob) -> BalanceReport:
    shown = sys.stderr.isatty()

    def progress(until: datetime, rows: int) -> None:
        if shown:
            text = f"\rup to {until:%Y-%m-%d %H:%M}Z: {rows:,} rows "
            print(text, end="", file=sys.stderr, flush=True)

    async with connected(uri) as connection:
        try:
            return await run_balance(connection, job, clock=SystemClock(), progress=progress)
        finally:
            if shown:
                print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _facts(job: BalanceJob, report: BalanceReport) -> dict[str, Json]:
    return {
        "from": job.time_range.start.isoformat(),
        "to": job.time_range.end.isoformat(),
        "interval": job.intervals.name,
        "dry_run": job.dry_run,
        "rows": report.rows,
        "feeders": {name: _total(report.feeders[name]) for name in sorted(report.feeders)},
        "silent_feeders": list(report.silent_feeders),
        "left_over_rows": dict(sorted(report.left_over.items())),
    }


def _total(total: FeederTotal) -> dict[str, Json]:
    return {
        "intervals": total.intervals,
        "unknown_intervals": total.unknown_intervals,
        "supplied_kwh": total.supplied_kwh,
        "generation_kwh": total.generation_kwh,
        "demand_kwh": total.demand_kwh,
        "loss_kwh": total.loss_kwh,
        "loss_pct": total.loss_pct,
        "coverage_min_pct": total.coverage_min_pct,
        "alerts": dict(sorted(total.alerts.items())),
        "causes": dict(sorted(total.causes.items())),
    }


def _print(job: BalanceJob, report: BalanceReport) -> None:
    period = f"{job.time_range.start:%Y-%m-%d %H:%M}Z to {job.time_range.end:%Y-%m-%d %H:%M}Z"
    done = "computed, nothing written" if job.dry_run else f"written to {RESULT_TABLE}"
    print(f"{period}, intervals of {job.intervals.name}: {report.rows:,} rows {done}")
    names = sorted(report.feeders)
    for name in names[:_FEEDERS_SHOWN]:
        print(f"  {_line(name, report.feeders[name])}")
    if len(names) > _FEEDERS_SHOWN:
        print(f"  and {len(names) - _FEEDERS_SHOWN} feeders more: --json has all")
    for title, counts in (
        ("alerts", [total.alerts for total in report.feeders.values()]),
        ("causes", [total.causes for total in report.feeders.values()]),
    ):
        summed = sum(counts, Counter[str]())
        if summed:
            print(f"{title}: " + ", ".join(f"{n:,} {what}" for what, n in summed.most_common()))
    for name in report.silent_feeders:
        print(f"nothing is mapped to or measured at {name} in this period", file=sys.stderr)
    for name, count in sorted(report.left_over.items()):
        print(
            f"{count:,} rows of {name} are left over in {RESULT_TABLE}: the feeder has nothing any"
            " more then; single rows cannot be removed from QuestDB",
            file=sys.stderr,
        )


def _line(name: str, total: FeederTotal) -> str:
    if total.intervals == total.unknown_intervals:
        return f"{name}: no balance in any of {total.intervals:,} intervals"
    share = "" if total.loss_pct is None else f" ({total.loss_pct:.2f} %)"
    text = (
        f"{name}: supplied {total.supplied_kwh:,.1f} kWh, generation {total.generation_kwh:,.1f},"
        f" demand {total.demand_kwh:,.1f}, loss {total.loss_kwh:,.1f}{share}"
    )
    if total.unknown_intervals:
        text += f"; no balance in {total.unknown_intervals:,} of {total.intervals:,} intervals"
    return text
