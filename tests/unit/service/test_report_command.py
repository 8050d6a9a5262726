"""What the options mean; `tests/process/test_report.py` runs the command."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from utility_ts_analytics.errors import ConfigError
from utility_ts_analytics.service.report_command import ReportOptions, terms_of

PROJECT = Path(__file__).parents[3]
TARIFF = PROJECT / "tariffs" / "seasonal-three-period.toml"
NOW = datetime(2024, 6, 12, 9, tzinfo=UTC)


def _options(
    *,
    from_: str | None = None,
    to: str | None = None,
    zone: str | None = None,
    tariff: Path | None = None,
) -> ReportOptions:
    return ReportOptions(Path("r.html"), from_, to, zone, tariff)


def test_days_are_those_of_the_zone() -> None:
    terms = terms_of(_options(from_="2024-06-03", to="today", zone="Europe/Berlin"), now=NOW)
    assert terms.time_range is not None
    assert terms.time_range.start == datetime(2024, 6, 3, tzinfo=ZoneInfo("Europe/Berlin"))
    assert terms.time_range.end == datetime(2024, 6, 12, tzinfo=ZoneInfo("Europe/Berlin"))


def test_zone_is_the_tariffs_unless_it_is_named() -> None:
    assert terms_of(_options(), now=NOW).zone.key == "UTC"
    assert terms_of(_options(tariff=TARIFF), now=NOW).zone.key == "Europe/Berlin"
    assert terms_of(_options(tariff=TARIFF, zone="UTC"), now=NOW).zone.key == "UTC"


def test_without_a_period_it_is_left_to_the_data() -> None:
    assert terms_of(_options(), now=NOW).time_range is None


@pytest.mark.parametrize(
    ("options", "problems"),
    [
        (_options(from_="2024-06-03"), ["--from, --to: give both or neither"]),
        (_options(to="2024-06-03"), ["--from, --to: give both or neither"]),
        (
            _options(from_="2024-06-03", to="2024-06-03"),
            ["--from, --to: cannot make a time range"],
        ),
        (
            _options(from_="x", to="2024-06-03", zone="Y"),
            ["--zone: cannot use the time zone 'Y'", "--from: cannot read the time 'x'"],
        ),
        (_options(tariff=Path("none.toml")), ["--tariff: none.toml"]),
    ],
)
def test_what_makes_no_sense_is_named(options: ReportOptions, problems: list[str]) -> None:
    with pytest.raises(ConfigError) as refused:
        terms_of(options, now=NOW)
    found = refused.value.problems
    assert len(found) == len(problems)
    assert all(part in text for part, text in zip(problems, found, strict=True))
