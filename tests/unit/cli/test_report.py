"""What the options mean; `tests/process/test_report.py` runs the command."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from utility_ts_analytics.cli.options import Period
from utility_ts_analytics.cli.report import COMMAND, report_period
from utility_ts_analytics.errors import ConfigError

PROJECT = Path(__file__).parents[3]
TARIFF = PROJECT / "tariffs" / "seasonal-three-period.toml"
NOW = datetime(2024, 6, 12, 9, tzinfo=UTC)


def period(*words: str) -> Period:
    return report_period(COMMAND.parser().parse_args(["--out", "r.html", *words]), now=NOW)


def test_days_are_those_of_the_zone() -> None:
    words = ("--from", "2024-06-03", "--to", "today", "--zone", "Europe/Berlin")
    time_range = period(*words).time_range
    assert time_range is not None
    assert time_range.start == datetime(2024, 6, 3, tzinfo=ZoneInfo("Europe/Berlin"))
    assert time_range.end == datetime(2024, 6, 12, tzinfo=ZoneInfo("Europe/Berlin"))


def test_zone_is_the_tariffs_unless_it_is_named() -> None:
    assert period().zone.key == "UTC"
    assert period("--tariff", str(TARIFF)).zone.key == "Europe/Berlin"
    assert period("--tariff", str(TARIFF), "--zone", "UTC").zone.key == "UTC"


def test_without_a_period_it_is_left_to_the_data() -> None:
    assert period().time_range is None


@pytest.mark.parametrize(
    ("words", "problems"),
    [
        (["--from", "2024-06-03"], ["--from, --to: give both or neither"]),
        (["--to", "2024-06-03"], ["--from, --to: give both or neither"]),
        (
            ["--from", "2024-06-03", "--to", "2024-06-03"],
            ["--from, --to: cannot make a time range"],
        ),
        (
            ["--from", "x", "--to", "2024-06-03", "--zone", "Y"],
            ["--zone: cannot use the time zone 'Y'", "--from: cannot read the time 'x'"],
        ),
        (["--tariff", "none.toml"], ["--tariff: none.toml"]),
    ],
)
def test_what_makes_no_sense_is_named(words: list[str], problems: list[str]) -> None:
    with pytest.raises(ConfigError) as refused:
        period(*words)
    found = refused.value.problems
    assert len(found) == len(problems)
    assert all(part in text for part, text in zip(problems, found, strict=True))
