"""A calendar gives every instant one period, or says everything that keeps it from it."""

from collections.abc import Sequence
from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utility_ts_analytics.queries.tariff_calendar import (
    DAY_MINUTES,
    DayType,
    Season,
    TariffCalendar,
    Window,
    calendar_problems,
)

ALL_DAY = (Window("flat", 0, DAY_MINUTES),)
WEEK: dict[DayType, Sequence[Window]] = {
    "weekday": ALL_DAY,
    "saturday": ALL_DAY,
    "sunday": ALL_DAY,
}


def season(
    name: str = "year",
    first: tuple[int, int] = (1, 1),
    last: tuple[int, int] = (12, 31),
    **windows: Sequence[Window],
) -> Season:
    return Season(name, first, last, {**WEEK, **windows})  # type: ignore[dict-item] # day types


def problems(*seasons: Season, zone: str = "UTC", holidays: Sequence[date] = ()) -> list[str]:
    return list(calendar_problems(zone, seasons, holidays))


def test_calendar_without_gaps_has_no_problems() -> None:
    assert problems(season()) == []
    assert problems(season("a", (10, 1), (3, 31)), season("b", (4, 1), (9, 30))) == []


@given(st.lists(st.integers(1, DAY_MINUTES - 1), unique=True, max_size=20), st.randoms())
def test_any_cut_of_the_day_in_any_order_is_taken(cuts: list[int], order: object) -> None:
    edges = [0, *sorted(cuts), DAY_MINUTES]
    windows = [Window(f"p{start % 3}", start, end) for start, end in pairwise(edges)]
    order.shuffle(windows)  # type: ignore[attr-defined] # a random.Random

    assert problems(season(weekday=windows)) == []
    assert [w.start_minute for w in season(weekday=windows).windows_of("weekday")] == edges[:-1]


@given(st.lists(st.integers(1, DAY_MINUTES - 1), unique=True, min_size=1, max_size=20), st.data())
def test_any_window_left_out_is_told(cuts: list[int], data: st.DataObject) -> None:
    edges = [0, *sorted(cuts), DAY_MINUTES]
    windows = [Window("p", start, end) for start, end in pairwise(edges)]
    windows.remove(data.draw(st.sampled_from(windows)))

    (problem,) = problems(season(weekday=windows))
    assert problem.endswith("is in no window")


@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        ((), ["00:00-24:00 is in no window"]),
        ((Window("a", 60, 1440),), ["00:00-01:00 is in no window"]),
        ((Window("a", 0, 1439),), ["23:59-24:00 is in no window"]),
        (
            (Window("a", 0, 600), Window("b", 540, 1440)),
            ["09:00-10:00 is in a and in b"],
        ),
        (
            (Window("a", 0, 1440), Window("b", 60, 120), Window("c", 180, 240)),
            ["01:00-02:00 is in a and in b", "03:00-04:00 is in a and in c"],
        ),
        (
            (Window("night", 1320, 360), Window("day", 360, 1320)),
            [
                "00:00-06:00 is in no window",
                "night 22:00-06:00 is no part of one day (split a window that spans midnight)",
                "22:00-24:00 is in no window",
            ],
        ),
        ((Window("a", 0, 1440), Window("b", 1440, 1500)), ["b 24:00-25:00 is no part of one day"]),
        ((Window("a", 0, 1440), Window("b", 60, 60)), ["b 01:00-01:00 is no part of one day"]),
        ((Window("", 0, 1440),), ["a name has 1..64 printable characters, not ''"]),
        ((Window("a\n", 0, 1440),), [r"a name has 1..64 printable characters, not 'a\n'"]),
    ],
    ids=range(10),
)
def test_day_that_is_not_covered_once_is_told(
    windows: Sequence[Window], expected: list[str]
) -> None:
    found = problems(season(saturday=windows))

    assert len(found) == len(expected)
    for problem, phrase in zip(found, expected, strict=True):
        assert problem.startswith(f"season 'year': saturday: {phrase}")


@pytest.mark.parametrize(
    ("seasons", "expected"),
    [
        ((), "seasons: 01-01 to 12-31 is in no season"),
        ((season(last=(2, 28)), season("b", (3, 1))), "seasons: 02-29 to 02-29 is in no season"),
        (
            (season(last=(3, 2)), season("b", (3, 1))),
            "seasons: 03-01 to 03-02 is in year and in b",
        ),
        ((season(last=(2, 30)),), "season 'year': to: 02-30 is no day of the year"),
        ((season(first=(0, 0)),), "season 'year': from: 00-00 is no day of the year"),
        ((season(last=(6, 30)), season(first=(7, 1))), "seasons: year is there 2 times"),
        ((Season("a", (1, 1), (12, 31), {}),), "season 'a': weekday: has no windows"),
    ],
    ids=range(7),
)
def test_year_that_is_not_covered_once_is_told(seasons: Sequence[Season], expected: str) -> None:
    assert expected in problems(*seasons)


def test_all_problems_are_told_at_once() -> None:
    day = date(2024, 5, 1)
    wrong = season("half", last=(6, 30), weekday=(Window("a", 0, 60),), holiday=())

    with pytest.raises(ValueError, match="cannot use the tariff calendar: ") as raised:
        TariffCalendar("Mars/Olympus", (wrong,), (day, day))

    text = str(raised.value)
    for phrase in (
        "the time zone 'Mars/Olympus'",
        "holidays: 2024-05-01 is there 2 times",
        "weekday: 01:00-24:00 is in no window",
        "holiday: 00:00-24:00 is in no window",
        "seasons: 07-01 to 12-31 is in no season",
    ):
        assert phrase in text


def test_holidays_have_windows_of_their_own_or_those_of_sunday() -> None:
    sunday, holiday = (Window("s", 0, 1440),), (Window("h", 0, 1440),)

    assert season(sunday=sunday).windows_of("holiday") == list(sunday)
    assert season(sunday=sunday, holiday=holiday).windows_of("holiday") == list(holiday)


def test_rates_stand_in_the_order_in_which_they_are_named() -> None:
    halves = (Window("b", 0, 720), Window("a", 720, 1440))
    calendar = TariffCalendar(
        "UTC", (season("z", last=(6, 30), weekday=halves), season("y", first=(7, 1)))
    )

    assert calendar.rates == (("z", "b"), ("z", "a"), ("z", "flat"), ("y", "flat"))
