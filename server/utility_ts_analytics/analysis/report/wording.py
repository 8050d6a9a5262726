"""Numbers, times and counts as the report writes them."""

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo

from utility_ts_analytics.queries.time_range import TimeRange

_CONTROLS = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 127), "\N{REPLACEMENT CHARACTER}")


def markup_safe(text: str) -> str:
    """Return a text without the characters that neither HTML nor XML allows, even escaped."""
    return text.translate(_CONTROLS)


def decimal(value: float | None, places: int = 1) -> str:
    """Return a number with thousands grouped; a dash where it is not known."""
    if value is None:
        return "\N{EN DASH}"
    text = f"{value:,.{places}f}"
    if not text.strip("-0.,"):
        text = text.removeprefix("-")  # a rounded nothing has no sign
    return text.replace("-", "\N{MINUS SIGN}")


def energy(kwh: float) -> str:
    """Return energy in the unit that leaves the fewest digits."""
    for unit, size in (("GWh", 1e6), ("MWh", 1e3)):
        if abs(kwh) >= 100 * size:
            return f"{decimal(kwh / size, 0 if abs(kwh) >= 1000 * size else 1)} {unit}"
    return f"{decimal(kwh, 0 if abs(kwh) >= 100 else 1)} kWh"


def power(kw: float) -> str:
    """Return power in the unit that leaves the fewest digits."""
    if abs(kw) >= 100_000:
        return f"{decimal(kw / 1000, 0)} MW"
    return f"{decimal(kw, 0 if abs(kw) >= 100 else 1)} kW"


def count(number: int, one: str, many: str = "") -> str:
    """Return such as "1 meter" or "2,000 meters"."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def moment(ts: datetime, zone: tzinfo) -> str:
    """Return a local time for a sentence, such as "Tue 4 June, 11:45"."""
    local = ts.astimezone(zone)
    return f"{local:%a} {local.day} {local:%B}, {local:%H:%M}"


def stamp(ts: datetime, zone: tzinfo) -> str:
    """Return a local time for a table: with its offset, since an hour can come twice."""
    return f"{ts.astimezone(zone):%Y-%m-%d %H:%M %z}"


def span(time_range: TimeRange, zone: tzinfo) -> str:
    """Return the days of a period, such as "3 to 9 June 2024"; with times where not whole days."""
    start, end = time_range.start.astimezone(zone), time_range.end.astimezone(zone)
    if (start.hour, start.minute, end.hour, end.minute) != (0, 0, 0, 0):
        return f"{start.day} {start:%B %Y}, {start:%H:%M} to {end.day} {end:%B %Y}, {end:%H:%M}"
    last = end - timedelta(days=1)
    if start.date() == last.date():
        return f"{start.day} {start:%B %Y}"
    if (start.year, start.month) == (last.year, last.month):
        return f"{start.day} to {last.day} {last:%B %Y}"
    if start.year == last.year:
        return f"{start.day} {start:%B} to {last.day} {last:%B %Y}"
    return f"{start.day} {start:%B %Y} to {last.day} {last:%B %Y}"


def listed(names: Sequence[str], most: int = 3) -> str:
    """Return such as "a, b and 3 others"."""
    if len(names) <= most:
        return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
    return f"{', '.join(names[:most])} and {count(len(names) - most, 'other')}"
