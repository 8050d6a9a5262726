"""`ingestion-service report`: the figures of a period as one HTML page that needs nothing else."""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from utility_ts_analytics.cli.command import Command, extra_needed
from utility_ts_analytics.cli.options import (
    OptionReader,
    Period,
    add_period,
    add_tariff,
    add_zone,
    config_and,
)
from utility_ts_analytics.cli.terminal import written_whole
from utility_ts_analytics.clock import SystemClock
from utility_ts_analytics.errors import EXIT_FAILED, EXIT_OK


def _add_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FILE",
        help="file to write or to replace, in one step",
    )
    add_period(command, default="the last full week of the data")
    add_zone(
        command, default="the tariff's, else UTC", purpose="time zone of days and of the charts"
    )
    add_tariff(command, default="day and night")


def report_period(options: argparse.Namespace, *, now: datetime) -> Period:
    """Return the period that parsed options ask for; without a time range the data says which.

    Args:
        options: Of the command's parser.
        now: Aware; which day is today.

    Raises:
        ConfigError: Options are wrong; lists every problem.
    """
    reader = OptionReader()
    if (options.from_ is None) != (options.to is None):
        reader.problems.append("--from, --to: give both or neither")
    period = reader.period(
        options.from_, options.to, zone=options.zone, tariff=options.tariff, now=now
    )
    reader.raise_if_any()
    return period


def _run(options: argparse.Namespace) -> int:
    now = datetime.now(tz=UTC)
    config, period = config_and(options.config, lambda: report_period(options, now=now))
    with extra_needed("draw a report"):
        from utility_ts_analytics.analysis.report.assembly import ReportRequest, make_report
        from utility_ts_analytics.analysis.report.page import page_of
        from utility_ts_analytics.analysis.sources import sources_of

        sources = sources_of(config)
    request = ReportRequest(period.time_range, period.zone, period.tariff)
    report = make_report(sources, request, clock=SystemClock())
    out: Path = options.out
    with written_whole(out) as new:
        new.write_bytes(page_of(report).encode())
    print(f"{out}: {report.title}")
    return EXIT_OK


COMMAND = Command(
    name="report",
    description="Write load, tariff periods, feeders, generation and data quality of a period as"
    " one HTML page with charts. The page is self-contained: it loads nothing from elsewhere.",
    examples={
        "--out report.html --zone Europe/Berlin": "the last full week",
        "--out june.html --from 2024-06-01 --to 2024-07-01": "a month",
    },
    exit_codes={
        EXIT_OK: "the page is written",
        EXIT_FAILED: "QuestDB is not available, or the page cannot be written",
    },
    add_options=_add_options,
    run=_run,
)
