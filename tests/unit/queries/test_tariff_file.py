"""A tariff file is taken as it says, or refused with everything that is wrong with it."""

from datetime import date
from pathlib import Path

import pytest

from utility_ts_analytics.errors import ConfigError
from utility_ts_analytics.queries.tariff_calendar import Window
from utility_ts_analytics.queries.tariff_file import read_tariff

TARIFFS = Path(__file__).parents[3] / "tariffs"
DAYS = "".join(
    f'[seasons.{day}]\nflat = ["00:00-24:00"]\n' for day in ("weekday", "saturday", "sunday")
)
FLAT = f'zone = "UTC"\n[[seasons]]\nname = "year"\nfrom = "01-01"\nto = "12-31"\n{DAYS}'


def problems_of(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "t.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as raised:
        read_tariff(path)
    assert all(problem.startswith(f"{path}: ") for problem in raised.value.problems)
    return [problem.removeprefix(f"{path}: ") for problem in raised.value.problems]


@pytest.mark.parametrize("path", sorted(TARIFFS.glob("*.toml")), ids=lambda path: path.name)
def test_examples_are_taken(path: Path) -> None:
    assert read_tariff(path).rates


def test_example_says_what_it_reads_like() -> None:
    calendar = read_tariff(TARIFFS / "seasonal-three-period.toml")

    winter, summer = calendar.seasons
    assert calendar.zone == "Europe/Berlin"
    assert date(2024, 5, 9) in calendar.holidays
    assert (winter.name, winter.first, winter.last) == ("winter", (10, 1), (3, 31))
    assert summer.windows_of("weekday")[2] == Window("peak", 17 * 60, 20 * 60)
    assert summer.windows_of("holiday") == [Window("off-peak", 0, 1440)]


def test_smallest_file_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    path.write_text(FLAT)

    assert read_tariff(path).rates == (("year", "flat"),)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('zone = "UTC"', "", "zone: must be a text, is missing"),
        ('zone = "UTC"', "zone = 1", "zone: must be a text, is 1"),
        ('zone = "UTC"', 'zone = "UTC"\ntz = 1', "tz: is no known key; there are zone"),
        ('"01-01"', '"1-1"', 'seasons[0].from: must be a day such as "03-31", is "1-1"'),
        ('"12-31"', '"12-32"', "season 'year': to: 12-32 is no day of the year"),
        ('to = "12-31"', "", 'seasons[0].to: must be a day such as "03-31", is missing'),
        ("seasons.sunday", "seasons.sonntag", "seasons[0].sonntag: is no known key"),
        ("[[seasons]]", "[seasons]", "seasons: must be a list, is a table"),
        ('"00:00-24:00"', '"0:00-24:00"', "seasons[0].weekday.flat[0]: must be a span such as"),
        ('"00:00-24:00"', '"00:00-24:01"', "season 'year': weekday: flat 00:00-24:01 is no part"),
        ('"00:00-24:00"', '"00:00-12:60"', "seasons[0].weekday.flat[0]: must be a span such as"),
        ('"00:00-24:00"', "5", "seasons[0].weekday.flat[0]: must be a span"),
        ('["00:00-24:00"]', '"00:00-24:00"', "seasons[0].weekday.flat: must be a list, is "),
        ('zone = "UTC"', 'zone = "UTC"\nholidays = 5', "holidays: must be a list, is 5"),
        (
            'zone = "UTC"',
            'zone = "UTC"\nholidays = [2024-05-01T00:00:00, "2024-05-02"]',
            "holidays[0]: must be a date, such as 2024-12-25, is a date or time",
        ),
        ('zone = "UTC"', 'zone = "../UTC"', "zone: cannot use the time zone '../UTC'"),
    ],
    ids=range(16),
)
def test_each_mistake_is_told_with_its_place(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    assert any(p.startswith(expected) for p in problems_of(tmp_path, FLAT.replace(old, new, 1)))


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = 'zone = 1\nseasons = [3, {name = "a", from = "x", weekday = 4, sunday = {b = [1, 2]}}]'

    assert problems_of(tmp_path, text) == [
        "seasons[0]: must be a table, is 3",
        "seasons[1].weekday: must be a table of periods, is 4",
        'seasons[1].sunday.b[0]: must be a span such as "06:00-22:00", is 1',
        'seasons[1].sunday.b[1]: must be a span such as "06:00-22:00", is 2',
        'seasons[1].from: must be a day such as "03-31", is "x"',
        'seasons[1].to: must be a day such as "03-31", is missing',
        "zone: must be a text, is 1",
    ]


def test_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the tariff calendar: there is no such file"):
        read_tariff(tmp_path / "none.toml")
