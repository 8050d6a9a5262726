"""Options become a job, or every problem at once."""

from datetime import UTC, datetime

import pytest

from utility_ts_analytics.analysis.balance_job import BalanceJob
from utility_ts_analytics.analysis.judgement import Thresholds
from utility_ts_analytics.cli.feeder_balance import COMMAND, balance_job
from utility_ts_analytics.errors import ConfigError
from utility_ts_analytics.queries.intervals import Intervals, ReadingLengths
from utility_ts_analytics.queries.time_range import TimeRange

NOW = datetime(2024, 6, 10, 3, tzinfo=UTC)
PERIOD = ("--from", "2024-06-03", "--to", "2024-06-04")
DAY = TimeRange(datetime(2024, 6, 3, tzinfo=UTC), datetime(2024, 6, 4, tzinfo=UTC))


def job(*arguments: str) -> BalanceJob:
    return balance_job(COMMAND.parser().parse_args(arguments), now=NOW)


def problems(*arguments: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as refused:
        job(*arguments)
    return refused.value.problems


def test_defaults_are_quarters_of_all_feeders() -> None:
    assert job(*PERIOD) == BalanceJob(DAY)


def test_every_option_reaches_the_job() -> None:
    found = job(
        *("--from", "today-7d", "--to", "today", "--every", "1d", "--zone", "Europe/Berlin"),
        *(
            *("--feeder", "F1", "--feeder", "F2", "--feeder", "F1"),
            "--head",
            "F1=a,b",
            "--head",
            "F2=c",
            "--dry-run",
        ),
        *("--meter-interval", "30m", "--plant-interval", "60m", "--head-interval", "5m"),
        *("--min-coverage", "90", "--warning-loss", "5", "--critical-loss", "7.5"),
        *("--negative-loss", "1", "--min-loss", "0"),
    )

    assert found == BalanceJob(
        TimeRange(datetime(2024, 6, 2, 22, tzinfo=UTC), datetime(2024, 6, 9, 22, tzinfo=UTC)),
        Intervals("1d", "Europe/Berlin"),
        feeders=("F1", "F2"),
        heads={"F1": ["a", "b"], "F2": ["c"]},
        lengths=ReadingLengths(meters=30, plants=60, heads=5),
        thresholds=Thresholds(90, 5, 7.5, 1, 0),
        dry_run=True,
    )


def test_every_problem_is_said_at_once() -> None:
    found = problems(
        *("--from", "2024-06-03T00:00", "--to", "x", "--every", "7m", "--zone", "Mars"),
        *("--head", "F1", "--head-interval", "1h", "--warning-loss", "z", "--critical-loss", "1"),
    )

    options = [problem.split(":")[0] for problem in found]
    assert options == [
        "--zone",
        "--from",
        "--to",
        "--every",
        "--head-interval",
        "--warning-loss",
        "thresholds",
        "--head",
    ]


@pytest.mark.parametrize(
    ("arguments", "option", "said"),
    [
        (["--from", "2024-06-04", "--to", "2024-06-03"], "--from, --to", "end later"),
        (["--from", "2024-06-03T00:05Z", "--to", "2024-06-04"], "--from, --to", "lies within one"),
        ([*PERIOD, "--head-interval", "60m"], "--every", "60 minutes long"),
        ([*PERIOD, "--meter-interval", "7m"], "--meter-interval", "must be one of"),
        ([*PERIOD, "--critical-loss", "5"], "thresholds", "--critical-loss must be"),
        ([*PERIOD, "--min-loss", "nan"], "thresholds", "--min-loss must be"),
        ([*PERIOD, "--head", "F1="], "--head", "FEEDER=NODE"),
        ([*PERIOD, "--head", "F1=a,,b"], "--head", "FEEDER=NODE"),
        ([*PERIOD, "--feeder", "a\udc80"], "--feeder", "surrogate"),
    ],
)
def test_problem_names_its_option(arguments: list[str], option: str, said: str) -> None:
    [found] = problems(*arguments)
    assert found.startswith(option)
    assert said in found
