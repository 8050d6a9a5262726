"""The options of `ingestion-service feeder-balance`, and the job that they ask for. Pure."""

import argparse
from collections.abc import Iterable
from datetime import datetime

from utility_ts_analytics.analysis.feeder_balance import BalanceJob
from utility_ts_analytics.analysis.judgement import Thresholds
from utility_ts_analytics.errors import ConfigError
from utility_ts_analytics.queries.balance_intervals import (
    Intervals,
    ReadingLengths,
    zone_named,
)
from utility_ts_analytics.service.period_options import OptionReader, parse_minutes

_READINGS = ("meters", "plants", "heads")
_THRESHOLDS = {
    "coverage_min_pct": "with less of the readings there, a loss is not judged",
    "warning_pct": "losses above this share are odd",
    "critical_pct": "losses above this share are critical",
    "negative_pct": "losses below minus this share are odd",
    "loss_kwh_min": "smaller losses are never odd",
}


def add_options(command: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    text = "a time with its offset, or a day (2024-06-03, today, today-3d): its midnight in --zone"
    command.add_argument("--from", dest="from_", required=True, metavar="T", help=text)
    command.add_argument("--to", required=True, metavar="T", help="likewise; not included")
    command.add_argument(
        "--interval", default="15m", metavar="LENGTH", help="15m, 30m, 60m or 1d (default: 15m)"
    )
    command.add_argument("--zone", default="UTC", help="of days, such as Europe/Berlin")
    command.add_argument(
        "--feeder", dest="feeders", nargs="+", default=[], metavar="F", help="only these"
    )
    command.add_argument(
        "--head",
        dest="heads",
        action="append",
        default=[],
        metavar="F=NODE[,NODE]",
        help="what measures at the head of a feeder, where several nodes do; powers are added",
    )
    for name in _READINGS:
        command.add_argument(
            f"--{name}-every",
            default="15m",
            metavar="LENGTH",
            help="length of their readings (default: 15m)",
        )
    defaults = Thresholds()
    for name, meaning in _THRESHOLDS.items():
        command.add_argument(
            f"--{name.replace('_', '-')}",
            default=f"{getattr(defaults, name):g}",
            metavar="X",
            help=f"{meaning} (default: %(default)s)",
        )
    command.add_argument("--dry-run", action="store_true", help="compute and report, write nothing")


def job_of(options: argparse.Namespace, *, now: datetime) -> BalanceJob:
    """Return the job that parsed options ask for.

    Args:
        options: Of a parser that `add_options` was called for.
        now: Aware; which day is today.

    Raises:
        ConfigError: They ask for none; lists every problem.
    """
    reader = OptionReader()
    # The rest is read with a zone that there is, so that a wrong one is said once.
    zone = "UTC" if reader.take("--zone", zone_named, options.zone) is None else options.zone
    intervals = reader.take("--interval", Intervals, options.interval, zone)
    time_range = reader.period(options.from_, options.to, zone=zone, now=now)
    lengths = _lengths(reader, options)
    thresholds = _thresholds(reader, options)
    heads = _heads(reader, options.heads)
    if intervals is not None and time_range is not None:
        reader.take("--from, --to", intervals.check, time_range)
    if intervals is not None and lengths is not None:
        reader.take("--interval", lengths.check, intervals)
    if time_range is None or intervals is None or lengths is None or thresholds is None:
        raise ConfigError(reader.problems)
    job = BalanceJob(
        time_range,
        intervals,
        feeders=tuple(dict.fromkeys(options.feeders)),
        heads=heads,
        lengths=lengths,
        thresholds=thresholds,
        dry_run=options.dry_run,
    )
    if not reader.problems:  # what is left are names that cannot be quoted
        reader.take("--feeder, --head", job.sql, time_range)
    if reader.problems:
        raise ConfigError(reader.problems)
    return job


def _lengths(reader: OptionReader, options: argparse.Namespace) -> ReadingLengths | None:
    minutes: dict[str, int] = {}
    for name in _READINGS:
        count = reader.take(f"--{name}-every", parse_minutes, getattr(options, f"{name}_every"))
        if count is not None:
            minutes[name] = count
    every = ", ".join(f"--{name}-every" for name in _READINGS)
    return reader.take(every, lambda: ReadingLengths(**minutes))


def _thresholds(reader: OptionReader, options: argparse.Namespace) -> Thresholds | None:
    limits: dict[str, float] = {}
    for name in _THRESHOLDS:
        value = reader.take(f"--{name.replace('_', '-')}", float, getattr(options, name))
        if value is not None:
            limits[name] = value
    return reader.take("thresholds", lambda: Thresholds(**limits))


def _heads(reader: OptionReader, texts: Iterable[str]) -> dict[str, list[str]]:
    heads: dict[str, list[str]] = {}
    for text in texts:
        feeder, _, nodes = text.partition("=")
        if feeder and nodes and all(nodes.split(",")):
            heads.setdefault(feeder, []).extend(nodes.split(","))
        else:
            reader.problems.append(f"--head: cannot read {text!r}: give F=NODE, or F=NODE,NODE")
    return heads
