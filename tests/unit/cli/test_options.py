"""Times and lengths as people type them."""

from datetime import UTC, datetime

import pytest

from utility_ts_analytics.cli.options import parse_every, parse_minutes, parse_moment

# Half past midnight in Berlin, and still the day before in UTC.
NOW = datetime(2024, 6, 9, 22, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("2024-06-03T02:00:00+02:00", "UTC", "2024-06-03T00:00"),
        ("2024-06-03T00:00Z", "Europe/Berlin", "2024-06-03T00:00"),
        ("2024-06-03t00:00:00.250z", "UTC", "2024-06-03T00:00:00.250"),
        ("2024-06-03", "UTC", "2024-06-03T00:00"),
        ("2024-06-03", "Europe/Berlin", "2024-06-02T22:00"),
        ("2024-01-03", "Europe/Berlin", "2024-01-02T23:00"),
        ("today", "UTC", "2024-06-09T00:00"),
        ("today", "Europe/Berlin", "2024-06-09T22:00"),
        ("today-3d", "Europe/Berlin", "2024-06-06T22:00"),
    ],
)
def test_time_stands_for_an_instant(text: str, zone: str, expected: str) -> None:
    assert parse_moment(text, zone=zone, now=NOW) == datetime.fromisoformat(expected).replace(
        tzinfo=UTC
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2024-06-03T00:00:00",
        "2024-06-31",
        "2024-6-3",
        "20240603",
        "2024-06-03T25:00Z",
        "2024-06-03T00:00+99:00",
        "0001-01-01T00:00+10:00",
        "yesterday",
        "today+1d",
        "today-99999d",
        "2024-06-03T00:00:00Z ",
        "२०२४-06-03",
    ],
)
def test_what_stands_for_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="time"):
        parse_moment(text, zone="UTC", now=NOW)


def test_unknown_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone 'Mars'"):
        parse_moment("2024-06-03", zone="Mars", now=NOW)


def test_length_is_minutes() -> None:
    assert parse_minutes("15m") == 15


@pytest.mark.parametrize("text", ["", "15", "15 m", "1h", "-5m", "1.5m", "900m"])
def test_what_is_no_length_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cannot read the length"):
        parse_minutes(text)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1m", "1 minutes"),
        ("15m", "15 minutes"),
        ("12h", "12 hours"),
        ("1d", "1 days"),
        ("1w", "1 weeks"),
        ("3M", "3 months"),
        ("1y", "1 years"),
    ],
)
def test_length_becomes_an_interval(text: str, wanted: str) -> None:
    assert parse_every(text) == wanted


@pytest.mark.parametrize("text", ["", "h", "0h", "1.5h", "7m", "5h", "24h", "1440m", "1s", "-1d"])
def test_other_lengths_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"cannot (read|use) the length"):
        parse_every(text)
