from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from utility_ts_analytics.analysis.report import wording
from utility_ts_analytics.queries.time_range import TimeRange

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "\N{EN DASH}"),
        (1234.56, "1,234.6"),
        (-0.01, "0.0"),
        (-3.0, "\N{MINUS SIGN}3.0"),
    ],
)
def test_decimal(value: float | None, text: str) -> None:
    assert wording.decimal(value) == text


@pytest.mark.parametrize(
    ("kwh", "text"),
    [
        (12.34, "12.3 kWh"),
        (21_414.8, "21,415 kWh"),
        (123_456.0, "123.5 MWh"),
        (2_500_000.0, "2,500 MWh"),
        (250_000_000.0, "250.0 GWh"),
    ],
)
def test_energy_takes_a_fitting_unit(kwh: float, text: str) -> None:
    assert wording.energy(kwh) == text


@pytest.mark.parametrize(
    ("kw", "text"), [(9.87, "9.9 kW"), (170.6, "171 kW"), (250_000.0, "250 MW")]
)
def test_power_takes_a_fitting_unit(kw: float, text: str) -> None:
    assert wording.power(kw) == text


def test_control_characters_do_not_reach_the_page() -> None:
    assert wording.markup_safe("a\x00b\x1bc\td\n<") == "a\ufffdb\ufffdc\td\n<"


def test_counts_and_lists_read_as_sentences_do() -> None:
    assert wording.count(1, "meter") == "1 meter"
    assert wording.count(2000, "meter") == "2,000 meters"
    assert wording.listed(["a"]) == "a"
    assert wording.listed(["a", "b"]) == "a and b"
    assert wording.listed(["a", "b", "c", "d", "e"]) == "a, b, c and 2 others"


def test_repeated_hour_is_told_apart_in_tables() -> None:
    first = datetime(2024, 10, 27, 0, 30, tzinfo=UTC)
    second = datetime(2024, 10, 27, 1, 30, tzinfo=UTC)
    assert wording.stamp(first, BERLIN) == "2024-10-27 02:30 +0200"
    assert wording.stamp(second, BERLIN) == "2024-10-27 02:30 +0100"
    assert wording.moment(second, BERLIN) == "Sun 27 October, 02:30"


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        ((2024, 6, 3), (2024, 6, 10), "3 to 9 June 2024"),
        ((2024, 6, 3), (2024, 6, 4), "3 June 2024"),
        ((2024, 6, 28), (2024, 7, 3), "28 June to 2 July 2024"),
        ((2024, 12, 30), (2025, 1, 6), "30 December 2024 to 5 January 2025"),
        ((2024, 6, 3, 2), (2024, 6, 4), "3 June 2024, 02:00 to 4 June 2024, 00:00"),
    ],
)
def test_span_names_days_not_midnights(
    start: tuple[int, int, int], end: tuple[int, int, int], text: str
) -> None:
    period = TimeRange(datetime(*start, tzinfo=BERLIN), datetime(*end, tzinfo=BERLIN))
    assert wording.span(period, BERLIN) == text
