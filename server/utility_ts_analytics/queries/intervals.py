"""Intervals and time zones: quarter hours, hours, local days, and the length of readings."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from utility_ts_analytics.queries.literals import in_utc, quote_text
from utility_ts_analytics.queries.time_range import TimeRange

INTERVAL_MINUTES = {"15m": 15, "30m": 30, "60m": 60, "1h": 60, "1d": None}
"""Every interval by its name, in minutes; a day has 23 to 25 hours where clocks change."""

READING_MINUTES = (1, 5, 10, 15, 30, 60)
"""Lengths that readings may have: whole parts of an hour."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Intervals:
    """Intervals of one length, one after the other.

    Those within a day start at whole multiples of their length in UTC, whatever the zone. A day
    starts at midnight of `zone`; where clocks skip midnight, with the first instant after it.

    Attributes:
        name: One of `INTERVAL_MINUTES`.
        zone: IANA name such as `Europe/Berlin`; counts for days only.

    Raises:
        ValueError: There is no such interval or zone.
    """

    name: str = "15m"
    zone: str = "UTC"

    def __post_init__(self) -> None:
        if self.name not in INTERVAL_MINUTES:
            choices = ", ".join(INTERVAL_MINUTES)
            raise ValueError(f"cannot use the interval {self.name!r}: it must be one of {choices}")
        zone_named(self.zone)

    @property
    def minutes(self) -> int | None:
        """Length in minutes; None for days."""
        return INTERVAL_MINUTES[self.name]

    def start_sql(self, column: str) -> str:
        """Return the start, UTC, of the interval that the TIMESTAMP `column` lies in."""
        if self.minutes is not None:
            return f"timestamp_floor('{self.minutes}m', {column})"
        zone = quote_text(self.zone)
        return f"to_utc({_local_day_sql(column, zone)}, {zone})"

    def minutes_sql(self, column: str) -> str:
        """Return the length in minutes of the interval that the TIMESTAMP `column` lies in."""
        if self.minutes is not None:
            return str(self.minutes)
        zone = quote_text(self.zone)
        next_day = f"dateadd('d', 1, {_local_day_sql(column, zone)})"
        return f"datediff('m', {self.start_sql(column)}, to_utc({next_day}, {zone}))"

    def starts(self, time_range: TimeRange) -> Iterator[datetime]:
        """Yield the start of each interval that starts in the range: UTC, in order."""
        if self.minutes is not None:
            length = timedelta(minutes=self.minutes)
            start = time_range.start + -(time_range.start - _EPOCH) % length
            while start < time_range.end:
                yield start
                start += length
            return
        day = time_range.start.astimezone(zone_named(self.zone)).date()
        while (start := midnight(day, self.zone)) < time_range.end:
            if start >= time_range.start:
                yield start
            day += _DAY

    def is_start(self, moment: datetime) -> bool:
        """Return whether an interval starts at this aware time."""
        instant = in_utc(moment)
        if self.minutes is not None:
            return not (instant - _EPOCH) % timedelta(minutes=self.minutes)
        return midnight(instant.astimezone(zone_named(self.zone)).date(), self.zone) == instant

    def check(self, time_range: TimeRange) -> None:
        """Make sure that the range consists of whole intervals.

        Raises:
            ValueError: It starts or ends within one.
        """
        cut = [m for m in (time_range.start, time_range.end) if not self.is_start(m)]
        if cut:
            named = " and ".join(moment.isoformat() for moment in cut)
            where = f"midnight in {self.zone}" if self.minutes is None else "in UTC"
            raise ValueError(
                f"cannot divide the period into whole intervals of {self.name}, which start"
                f" {where}: {named} lies within one"
            )


@dataclass(frozen=True, slots=True)
class ReadingLengths:
    """How long the readings are that a balance is made of, in minutes.

    More frequent readings are averaged (powers) or added (energies) over such a length; of less
    frequent ones, lengths in which no reading starts count as missing.

    Attributes:
        meters: Of `meter_usage`, one of `READING_MINUTES`.
        plants: Of `generation_output`.
        heads: Of `network_measurements`.

    Raises:
        ValueError: A length is none of those.
    """

    meters: int = 15
    plants: int = 15
    heads: int = 15

    def __post_init__(self) -> None:
        for field in fields(self):
            minutes = getattr(self, field.name)
            if minutes not in READING_MINUTES:
                choices = ", ".join(map(str, READING_MINUTES))
                raise ValueError(
                    f"cannot take readings of {field.name} for {minutes!r} minutes long: it must be"
                    f" one of {choices}"
                )

    def check(self, intervals: Intervals) -> None:
        """Make sure that every interval consists of whole readings.

        Raises:
            ValueError: It does not.
        """
        for field in fields(self):
            minutes = getattr(self, field.name)
            if intervals.minutes is not None and intervals.minutes % minutes:
                raise ValueError(
                    f"cannot divide intervals of {intervals.name} into readings of {field.name}"
                    f" that are {minutes} minutes long"
                )


def zone_named(name: str) -> ZoneInfo:
    """Return the time zone with this IANA name.

    Raises:
        ValueError: There is none.
    """
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError) as cause:
        raise ValueError(
            f"cannot use the time zone {name!r}: give a name such as Europe/Berlin"
        ) from cause


def midnight(day: date, zone: str) -> datetime:
    """Return the first instant of a day in a zone, in UTC.

    Where clocks are put back to before midnight, the first of both; where they skip midnight, the
    instant at which they do.
    """
    return in_utc(datetime.combine(day, time(), zone_named(zone)))


def _local_day_sql(column: str, zone: str) -> str:
    return f"timestamp_floor('d', to_timezone({column}, {zone}))"
