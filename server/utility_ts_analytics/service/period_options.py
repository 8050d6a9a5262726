"""Periods and lengths as people type them, for commands about a span of time. Pure."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

from utility_ts_analytics.queries.balance_intervals import midnight, zone_named
from utility_ts_analytics.queries.time_range import TimeRange

ValueT = TypeVar("ValueT")

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_DAYS_AGO = re.compile(r"today(?:-([0-9]{1,4})d)?")
_TIME = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?:[Zz]|[+-]\d{2}:\d{2})"
)
_MINUTES = re.compile(r"([0-9]{1,2})m")


class OptionReader:
    """Reads options, notes what cannot be read, and goes on.

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
        self, from_: str | None, to: str | None, *, zone: str, now: datetime
    ) -> TimeRange | None:
        """Return the period between `--from` and `--to`; None without both, or with problems.

        Args:
            from_: As typed, or None.
            to: As typed, or None.
            zone: As `parse_moment` takes it, as is `now`.
            now: Aware.
        """

        def moment(option: str, text: str | None) -> datetime | None:
            if text is None:
                return None
            return self.take(option, lambda: parse_moment(text, zone=zone, now=now))

        start, end = moment("--from", from_), moment("--to", to)
        if start is None or end is None:
            return None
        return self.take("--from, --to", TimeRange, start, end)


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
