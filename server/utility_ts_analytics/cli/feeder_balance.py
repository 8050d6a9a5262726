"""`ingestion-service feeder-balance`: fills the table `feeder_energy_balance` for a period."""

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from utility_ts_analytics.analysis.balance_job import (
    RESULT_TABLE,
    BalanceJob,
    BalanceReport,
    FeederTotal,
)
from utility_ts_analytics.analysis.judgement import Thresholds
from utility_ts_analytics.asgi.responses import Json
from utility_ts_analytics.cli.command import Command, extra_needed
from utility_ts_analytics.cli.options import (
    OptionReader,
    add_heads,
    add_period,
    add_repeated,
    add_zone,
    config_and,
    parse_minutes,
)
from utility_ts_analytics.cli.terminal import (
    print_json,
    print_some,
    progress_line,
    show_progress,
)
from utility_ts_analytics.clock import SystemClock
from utility_ts_analytics.config import Config
from utility_ts_analytics.database.lasting import lasting
from utility_ts_analytics.errors import EXIT_FAILED, EXIT_OK, ConfigError
from utility_ts_analytics.queries.intervals import Intervals, ReadingLengths

_INTERVALS: Final[Mapping[str, str]] = MappingProxyType(
    {"meters": "--meter-interval", "plants": "--plant-interval", "heads": "--head-interval"}
)
"""The option of each length of `ReadingLengths`."""

_THRESHOLDS: Final[Mapping[str, tuple[str, str, str]]] = MappingProxyType(
    {
        "coverage_min_pct": (
            "--min-coverage",
            "PCT",
            "percentage of readings that must be there to judge a loss",
        ),
        "warning_pct": (
            "--warning-loss",
            "PCT",
            "warn of losses above this percentage of the energy moved",
        ),
        "critical_pct": ("--critical-loss", "PCT", "losses above this percentage are critical"),
        "negative_pct": (
            "--negative-loss",
            "PCT",
            "warn of gains (negative losses) above this percentage",
        ),
        "loss_kwh_min": ("--min-loss", "KWH", "smallest loss to warn of, in kWh"),
    }
)
"""Option, unit and meaning of each attribute of `Thresholds`."""


def _add_options(command: argparse.ArgumentParser) -> None:
    add_period(command, default=None)
    command.add_argument(
        "--every",
        default="15m",
        metavar="LENGTH",
        help="length of an interval of the balance: 15m, 30m, 60m (1h) or 1d (default: 15m)",
    )
    add_zone(
        command, default="UTC", purpose="time zone of days in --from and --to, and of --every 1d"
    )
    add_repeated(
        command, "--feeder", "FEEDER", "compute the balance of this feeder only", "all feeders"
    )
    add_heads(command)
    for name, option in _INTERVALS.items():
        command.add_argument(
            option,
            default="15m",
            metavar="LENGTH",
            help=f"interval of the readings of {name}, in minutes (default: 15m)",
        )
    defaults = Thresholds()
    for name, (option, unit, meaning) in _THRESHOLDS.items():
        command.add_argument(
            option,
            dest=name,
            default=f"{getattr(defaults, name):g}",
            metavar=unit,
            help=f"{meaning} (default: %(default)s)",
        )
    command.add_argument(
        "--dry-run", action="store_true", help="compute and report, write nothing to QuestDB"
    )


def balance_job(options: argparse.Namespace, *, now: datetime) -> BalanceJob:
    """Return the job that parsed options ask for.

    Args:
        options: Of the command's parser.
        now: Aware; which day is today.

    Raises:
        ConfigError: Options are wrong; lists every problem.
    """
    reader = OptionReader()
    period = reader.period(options.from_, options.to, zone=options.zone, now=now)
    intervals = reader.take("--every", Intervals, options.every, period.zone.key)
    lengths = _lengths(reader, options)
    thresholds = _thresholds(reader, options)
    heads = reader.heads(options.heads)
    if intervals is not None and period.time_range is not None:
        reader.take("--from, --to", intervals.check, period.time_range)
    if intervals is not None and lengths is not None:
        reader.take("--every", lengths.check, intervals)
    if period.time_range is None or intervals is None or lengths is None or thresholds is None:
        raise ConfigError(reader.problems)
    job = BalanceJob(
        period.time_range,
        intervals,
        feeders=tuple(dict.fromkeys(options.feeders)),
        heads=heads,
        lengths=lengths,
        thresholds=thresholds,
        dry_run=options.dry_run,
    )
    if not reader.problems:  # only names that cannot be quoted are left
        reader.take("--feeder, --head", job.check)
    reader.raise_if_any()
    return job


def _lengths(reader: OptionReader, options: argparse.Namespace) -> ReadingLengths | None:
    minutes: dict[str, int] = {}
    for name, option in _INTERVALS.items():
        text = getattr(options, option.removeprefix("--").replace("-", "_"))
        count = reader.take(option, parse_minutes, text)
        if count is not None:
            minutes[name] = count
    return reader.take(", ".join(_INTERVALS.values()), lambda: ReadingLengths(**minutes))


def _thresholds(reader: OptionReader, options: argparse.Namespace) -> Thresholds | None:
    limits: dict[str, float] = {}
    for name, (option, _, _) in _THRESHOLDS.items():
        value = reader.take(option, float, getattr(options, name))
        if value is not None:
            limits[name] = value

    def make() -> Thresholds:
        try:
            return Thresholds(**limits)
        except ValueError as error:
            text = str(error)
            for name, (option, _, _) in _THRESHOLDS.items():
                text = text.replace(name, option)
            raise ValueError(text) from None

    return reader.take("thresholds", make)


def _run(options: argparse.Namespace) -> int:
    now = datetime.now(tz=UTC)
    config, job = config_and(options.config, lambda: balance_job(options, now=now))
    config.refuse_shards("feeder-balance")
    report = asyncio.run(_balance(config, job))
    if options.json:
        print_json(_facts(job, report))
    else:
        _print(job, report)
    return EXIT_FAILED if report.silent_feeders else EXIT_OK


async def _balance(config: Config, job: BalanceJob) -> BalanceReport:
    with extra_needed("compute balances"):
        from utility_ts_analytics.analysis.feeder_balance import run_balance
        from utility_ts_analytics.analysis.sources import sources_of

        sources = sources_of(config, fresh=True)

    def progress(until: datetime, rows: int) -> None:
        show_progress(f"up to {until:%Y-%m-%d %H:%M}Z: {rows:,} rows")

    with progress_line():
        async with lasting(config.questdb.pgwire_uri) as connection:
            return await run_balance(
                connection, job, sources, clock=SystemClock(), progress=progress
            )


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
    print_some(
        [f"  {_line(name, report.feeders[name])}" for name in sorted(report.feeders)],
        to=sys.stdout,
    )
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


COMMAND = Command(
    name="feeder-balance",
    description="Compute the energy balance of feeders: supplied and generated energy, demand and"
    " loss for each feeder and interval of the period, with alerts for unusual losses. Writes to"
    " the table feeder_energy_balance; run it again for the same period to replace its rows.",
    examples={
        "--from today-3d --to today --zone Europe/Berlin": "the last three days",
        "--from 2024-06-03 --to 2024-06-10 --dry-run": "a week; write nothing",
    },
    exit_codes={
        EXIT_OK: "every balance is computed",
        EXIT_FAILED: "a feeder of --feeder has no data, or a table cannot be used",
    },
    add_options=_add_options,
    has_json=True,
    run=_run,
)
