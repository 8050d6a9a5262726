"""SQL for questions of tariffs: energy by time-of-use period, and typical days.

A reading counts for the period in which its interval starts by the local wall clock: the repeated
hour of autumn counts twice as such, the missing hour of spring not at all. That is exact for
intervals that start on a quarter of an hour, and for others unless the zone changes its clock
off the quarter (Newfoundland did, one minute past midnight, until 2011).
"""

import math
from collections.abc import Iterable
from typing import Literal

from utility_ts_analytics.queries.literals import quote_texts
from utility_ts_analytics.queries.local_calendar import (
    LOCAL_MINUTE,
    QUARTER_MINUTES,
    from_whole_step,
    grid_sql,
)
from utility_ts_analytics.queries.reference_versions import SCALED_KWH, customer_join, scale_join
from utility_ts_analytics.queries.saved import SAMPLE_WEEK, SAMPLE_ZONE, SavedQuery, notes_of
from utility_ts_analytics.queries.tariff_calendar import (
    DAY_MINUTES,
    DAY_TYPES,
    Season,
    TariffCalendar,
    Window,
)
from utility_ts_analytics.queries.tariff_labels import day_type_sql, name_sql, rate_sql
from utility_ts_analytics.queries.time_range import TimeRange

__all__ = ["SAVED", "TariffCalendar", "TimeRange", "time_of_use_sql", "typical_day_sql"]

By = Literal["meter", "segment", "tariff"]
"""What readings are added up by."""

_KEYS: dict[str, tuple[str, str]] = {
    "meter": ("mu.meter_id", "meter_id"),
    "segment": ("c.segment", "segment"),
    "tariff": ("c.tariff_code", "tariff_code"),
}
_SLOT_MINUTES = (15, 30, 60)


def time_of_use_sql(
    calendar: TariffCalendar,
    time_range: TimeRange,
    *,
    by: By = "segment",
    meters: Iterable[str] | None = None,
) -> str:
    """Return the query for the energy of each time-of-use period.

    Result columns, one row per key, season and period with readings, ordered by the key and then
    as the calendar names the periods:

    - `meter_id`, `segment` or `tariff_code`: the key; the latter two of the customer at the time
      of the reading. Null for readings whose customer was not known or has none.
    - `season`, `period`: of the calendar.
    - `kwh`: sum of kWh * scale factor of the readings whose interval starts in the period.
    - `readings`: how many those are.

    Every reading of the range counts exactly once: the rows add up to all of its energy. Missing
    readings are not made up for.

    Args:
        calendar: The tariff.
        time_range: Readings whose interval starts in it.
        by: What to add up by.
        meters: Only these; None for all.

    Raises:
        ValueError: `by` is something else, or `meters` is empty or cannot be quoted.
    """
    step = math.gcd(
        QUARTER_MINUTES,
        *(
            window.start_minute
            for season in calendar.seasons
            for day_type in DAY_TYPES
            for window in season.windows_of(day_type)
        ),
    )
    covered = from_whole_step(time_range, step)
    grid = grid_sql(covered, step, calendar.zone, f"{rate_sql(calendar, covered)} AS rate")
    key, name = _key(by)
    seasons = name_sql("rate", [season for season, _ in calendar.rates])
    periods = name_sql("rate", [period for _, period in calendar.rates])
    return (  # every part is a number, a constant or quoted
        f"SELECT {name}, {seasons} AS season, {periods} AS period, kwh, readings\n"
        "FROM (\n"
        f"SELECT {key} AS {name}, g.rate AS rate, sum({SCALED_KWH}) AS kwh, count() AS readings\n"
        f"{_readings(grid, by)}"
        f"WHERE {_asked(time_range, meters)}\n"
        ")\n"
        f"ORDER BY {name}, rate"
    )


def typical_day_sql(
    calendar: TariffCalendar,
    time_range: TimeRange,
    *,
    by: By = "segment",
    slot_minutes: int = 15,
    meters: Iterable[str] | None = None,
) -> str:
    """Return the query for typical days: mean load by day type and local time.

    Result columns, one row per key, day type and slot of the local day with readings, ordered by
    the key, day type (weekday, saturday, sunday, holiday) and time:

    - `meter_id`, `segment` or `tariff_code`: the key, as in `time_of_use_sql`.
    - `day_type`: of the calendar's holidays and the day of the week, by local date.
    - `local_time`: start of the slot by the wall clock, `HH:MM`.
    - `mean_kw`: `kwh` / (`occurrences` * hours of a slot): mean load of all of the key's meters
      together.
    - `occurrences`: how many slots of that name had at least one reading of the key. The repeated
      hour of autumn is two slots, the missing one of spring none.
    - `kwh`: sum of kWh * scale factor in them.

    A slot without any reading does not count; one where some of the meters are missing does, and
    lowers `mean_kw`. Groups by time and key first: by `meter` it needs room for each reading.

    Args:
        calendar: Its zone and holidays count.
        time_range: Readings whose interval starts in it. Best whole local days: a slot that the
            range cuts counts as a whole one.
        by: What to add up by.
        slot_minutes: 15, 30 or 60, not below the interval of the readings: a reading counts in the
            slot that its interval starts in, with all its energy.
        meters: Only these; None for all.

    Raises:
        ValueError: `by` or `slot_minutes` is something else, or `meters` is empty or cannot be
            quoted.
    """
    grid = _slots(calendar, time_range, slot_minutes)
    key, name = _key(by)
    return (  # every part is a number, a constant or quoted
        f"SELECT {name}, {name_sql('day_code', DAY_TYPES)} AS day_type,"
        " to_str(dateadd('m', minute, '2000-01-01T00:00:00Z'::timestamp), 'HH:mm') AS local_time,"
        f" kwh / (occurrences * {slot_minutes / 60}) AS mean_kw, occurrences, kwh\n"
        "FROM (\n"
        f"SELECT {name}, day_code, minute, sum(kwh) AS kwh, count() AS occurrences\n"
        "FROM (\n"
        f"SELECT {key} AS {name}, g.day_code AS day_code, g.minute AS minute,"
        f" g.occurrence AS occurrence, sum({SCALED_KWH}) AS kwh\n"
        f"{_readings(grid, by)}"
        f"WHERE {_asked(time_range, meters)}\n"
        ")\n"
        ")\n"
        f"ORDER BY {name}, day_code, minute"
    )


def _slots(calendar: TariffCalendar, time_range: TimeRange, slot_minutes: int) -> str:
    """Return the grid with the day type, the slot's minute of the day, and when the slot began."""
    if slot_minutes not in _SLOT_MINUTES:
        raise ValueError(f"cannot make slots of {slot_minutes!r} minutes: give 15, 30 or 60")
    covered = from_whole_step(time_range, QUARTER_MINUTES)
    into_slot = f"({LOCAL_MINUTE}) % {slot_minutes}"
    return grid_sql(
        covered,
        QUARTER_MINUTES,
        calendar.zone,
        f"{day_type_sql(calendar, covered)} AS day_code, {LOCAL_MINUTE} - {into_slot} AS minute,"
        f" dateadd('m', -({into_slot}), ts) AS occurrence",
    )


def _key(by: str) -> tuple[str, str]:
    """Return the column that readings are added up by, and its name."""
    if by not in _KEYS:
        raise ValueError(f"cannot add up by {by!r}: give one of {', '.join(_KEYS)}")
    return _KEYS[by]


def _readings(grid: str, by: By) -> str:
    """Return FROM and joins: readings with local labels, customer and scale factor."""
    customers = "" if by == "meter" else customer_join("segment, tariff_code", "LEFT JOIN")
    return f"FROM meter_usage mu\nASOF JOIN {grid} g\n{customers}{scale_join()}"


def _asked(time_range: TimeRange, meters: Iterable[str] | None) -> str:
    among = "" if meters is None else f" AND mu.meter_id IN ({quote_texts(meters, 'meters')})"
    return time_range.covers_sql("mu.ts") + among


def _every_day(period: str) -> tuple[Window, ...]:
    return (Window(period, 0, DAY_MINUTES),)


_SAMPLE_CALENDAR = TariffCalendar(
    SAMPLE_ZONE,
    (
        Season(
            "all year",
            (1, 1),
            (12, 31),
            {
                "weekday": (
                    Window("off-peak", 0, 6 * 60),
                    Window("shoulder", 6 * 60, 17 * 60),
                    Window("peak", 17 * 60, 21 * 60),
                    Window("shoulder", 21 * 60, 22 * 60),
                    Window("off-peak", 22 * 60, DAY_MINUTES),
                ),
                "saturday": _every_day("shoulder"),
                "sunday": _every_day("off-peak"),
            },
        ),
    ),
)

SAVED = (
    SavedQuery(
        "time_of_use",
        "How much energy did each customer segment take in the tariff's peak and off-peak hours?",
        time_of_use_sql(_SAMPLE_CALENDAR, SAMPLE_WEEK),
        notes_of(time_of_use_sql),
    ),
    SavedQuery(
        "typical_day",
        "What does a typical weekday, Saturday and Sunday of each segment look like?",
        typical_day_sql(_SAMPLE_CALENDAR, SAMPLE_WEEK),
        notes_of(typical_day_sql),
    ),
)
