"""A tariff with seasons, odd window edges and holidays, and its answers without SQL."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from utility_ts_analytics.queries.tariff_calendar import (
    DayType,
    Season,
    TariffCalendar,
    Window,
)


def calendar_of(zone: str) -> TariffCalendar:
    """Winter over New Year; weekday edges at 05:50 and 16:30; a holiday of its own in winter."""
    summer = {
        "weekday": (Window("low", 0, 350), Window("high", 350, 1320), Window("low", 1320, 1440)),
        "saturday": (Window("mid", 0, 1440),),
        "sunday": (Window("low", 0, 1440),),
    }
    winter = {
        "weekday": (Window("low", 0, 350), Window("high", 350, 990), Window("top", 990, 1440)),
        "saturday": (Window("low", 0, 480), Window("mid", 480, 1440)),
        "sunday": (Window("low", 0, 1440),),
        "holiday": (Window("free", 0, 1440),),
    }
    return TariffCalendar(
        zone,
        (
            Season("winter", (10, 16), (4, 15), winter),  # type: ignore[arg-type] # day types
            Season("summer", (4, 16), (10, 15), summer),  # type: ignore[arg-type]
        ),
        # A Wednesday of summer, a Friday and a Sunday of winter.
        (date(2024, 5, 1), date(2024, 3, 29), date(2024, 10, 27)),
    )


def wall_clock(ts: datetime, zone: str) -> datetime:
    return ts.astimezone(ZoneInfo(zone)).replace(tzinfo=UTC)


def day_type_at(calendar: TariffCalendar, ts: datetime) -> DayType:
    local = wall_clock(ts, calendar.zone)
    if local.date() in calendar.holidays:
        return "holiday"
    names: dict[int, DayType] = {5: "saturday", 6: "sunday"}
    return names.get(local.weekday(), "weekday")


def rate_at(calendar: TariffCalendar, ts: datetime) -> tuple[str, str]:
    """Season and period at an instant."""
    local = wall_clock(ts, calendar.zone)
    (season,) = (s for s in calendar.seasons if s.covers(local.month, local.day))
    minute = local.hour * 60 + local.minute
    day_type = day_type_at(calendar, ts)
    if day_type not in season.windows:
        day_type = "sunday"
    (period,) = (
        window.period
        for window in season.windows[day_type]
        if window.start_minute <= minute < window.end_minute
    )
    return season.name, period
