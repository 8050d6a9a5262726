"""The zone macros agree with zoneinfo, around every change of the clock and anywhere else."""

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.files.mapping.macro_rig import rows

ZONES = [
    "Europe/Berlin",
    "Europe/London",
    "Europe/Dublin",  # winter time is the one that is put back
    "Europe/Istanbul",
    "Africa/Casablanca",  # Ramadan
    "Africa/Cairo",  # at midnight
    "America/Chicago",
    "America/St_Johns",  # half an hour; at a minute past midnight until 2011
    "America/Sao_Paulo",  # at midnight
    "America/Caracas",
    "America/Scoresbysund",
    "Antarctica/Troll",  # two hours
    "Asia/Kathmandu",
    "Asia/Pyongyang",
    "Asia/Tehran",
    "Australia/Lord_Howe",  # by half an hour
    "Pacific/Apia",  # a day that never was
    "Pacific/Chatham",
]
# DuckDB has a time zone database of its own. A newer one than Python's ends these in 2027.
END = {"Africa/Casablanca": 2026}
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(instant: datetime | None) -> int | None:
    return None if instant is None else (instant - EPOCH) // timedelta(microseconds=1)


def offset(zone: ZoneInfo, instant: datetime) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta()


@cache
def changes(name: str) -> list[datetime]:
    """The local times, to the hour, at which the clock is put forward or back, 2000 to 2037."""
    zone = ZoneInfo(name)
    found = []
    instant = datetime(2000, 1, 1, tzinfo=UTC)
    while instant.year < END.get(name, 2037):
        before, after = offset(zone, instant), offset(zone, instant + DAY)
        while before != after and offset(zone, instant + HOUR) == before:
            instant += HOUR
        if before != after:
            found.append((instant + HOUR + before).replace(tzinfo=None))
        instant += DAY
    return found


def passes(name: str, wall: datetime) -> list[datetime]:
    """The instants at which the clock shows a time: none, one, or two."""
    zone = ZoneInfo(name)
    both = {wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
    return sorted(i for i in both if i.astimezone(zone).replace(tzinfo=None) == wall)


def expected(name: str, wall: datetime) -> tuple[int | None, int | None, int | None, bool]:
    found = passes(name, wall)
    first, second = (found[0], found[-1]) if found else (None, None)
    only = first if len(found) == 1 else None
    return micros(only), micros(first), micros(second), len(found) == 2


def answers(
    name: str, walls: list[datetime]
) -> list[tuple[int | None, int | None, int | None, bool]]:
    """Ask with the zone as a constant, and every other time as a column."""
    zone = f"'{name}'" if len(walls) % 2 else "zone"
    return rows(
        f"SELECT epoch_us(utc({zone}, t)), epoch_us(utc_first({zone}, t)),"
        f" epoch_us(utc_second({zone}, t)), is_twice({zone}, t)"
        " FROM (SELECT ? AS zone, unnest(?::TIMESTAMP[]) AS t)",
        [name, walls],
    )


@pytest.mark.parametrize("name", ZONES)
def test_every_change_of_the_clock_is_that_of_zoneinfo(name: str) -> None:
    walls = [
        change + quarters * HOUR / 4
        for change in changes(name)
        for quarters in [*range(-16, 17), *range(-26 * 4 - 2, -26 * 4 + 3), *range(24 * 4, 27 * 4)]
    ]
    assert answers(name, walls) == [expected(name, wall) for wall in walls]


@given(
    st.sampled_from(ZONES),
    st.lists(st.datetimes(datetime(2000, 1, 2), datetime(2025, 12, 30)), min_size=1, max_size=20),
)
@settings(max_examples=60, deadline=None)
def test_any_time_is_that_of_zoneinfo(name: str, walls: list[datetime]) -> None:
    assert answers(name, walls) == [expected(name, wall) for wall in walls]


def day_start(name: str, day: datetime) -> datetime:
    """Midnight, or the change of the clock that skips it."""
    found = passes(name, day)
    return found[0] if found else day.replace(tzinfo=ZoneInfo(name)).astimezone(UTC)


@pytest.mark.parametrize("name", ZONES)
def test_days_and_their_intervals_are_counted_by_elapsed_time(name: str) -> None:
    days = [
        datetime(change.year, change.month, change.day) + more * DAY
        for change in changes(name)[-60:]
        for more in (-1, 0, 1)
    ]
    found = rows(
        "SELECT day_minutes($zone, day), epoch_us(utc_nth($zone, day, 1, 30)),"
        " list_transform(range(48, 54), lambda n: epoch_us(utc_nth($zone, day, n, 30)))"
        " FROM (SELECT unnest($days::TIMESTAMP[]) AS day)",
        {"zone": name, "days": days},
    )
    for day, (minutes, first, last) in zip(days, found, strict=True):
        start, end = day_start(name, day), day_start(name, day + DAY)
        assert timedelta(minutes=minutes) == end - start, day
        assert first == (micros(start) if end > start else None), day
        starts = [start + (n - 1) * HOUR / 2 for n in range(48, 54)]
        assert last == [micros(s) if s < end else None for s in starts], day


@given(
    st.sampled_from(ZONES),
    st.datetimes(datetime(2000, 1, 2), datetime(2025, 12, 30)),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_a_column_tells_the_pass(name: str, wall: datetime, second: bool) -> None:
    """Half of the times are moved to a change, where the column matters."""
    if changes(name) and wall.minute % 2:
        wall = changes(name)[wall.second % len(changes(name))] - timedelta(minutes=wall.minute)
    both = passes(name, wall)
    expected_instant = both[-1 if second else 0] if both else None
    found = rows("SELECT epoch_us(utc_pass(?, ?::TIMESTAMP, ?))", [name, wall, second])
    assert found == [(micros(expected_instant),)]


@given(st.integers(-14 * 60, 14 * 60), st.datetimes(datetime(2000, 1, 1), datetime(2099, 1, 1)))
@settings(max_examples=60, deadline=None)
def test_fixed_offsets_are_read_in_every_form(shift: int, wall: datetime) -> None:
    sign, size = "-" if shift < 0 else "+", abs(shift)
    expected_micros = micros(wall.replace(tzinfo=UTC) - timedelta(minutes=shift))
    forms = [f"{sign}{size // 60:02}:{size % 60:02}", f"{sign}{size // 60:02}{size % 60:02}"]
    if size % 60 == 0:
        forms += [f"{sign}{size // 60}", f"UTC{sign}{size // 60}"]
    found = rows(
        "SELECT epoch_us(utc_fixed(f, ?::TIMESTAMP)) FROM unnest(?) AS t(f)", [wall, forms]
    )
    assert found == [(expected_micros,)] * len(forms)


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2099, 1, 1)),
    st.integers(-14 * 60, 14 * 60),
    st.sampled_from("T "),
    st.integers(0, 9),
    st.text("0123456789", min_size=9, max_size=9),
)
@settings(max_examples=150, deadline=None)
def test_instants_are_read_with_their_offset_and_rounded_half_up(
    wall: datetime, shift: int, between: str, digits: int, fraction: str
) -> None:
    wall = wall.replace(microsecond=0)
    sign, size = "-" if shift < 0 else "+", abs(shift)
    text = f"{wall:%Y-%m-%d}{between}{wall:%H:%M:%S}" + (digits > 0) * f".{fraction[:digits]}"
    text += f"{sign}{size // 60:02}:{size % 60:02}"
    rounded = (int(fraction[:digits].ljust(9, "0")) + 500) // 1000
    instant = wall.replace(tzinfo=UTC) - timedelta(minutes=shift) + timedelta(microseconds=rounded)
    assert rows("SELECT epoch_us(instant(t)) FROM (SELECT ? AS t)", [text]) == [(micros(instant),)]
