"""Options that several commands share, and the parsers of their values.

Options are read after the parser has taken them, so that every problem is listed at once, together
with those of the configuration.
"""

import argparse
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from utility_ts_analytics.config import Config, load_config
from utility_ts_analytics.errors import ConfigError
from utility_ts_analytics.queries.intervals import midnight, zone_named
from utility_ts_analytics.queries.tariff_calendar import TariffCalendar
from utility_ts_analytics.queries.tariff_file import read_tariff
from utility_ts_analytics.queries.time_range import TimeRange
from utility_ts_analytics.telemetry.logs import configure_logs

ValueT = TypeVar("ValueT")
OptionsT = TypeVar("OptionsT")

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_DAYS_AGO = re.compile(r"today(?:-([0-9]{1,4})d)?")
_TIME = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?:[Zz]|[+-]\d{2}:\d{2})"
)
_MINUTES = re.compile(r"([0-9]{1,2})m")
_EVERY = re.compile(r"([1-9][0-9]{0,3})([mhdwMy])", re.ASCII)
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks", "M": "months", "y": "years"}
_DAY_MINUTES = 1440


def add_period(command: argparse.ArgumentParser, *, default: str | None) -> None:
    """Declare `--from` and `--to`.

    Args:
        command: Parser of the command.
        default: The period without them, for the help; None makes both required.
    """
    required, without = default is None, f" (default: {default})" if default else ""
    command.add_argument(
        "--from",
        dest="from_",
        required=required,
        metavar="T",
        help="start of the period (inclusive): a day (2024-06-03, today, today-3d), which means its"
        f" midnight in --zone, or a time with its offset (2024-06-03T00:00:00Z){without}",
    )
    command.add_argument(
        "--to",
        required=required,
        metavar="T",
        help=f"end of the period (exclusive), written like --from{without}",
    )


def add_zone(command: argparse.ArgumentParser, *, default: str, purpose: str) -> None:
    """Declare `--zone`; the help says what it is for, and what holds without it."""
    command.add_argument(
        "--zone",
        metavar="ZONE",
        help=f"{purpose}: an IANA name such as Europe/Berlin (default: {default})",
    )


def add_tariff(command: argparse.ArgumentParser, *, default: str) -> None:
    """Declare `--tariff`."""
    command.add_argument(
        "--tariff",
        type=Path,
        metavar="FILE",
        help=f"tariff calendar in TOML; tariffs/ has examples (default: {default})",
    )


def add_archive_dir(command: argparse.ArgumentParser) -> None:
    """Declare `--dir`."""
    command.add_argument(
        "--dir",
        type=Path,
        metavar="DIR",
        help="folder of the archive (default: archive.dir of the configuration)",
    )


def add_repeated(
    command: argparse.ArgumentParser, name: str, metavar: str, text: str, default: str
) -> None:
    """Declare an option that may be given several times; `--head` becomes the list `heads`."""
    command.add_argument(
        name,
        dest=f"{name.removeprefix('--')}s",
        action="append",
        default=[],
        metavar=metavar,
        help=f"{text}; repeatable (default: {default})",
    )


def add_heads(command: argparse.ArgumentParser) -> None:
    """Declare `--head`."""
    add_repeated(
        command,
        "--head",
        "FEEDER=NODE[,NODE]",
        "node at the head of a feeder that has several measured nodes; the powers of several"
        " heads are added",
        "the feeder's only measured node",
    )


@dataclass(frozen=True, slots=True)
class Period:
    """The period of a command, and the time zone of its days.

    Attributes:
        time_range: None leaves it to the command.
        zone: `--zone`, else the tariff's, else UTC.
        tariff: None where none was given.
    """

    time_range: TimeRange | None
    zone: ZoneInfo
    tariff: TariffCalendar | None


class OptionReader:
    """Reads options and collects their problems.

    Attributes:
        problems: One line each, with the option.
    """

    def __init__(self) -> None:
        self.problems: list[str] = []

    def take(self, option: str, make: Callable[..., ValueT], *arguments: object) -> ValueT | None:
        """Return what `make` makes of the arguments; None where it refuses them."""
        try:
            return make(*arguments)
        except ValueError as error:
            self.problems.append(f"{option}: {error}")
            return None

    def period(
        self,
        from_: str | None,
        to: str | None,
        *,
        zone: str | None,
        now: datetime,
        tariff: Path | None = None,
    ) -> Period:
        """Return the period that `--from`, `--to`, `--zone` and `--tariff` say.

        Without one of `--from` and `--to`, or with a problem, it has no time range.

        Args:
            from_: As typed, as `to` and `zone`.
            to: End, exclusive.
            zone: None takes the tariff's, or UTC.
            now: Aware; which day is today.
            tariff: File of the tariff.
        """
        calendar = None
        if tariff is not None:
            try:
                calendar = read_tariff(tariff)
            except ConfigError as error:
                self.problems += [f"--tariff: {problem}" for problem in error.problems]
        name = zone or (calendar.zone if calendar is not None else "UTC")
        # The rest is read with a zone that there is, so that a wrong one is told once.
        info = self.take("--zone", zone_named, name) or zone_named("UTC")

        def moment(option: str, text: str | None) -> datetime | None:
            if text is None:
                return None
            return self.take(option, lambda: parse_moment(text, zone=info.key, now=now))

        start, end = moment("--from", from_), moment("--to", to)
        time_range = None
        if start is not None and end is not None:
            time_range = self.take("--from, --to", TimeRange, start, end)
        return Period(time_range, info, calendar)

    def heads(self, texts: Iterable[str]) -> dict[str, list[str]]:
        """Return the nodes of each feeder, from texts such as `F1=N1,N2`."""
        heads: dict[str, list[str]] = {}
        for text in texts:
            feeder, _, nodes = text.partition("=")
            if feeder and nodes and all(nodes.split(",")):
                heads.setdefault(feeder, []).extend(nodes.split(","))
            else:
                self.problems.append(
                    f"--head: cannot read {text!r}: give FEEDER=NODE, or FEEDER=NODE,NODE"
                )
        return heads

    def raise_if_any(self) -> None:
        """Raise what was noted.

        Raises:
            ConfigError: Lists every problem.
        """
        if self.problems:
            raise ConfigError(self.problems)


def parse_moment(text: str, *, zone: str, now: datetime) -> datetime:
    """Return the time that `text` stands for, in UTC.

    Args:
        text: RFC 3339 with an offset (`2024-06-03T00:00:00Z`; seconds may be left out), or a day,
            which means its midnight in `zone`: `2024-06-03`, `today`, `today-3d`.
        zone: IANA name.
        now: Aware; which day is today.

    Raises:
        ValueError: It stands for none.
    """
    tzinfo = zone_named(zone)
    if (ago := _DAYS_AGO.fullmatch(text)) is not None:
        day = now.astimezone(tzinfo).date() - timedelta(days=int(ago[1] or 0))
        return midnight(day, zone)
    try:
        if _DATE.fullmatch(text) is not None:
            return midnight(date.fromisoformat(text), zone)
        if _TIME.fullmatch(text) is not None:
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as cause:
        raise ValueError(f"there is no time {text!r}: {cause}") from cause
    raise ValueError(
        f"cannot read the time {text!r}: give one with its offset (2024-06-03T00:00:00Z), or a day"
        " (2024-06-03, today, today-3d)"
    )


def parse_minutes(text: str) -> int:
    """Return the minutes of a length such as `15m`.

    Raises:
        ValueError: It is of another form.
    """
    match = _MINUTES.fullmatch(text)
    if match is None:
        raise ValueError(f"cannot read the length {text!r}: give minutes, as in 15m")
    return int(match[1])


def parse_every(text: str) -> str:
    """Return the length of a bucket such as `15m` as an INTERVAL of DuckDB.

    Raises:
        ValueError: It is of another form, or no whole part of a day though shorter than one.
    """
    match = _EVERY.fullmatch(text)
    if match is None:
        raise ValueError(f"cannot read the length {text!r}: give 15m, 1h, 1d, 1w, 1M or 1y")
    count, unit = int(match[1]), match[2]
    minutes = count * {"m": 1, "h": 60}.get(unit, 0)
    if minutes and (_DAY_MINUTES % minutes or minutes == _DAY_MINUTES):
        raise ValueError(f"cannot use the length {text!r}: it is no whole part of a day")
    return f"{count} {_UNITS[unit]}"


def config_and(
    config_path: Path | None, read_options: Callable[[], OptionsT]
) -> tuple[Config, OptionsT]:
    """Return the configuration and the read options; set up the log as configured.

    Without this, log lines would be mixed with the facts on standard output.

    Raises:
        ConfigError: Lists every problem of the options and of the configuration.
    """
    problems: list[str] = []
    options = config = None
    try:
        options = read_options()
    except ConfigError as error:
        problems += error.problems
    try:
        config = load_config(config_path, os.environ)
    except ConfigError as error:
        problems += error.problems
    if config is None or options is None:
        raise ConfigError(problems)
    configure_logs(level=config.server.log_level, log_format=config.server.log_format)
    return config, options
