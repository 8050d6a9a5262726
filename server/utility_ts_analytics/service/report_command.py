"""`ingestion-service report`: the figures of a period as one page that needs nothing else."""

import argparse
import asyncio
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from utility_ts_analytics.clock import Clock
from utility_ts_analytics.config import Config
from utility_ts_analytics.errors import ConfigError, OperatorError
from utility_ts_analytics.queries.balance_intervals import zone_named
from utility_ts_analytics.queries.tariff_calendar import TariffCalendar
from utility_ts_analytics.queries.tariff_file import read_tariff
from utility_ts_analytics.queries.time_range import TimeRange
from utility_ts_analytics.service.period_options import OptionReader

_EXTRA = "utility-ts-analytics[analysis]"
_DEFAULT_ZONE = "UTC"
_FILE_MODE = 0o666
"""Less what the umask of the caller takes away."""


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """What was typed, unread.

    Attributes:
        out: File to write.
        from_: First day or time; None leaves the period to the data.
        to: Day or time after the last one.
        zone: Name of the time zone; None takes the tariff's, or UTC.
        tariff: TOML file of a tariff calendar; None takes day and night.
    """

    out: Path
    from_: str | None
    to: str | None
    zone: str | None
    tariff: Path | None


@dataclass(frozen=True, slots=True)
class ReportTerms:
    """What the options mean."""

    time_range: TimeRange | None
    zone: ZoneInfo
    tariff: TariffCalendar | None


def add_options(command: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    command.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="the page; replaced if it is there"
    )
    text = "a day (2024-06-03, today-7d): its midnight in --zone; or a time with its offset"
    command.add_argument(
        "--from",
        dest="from_",
        metavar="T",
        help=f"{text} (default: the last full week of the data)",
    )
    command.add_argument("--to", metavar="T", help="likewise; not included")
    command.add_argument(
        "--zone",
        metavar="ZONE",
        help="local time, such as Europe/Berlin (default: the tariff's, UTC)",
    )
    command.add_argument(
        "--tariff", type=Path, metavar="FILE", help="tariff calendar (TOML; tariffs/ has examples)"
    )


def options_of(parsed: argparse.Namespace) -> ReportOptions:
    """Return what was typed."""
    return ReportOptions(parsed.out, parsed.from_, parsed.to, parsed.zone, parsed.tariff)


def terms_of(options: ReportOptions, *, now: datetime) -> ReportTerms:
    """Return what the options mean.

    Args:
        options: As typed.
        now: Aware; which day is today.

    Raises:
        ConfigError: They make no sense; lists every problem.
    """
    reader = OptionReader()
    tariff = None
    if options.tariff is not None:
        try:
            tariff = read_tariff(options.tariff)
        except ConfigError as error:
            reader.problems += [f"--tariff: {problem}" for problem in error.problems]
    name = options.zone or (_DEFAULT_ZONE if tariff is None else tariff.zone)
    # The rest is read with a zone that there is, so that a wrong one is said once.
    zone = reader.take("--zone", zone_named, name) or zone_named(_DEFAULT_ZONE)
    if (options.from_ is None) != (options.to is None):
        reader.problems.append("--from, --to: give both or neither")
    time_range = reader.period(options.from_, options.to, zone=zone.key, now=now)
    if reader.problems:
        raise ConfigError(reader.problems)
    return ReportTerms(time_range, zone, tariff)


def write_report(config: Config, terms: ReportTerms, out: Path, *, clock: Clock) -> str:
    """Write the report, whole or not at all; a file that was there is replaced.

    Returns:
        What was written, in one line.

    Raises:
        QuestDBUnavailable: The database is away.
        OperatorError: The extra `analysis` is not installed, or the file cannot be written.
    """
    try:
        # Here and not above: the server runs without these packages.
        from utility_ts_analytics.analysis.report.assembly import ReportRequest, make_report
        from utility_ts_analytics.analysis.report.page import page_of
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("utility_ts_analytics"):
            raise
        raise OperatorError(
            f"cannot draw a report: {error.name} is not installed; run pip install '{_EXTRA}'"
        ) from error
    request = ReportRequest(terms.time_range, terms.zone, terms.tariff)
    report = asyncio.run(make_report(config.questdb.pgwire_uri, request, clock=clock))
    _replace(out, page_of(report).encode())
    return f"{out}: {report.title}"


def _replace(path: Path, content: bytes) -> None:
    """Put `content` at `path`: readers see the old file or the whole new one."""
    umask = os.umask(0)
    os.umask(umask)
    name = None
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), _FILE_MODE & ~umask)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except OSError as error:
        if name is not None:
            with suppress(OSError):
                Path(name).unlink()
        raise OperatorError(f"cannot write {path}: {error.strerror}") from error
