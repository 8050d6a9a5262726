"""Intervals and lengths without a database; their SQL is tested with the balance."""

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest

from utility_ts_analytics.queries.intervals import (
    INTERVAL_MINUTES,
    Intervals,
    ReadingLengths,
    midnight,
)
from utility_ts_analytics.queries.time_range import TimeRange


class Database(Protocol):
    """What these tests ask of the `questdb` fixture."""

    def query(self, sql: str) -> Sequence[Sequence[object]]: ...


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def starts(name: str, zone: str, start: str, end: str) -> list[datetime]:
    return list(Intervals(name, zone).starts(TimeRange(utc(start), utc(end))))


def test_intervals_within_a_day_start_at_multiples_in_utc_whatever_the_zone() -> None:
    assert starts("30m", "Asia/Kathmandu", "2024-06-03T00:10", "2024-06-03T01:00") == [
        utc("2024-06-03T00:30")
    ]
    assert Intervals("15m").is_start(utc("2024-06-03T00:45"))
    assert not Intervals("60m").is_start(utc("2024-06-03T00:45"))


@pytest.mark.parametrize(
    ("zone", "start", "hours"),
    [
        ("Europe/Berlin", "2024-03-30T23:00", [23, 24]),
        ("Europe/Berlin", "2024-10-26T22:00", [25, 24]),
        ("Australia/Lord_Howe", "2024-10-05T13:30", [23.5, 24]),
        ("America/Havana", "2024-03-10T05:00", [23, 24]),
        ("America/Havana", "2024-11-03T04:00", [25, 24]),
    ],
)
@pytest.mark.questdb
def test_day_has_the_hours_it_has_and_questdb_agrees(
    questdb: Database, zone: str, start: str, hours: list[float]
) -> None:
    days = Intervals("1d", zone)
    first = utc(start)
    found = list(days.starts(TimeRange(first, first + timedelta(days=2, hours=2))))
    assert found[0] == first
    assert [(b - a) / timedelta(hours=1) for a, b in itertools.pairwise(found)] == hours
    rows = questdb.query(
        f"SELECT {days.start_sql('ts')} AS day, {days.minutes_sql('ts')} AS minutes, count() AS n"
        f" FROM (SELECT dateadd('m', 30 * (x::int - 1), '{start}'::timestamp) AS ts"
        f" FROM long_sequence({int(sum(hours) * 2)})) ORDER BY day"
    )
    assert [utc(str(day)[:16]) for day, _, _ in rows] == found[:2]
    assert [minutes for _, minutes, _ in rows] == [h * 60 for h in hours]
    assert [n for _, _, n in rows] == [h * 2 for h in hours]


def test_midnight_that_is_skipped_is_the_instant_at_which_it_is() -> None:
    assert midnight(datetime(2024, 3, 10).date(), "America/Havana") == utc("2024-03-10T05:00")


@pytest.mark.parametrize("name", sorted(INTERVAL_MINUTES))
def test_whole_intervals_pass(name: str) -> None:
    Intervals(name).check(TimeRange(utc("2024-06-03"), utc("2024-06-04")))


@pytest.mark.parametrize(
    ("name", "zone", "start", "end", "named"),
    [
        ("15m", "UTC", "2024-06-03T00:01", "2024-06-04", "00:01:00"),
        ("60m", "UTC", "2024-06-03", "2024-06-03T00:30", "00:30:00"),
        ("1d", "Europe/Berlin", "2024-06-03", "2024-06-04", "midnight in Europe/Berlin"),
        ("1d", "Europe/Berlin", "2024-06-02T22:00", "2024-06-03T21:00", "21:00:00"),
    ],
)
def test_range_that_cuts_an_interval_is_refused(
    name: str, zone: str, start: str, end: str, named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        Intervals(name, zone).check(TimeRange(utc(start), utc(end)))


@pytest.mark.parametrize("name", ["", "7m", "2d", "1h; DROP TABLE x", "15M"])
def test_unknown_interval_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="must be one of 15m, 30m, 60m, 1h, 1d"):
        Intervals(name)


@pytest.mark.parametrize("zone", ["", "Foo", "../etc/passwd", "UTC' OR '1'='1", "Europe", "\x00"])
def test_unknown_zone_is_refused(zone: str) -> None:
    with pytest.raises(ValueError, match="cannot use the time zone"):
        Intervals("1d", zone)


@pytest.mark.parametrize("minutes", [0, -15, 7, 45, 120])
def test_length_that_no_hour_consists_of_is_refused(minutes: int) -> None:
    with pytest.raises(ValueError, match="must be one of 1, 5, 10, 15, 30, 60"):
        ReadingLengths(heads=minutes)


def test_readings_longer_than_the_interval_are_refused() -> None:
    ReadingLengths(meters=5, plants=15, heads=15).check(Intervals("15m"))
    ReadingLengths(plants=60).check(Intervals("1d"))
    with pytest.raises(ValueError, match="readings of plants that are 60 minutes long"):
        ReadingLengths(plants=60).check(Intervals("30m"))
