"""When which tariff period holds, by the local wall clock: seasons, day types and daily windows.

Values only. `queries.tariff_file` reads one from a file, `analysis.tables` hands it to questions.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Literal, get_args

from utility_ts_analytics.queries.intervals import zone_named

DayType = Literal["weekday", "saturday", "sunday", "holiday"]
DAY_TYPES: tuple[DayType, ...] = get_args(DayType)

DAY_MINUTES = 1440
NAME_CHARACTERS_MAX = 64
_LEAP_YEAR = 2024
"""Has every month and day that any year can have."""


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the local day by the wall clock.

    Attributes:
        period: Such as `peak`.
        start_minute: First minute of the day in it, 0..1439.
        end_minute: First minute after it, up to 1440.
    """

    period: str
    start_minute: int
    end_minute: int


@dataclass(frozen=True, slots=True)
class Season:
    """A part of the year, and its windows for each type of day.

    Attributes:
        name: Such as `winter`.
        first: Month and day it begins with.
        last: Month and day it ends with; earlier in the year than `first` if it spans New Year.
        windows: For each day type; without `holiday`, holidays have the windows of `sunday`.
    """

    name: str
    first: tuple[int, int]
    last: tuple[int, int]
    windows: Mapping[DayType, Sequence[Window]]

    def covers(self, month: int, day: int) -> bool:
        """Return whether a day of the year lies in the season."""
        if self.first <= self.last:
            return self.first <= (month, day) <= self.last
        return (month, day) >= self.first or (month, day) <= self.last

    def windows_of(self, day_type: DayType) -> Sequence[Window]:
        """Return the windows of a day type, in the order of time."""
        windows = self.windows.get(day_type)
        if windows is None:
            windows = self.windows["sunday"]
        return sorted(windows, key=lambda window: window.start_minute)


@dataclass(frozen=True, slots=True)
class TariffCalendar:
    """Gives every instant exactly one season, day type and period.

    Attributes:
        zone: Name of the local time, such as `Europe/Berlin`.
        seasons: Cover each day of the year once.
        holidays: Local dates; they win over Saturday and Sunday.

    Raises:
        ValueError: It does not cover each local day once; names every problem.
    """

    zone: str
    seasons: tuple[Season, ...]
    holidays: tuple[date, ...] = ()

    def __post_init__(self) -> None:
        if problems := list(calendar_problems(self.zone, self.seasons, self.holidays)):
            raise ValueError(f"cannot use the tariff calendar: {'; '.join(problems)}")

    @property
    def rates(self) -> tuple[tuple[str, str], ...]:
        """Every pair of season and period, in the order in which they are first named."""
        return tuple(
            dict.fromkeys(
                (season.name, window.period)
                for season in self.seasons
                for day_type in DAY_TYPES
                for window in season.windows_of(day_type)
            )
        )


def calendar_problems(
    zone: str, seasons: Sequence[Season], holidays: Sequence[date]
) -> Iterator[str]:
    """Yield every reason why these make no calendar, one line each."""
    try:
        zone_named(zone)
    except ValueError as error:
        yield f"zone: {error}"
    yield from _repeated("holidays", [day.isoformat() for day in holidays])
    yield from _repeated("seasons", [season.name for season in seasons])
    for season in seasons:
        yield from _season_problems(season)
    # Gaps and overlaps of seasons mean nothing where a season's own dates are wrong.
    if all(_is_day(*season.first) and _is_day(*season.last) for season in seasons):
        yield from _year_problems(seasons)


def _repeated(where: str, names: Iterable[str]) -> Iterator[str]:
    for name, count in Counter(names).items():
        if count > 1:
            yield f"{where}: {name} is there {count} times"


def _season_problems(season: Season) -> Iterator[str]:
    where = f"season {season.name!r}"
    yield from _name_problems(where, season.name)
    for end, (month, day) in (("from", season.first), ("to", season.last)):
        if not _is_day(month, day):
            yield f"{where}: {end}: {month:02}-{day:02} is no day of the year"
    for day_type in DAY_TYPES:
        if day_type in season.windows:
            yield from _day_problems(f"{where}: {day_type}", season.windows[day_type])
        elif day_type != "holiday":
            yield f"{where}: {day_type}: has no windows"


def _day_problems(where: str, windows: Sequence[Window]) -> Iterator[str]:
    """Yield what is wrong with the windows of one day type."""
    for period in dict.fromkeys(window.period for window in windows):
        yield from _name_problems(where, period)
    covered_until, last = 0, ""
    for window in sorted(windows, key=lambda window: (window.start_minute, window.end_minute)):
        start, end = window.start_minute, window.end_minute
        if not 0 <= start < end <= DAY_MINUTES:
            yield (
                f"{where}: {window.period} {_span(start, end)} is no part of one day (split a"
                " window that spans midnight)"
            )
            continue
        if start > covered_until:
            yield f"{where}: {_span(covered_until, start)} is in no window"
        elif start < covered_until:
            overlap = _span(start, min(end, covered_until))
            yield f"{where}: {overlap} is in {last} and in {window.period}"
        if end > covered_until:
            covered_until, last = end, window.period
    if covered_until < DAY_MINUTES:
        yield f"{where}: {_span(covered_until, DAY_MINUTES)} is in no window"


def _year_problems(seasons: Sequence[Season]) -> Iterator[str]:
    """Yield each run of days that does not lie in exactly one season."""
    first = date(_LEAP_YEAR, 1, 1)
    year = [first + timedelta(days=n) for n in range(366)]

    def holders(day: date) -> tuple[str, ...]:
        return tuple(season.name for season in seasons if season.covers(day.month, day.day))

    for names, run in groupby(year, key=holders):
        if len(names) != 1:
            days = list(run)
            span = f"{days[0]:%m-%d} to {days[-1]:%m-%d}"
            yield f"seasons: {span} is in {' and in '.join(names) if names else 'no season'}"


def _name_problems(where: str, name: str) -> Iterator[str]:
    if not 1 <= len(name) <= NAME_CHARACTERS_MAX or not name.isprintable():
        yield f"{where}: a name has 1..{NAME_CHARACTERS_MAX} printable characters, not {name!r}"


def _is_day(month: int, day: int) -> bool:
    try:
        date(_LEAP_YEAR, month, day)
    except ValueError:
        return False
    return True


def _span(start_minute: int, end_minute: int) -> str:
    return "-".join(f"{minute // 60:02}:{minute % 60:02}" for minute in (start_minute, end_minute))
