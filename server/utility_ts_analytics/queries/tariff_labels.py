"""A tariff calendar as SQL text: whole numbers that hold at `local`, the local wall clock.

Numbers, not names: QuestDB 9.3.4 takes no STRING column on the right of an ASOF JOIN.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta

from utility_ts_analytics.queries.literals import quote_text, quote_timestamp
from utility_ts_analytics.queries.local_calendar import LOCAL_DAY, LOCAL_MINUTE
from utility_ts_analytics.queries.tariff_calendar import (
    DAY_TYPES,
    Season,
    TariffCalendar,
    Window,
)
from utility_ts_analytics.queries.time_range import TimeRange

_MONTH_DAY = "month(local) * 100 + day(local)"


def rate_sql(calendar: TariffCalendar, time_range: TimeRange) -> str:
    """Return the index in `calendar.rates` that holds at `local`.

    Args:
        calendar: The tariff.
        time_range: Where the answer is needed; holidays elsewhere are left out.
    """
    code_of = {rate: code for code, rate in enumerate(calendar.rates)}

    def of_day(season: Season, windows: Sequence[Window]) -> str:
        spans = [(window.end_minute, code_of[season.name, window.period]) for window in windows]
        return _case(
            [(f"{LOCAL_MINUTE} < {end}", str(code)) for end, code in spans[:-1]], str(spans[-1][1])
        )

    def of_season(season: Season) -> str:
        days = [of_day(season, season.windows_of(day_type)) for day_type in DAY_TYPES]
        tests = [
            (f"{day_type_sql(calendar, time_range)} = {index}", day)
            for index, day in enumerate(days[:-1])
        ]
        return _case(tests, days[-1])

    seasons = [(_in_season(season), of_season(season)) for season in calendar.seasons]
    return _case(seasons[:-1], seasons[-1][1])


def day_type_sql(calendar: TariffCalendar, time_range: TimeRange) -> str:
    """Return the index in `DAY_TYPES` that holds at `local`; arguments as of `rate_sql`."""
    # A day more on both sides: local dates of the range, whatever the zone.
    first, last = time_range.start.date(), time_range.end.date()
    margin = timedelta(days=1)
    holidays = [day for day in sorted(calendar.holidays) if first - margin <= day <= last + margin]
    tests = [(f"{LOCAL_DAY} IN ({', '.join(map(_date, holidays))})", "3")] if holidays else []
    return _case([*tests, ("day_of_week(local) = 7", "2"), ("day_of_week(local) = 6", "1")], "0")


def _in_season(season: Season) -> str:
    (first_month, first_day), (last_month, last_day) = season.first, season.last
    link = "AND" if season.first <= season.last else "OR"
    return (
        f"({_MONTH_DAY} >= {first_month * 100 + first_day}"
        f" {link} {_MONTH_DAY} <= {last_month * 100 + last_day})"
    )


def _date(day: date) -> str:
    return quote_timestamp(datetime(day.year, day.month, day.day, tzinfo=UTC))


def name_sql(column: str, names: Sequence[str]) -> str:
    """Return the name that an index in `names`, the value of `column`, stands for."""
    return _case(
        [(f"{column} = {index}", quote_text(name)) for index, name in enumerate(names[:-1])],
        quote_text(names[-1]),
    )


def _case(tests: Iterable[tuple[str, str]], otherwise: str) -> str:
    whens = " ".join(f"WHEN {test} THEN {value}" for test, value in tests)
    return f"CASE {whens} ELSE {otherwise} END" if whens else otherwise
