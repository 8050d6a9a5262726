"""Reads a tariff calendar from a TOML file; the files in `tariffs/` show the form.

Strict: unknown keys, wrong types and days that are not covered once are refused together, each with
the file and its place in it.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path

from utility_ts_analytics.config.load import read_toml
from utility_ts_analytics.config.problems import Problems, join_path, shown_value
from utility_ts_analytics.errors import ConfigError
from utility_ts_analytics.queries.tariff_calendar import (
    DAY_TYPES,
    DayType,
    Season,
    TariffCalendar,
    Window,
    calendar_problems,
)

_KEYS = ("zone", "holidays", "seasons")
_SEASON_KEYS = ("name", "from", "to", *DAY_TYPES)
_WINDOW = re.compile(r"([0-9]{2}):([0-5][0-9])-([0-9]{2}):([0-5][0-9])", re.ASCII)
_MONTH_DAY = re.compile(r"([0-9]{2})-([0-9]{2})", re.ASCII)
_NOWHEN = (0, 0)


def read_tariff(path: Path) -> TariffCalendar:
    """Return the calendar of a TOML file.

    Raises:
        ConfigError: The file cannot be read, or is no calendar; with every problem.
    """
    tables = read_toml(path, "tariff calendar")
    problems = Problems()
    zone, seasons, holidays = _parts(tables, problems)
    lines = problems.lines
    if not lines:
        lines = list(calendar_problems(zone, seasons, holidays))
    if lines:
        raise ConfigError([f"{path}: {line}" for line in lines])
    return TariffCalendar(zone, seasons, holidays)


def _parts(
    tables: Mapping[str, object], problems: Problems
) -> tuple[str, tuple[Season, ...], tuple[date, ...]]:
    _check_keys(tables, _KEYS, "", problems)
    seasons = [
        _season(table, f"seasons[{index}]", problems)
        for index, table in enumerate(_list(tables, "seasons", "", problems))
    ]
    holidays = []
    for index, value in enumerate(_list(tables, "holidays", "", problems, needed=False)):
        # A datetime is a date too.
        if isinstance(value, date) and not isinstance(value, datetime):
            holidays.append(value)
        else:
            problems.add(
                f"holidays[{index}]", f"must be a date, such as 2024-12-25, is {shown_value(value)}"
            )
    return _text(tables, "zone", "", problems), tuple(seasons), tuple(holidays)


def _season(table: object, path: str, problems: Problems) -> Season:
    if not isinstance(table, dict):
        problems.add(path, f"must be a table, is {shown_value(table)}")
        return Season("", _NOWHEN, _NOWHEN, {})
    _check_keys(table, _SEASON_KEYS, path, problems)
    windows: dict[DayType, tuple[Window, ...]] = {}
    for day_type in DAY_TYPES:
        if day_type in table:
            where = join_path(path, day_type)
            windows[day_type] = _windows(table[day_type], where, problems)
    return Season(
        _text(table, "name", path, problems),
        _month_day(table, "from", path, problems),
        _month_day(table, "to", path, problems),
        windows,
    )


def _windows(table: object, path: str, problems: Problems) -> tuple[Window, ...]:
    """Return the windows of one day type: a table of periods, each with a list of spans."""
    if not isinstance(table, dict):
        problems.add(path, f"must be a table of periods, is {shown_value(table)}")
        return ()
    windows = []
    for period in table:
        where = join_path(path, period)
        for index, value in enumerate(_list(table, period, path, problems)):
            match = _WINDOW.fullmatch(value) if isinstance(value, str) else None
            if match is None:
                problems.add(
                    f"{where}[{index}]",
                    f'must be a span such as "06:00-22:00", is {shown_value(value)}',
                )
            else:
                hour, minute, end_hour, end_minute = map(int, match.groups())
                windows.append(Window(period, hour * 60 + minute, end_hour * 60 + end_minute))
    return tuple(windows)


def _check_keys(
    table: Mapping[str, object], known: tuple[str, ...], path: str, problems: Problems
) -> None:
    for key in table:
        if key not in known:
            problems.add(join_path(path, key), f"is no known key; there are {', '.join(known)}")


def _text(table: Mapping[str, object], key: str, path: str, problems: Problems) -> str:
    value = table.get(key)
    if isinstance(value, str):
        return value
    problems.add(join_path(path, key), _must_be("a text", key, table))
    return ""


def _month_day(
    table: Mapping[str, object], key: str, path: str, problems: Problems
) -> tuple[int, int]:
    value = table.get(key)
    match = _MONTH_DAY.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        problems.add(join_path(path, key), _must_be('a day such as "03-31"', key, table))
        return _NOWHEN
    return int(match[1]), int(match[2])


def _list(
    table: Mapping[str, object], key: str, path: str, problems: Problems, *, needed: bool = True
) -> list[object]:
    value = table.get(key)
    if isinstance(value, list):
        return value
    if needed or key in table:
        problems.add(join_path(path, key), _must_be("a list", key, table))
    return []


def _must_be(what: str, key: str, table: Mapping[str, object]) -> str:
    return f"must be {what}, is " + (shown_value(table[key]) if key in table else "missing")
