"""What `analyze` is asked for, and what it refuses: every problem at once."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from utility_ts_analytics.cli.analyze import COMMAND, AnalyzeRequest, analyze_request
from utility_ts_analytics.cli.main import main
from utility_ts_analytics.errors import ConfigError

NOW = datetime(2024, 6, 12, 9, 30, tzinfo=UTC)
WEEK = ("--from", "2024-06-03", "--to", "2024-06-10")
TARIFF = Path(__file__).parents[3] / "tariffs" / "seasonal-three-period.toml"


def request(*words: str) -> AnalyzeRequest:
    return analyze_request(COMMAND.parser().parse_args(words), now=NOW)


def problems(*words: str) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        request(*words)
    return [problem.partition(": ")[0] for problem in refused.value.problems]


def test_nothing_asks_for_the_list_and_show_needs_no_period(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["analyze"]) == 0
    assert any(line.startswith("load ") for line in capsys.readouterr().out.splitlines())
    assert main(["analyze", "load", "--show"]) == 0
    assert "SELECT" in capsys.readouterr().out


def test_days_are_those_of_the_zone() -> None:
    time_range = request("load", *WEEK, "--zone", "Europe/Berlin").period.time_range
    assert time_range is not None
    assert (time_range.start, time_range.end) == (
        datetime(2024, 6, 2, 22, tzinfo=UTC),
        datetime(2024, 6, 9, 22, tzinfo=UTC),
    )


def test_days_are_those_of_the_tariff_where_no_zone_is_given() -> None:
    period = request("time_of_use", *WEEK, "--tariff", str(TARIFF)).period
    assert period.tariff is not None
    assert period.tariff.zone == period.zone.key == "Europe/Berlin"
    assert period.time_range is not None
    assert period.time_range.start.astimezone(UTC).hour == 22


def test_parameters_have_names_of_their_own_or_are_set() -> None:
    given = request(
        "load",
        *WEEK,
        *("--every", "1d", "--group", "feeder", "--interval", "30m"),
        *("--set", "limit=20", "--set", "flag=A=B", "--set", "below=-3"),
    )
    assert given.parameters == {
        "every": "1 days",
        "group": "feeder",
        "interval_minutes": 30,
        "limit": 20,
        "flag": "A=B",
        "below": -3,
    }


def test_heads_and_ratings_are_by_feeder() -> None:
    given = request(
        "feeder_loading", *WEEK, "--head", "F1=A,B", "--head", "F2=C", "--rating", "F1=400.5"
    )
    assert (given.heads, given.ratings) == ({"F1": ["A", "B"], "F2": ["C"]}, {"F1": 400.5})


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ((), "table"),
        (("--out", "x.csv"), "csv"),
        (("--out", "x.PARQUET"), "parquet"),
        (("--out", "x.txt"), "table"),
        (("--out", "x.csv", "--format", "json"), "json"),
    ],
)
def test_format_is_given_or_that_of_the_name(words: tuple[str, ...], wanted: str) -> None:
    assert request("load", *WEEK, *words).format == wanted


def test_every_problem_is_told_at_once() -> None:
    assert problems(
        *("load", "--from", "tomorrow", "--to", "2024-06-10", "--zone", "Mars/Base"),
        *("--every", "7m", "--interval", "soon", "--set", "x", "--head", "F1", "--rating", "F1=0"),
        *("--memory-mib", "1", "--tariff", "none.toml"),
    ) == [
        "--tariff",
        "--zone",
        "--from",
        "--head",
        "--rating",
        "--set",
        "--every",
        "--interval",
        "--memory-mib",
    ]


def test_period_is_needed_whole() -> None:
    assert problems("load", "--from", "2024-06-03") == ["--from, --to"]
    assert problems("load", "--from", "2024-06-03", "--to", "2024-06-03") == ["--from, --to"]


def test_parquet_needs_a_file() -> None:
    assert problems("load", *WEEK, "--format", "parquet") == ["--format parquet"]


def test_meters_and_feeders_are_given_one_by_one() -> None:
    parsed = COMMAND.parser().parse_args(["load", "--meter", "M1", "--meter", "M2"])
    assert (parsed.question, parsed.meters) == ("load", ["M1", "M2"])
