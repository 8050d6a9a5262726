"""Options become a job, or every problem at once."""

import argparse
from datetime import UTC, datetime

import pytest

from utility_ts_analytics.analysis.feeder_balance import BalanceJob
from utility_ts_analytics.analysis.judgement import Thresholds
from utility_ts_analytics.errors import ConfigError
from utility_ts_analytics.queries.balance_intervals import Intervals, ReadingLengths
from utility_ts_analytics.queries.time_range import TimeRange
from utility_ts_analytics.service.balance_options import add_options, job_of

NOW = datetime(2024, 6, 10, 3, tzinfo=UTC)
PERIOD = ("--from", "2024-06-03", "--to", "2024-06-04")
DAY = TimeRange(datetime(2024, 6, 3, tzinfo=UTC), datetime(2024, 6, 4, tzinfo=UTC))


def job(*arguments: str) -> BalanceJob:
    parser = argparse.ArgumentParser()
    add_options(parser)
    return job_of(parser.parse_args(arguments), now=NOW)


def problems(*arguments: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as refused:
        job(*arguments)
    return refused.value.problems


def test_defaults_are_quarters_of_all_feeders() -> None:
    assert job(*PERIOD) == BalanceJob(DAY)


def test_every_option_reaches_the_job() -> None:
    found = job(
        *("--from", "today-7d", "--to", "today", "--interval", "1d", "--zone", "Europe/Berlin"),
        *("--feeder", "F1", "F2", "F1", "--head", "F1=a,b", "--head", "F2=c", "--dry-run"),
        *("--meters-every", "30m", "--plants-every", "60m", "--heads-every", "5m"),
        *("--coverage-min-pct", "90", "--warning-pct", "5", "--critical-pct", "7.5"),
        *("--negative-pct", "1", "--loss-kwh-min", "0"),
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
        *("--from", "2024-06-03T00:00", "--to", "x", "--interval", "7m", "--zone", "Mars"),
        *("--head", "F1", "--heads-every", "1h", "--warning-pct", "z", "--critical-pct", "1"),
    )

    options = [problem.split(":")[0] for problem in found]
    assert options == [
        "--zone",
        "--interval",
        "--from",
        "--to",
        "--heads-every",
        "--warning-pct",
        "thresholds",
        "--head",
    ]


@pytest.mark.parametrize(
    ("arguments", "option", "said"),
    [
        (["--from", "2024-06-04", "--to", "2024-06-03"], "--from, --to", "end later"),
        (["--from", "2024-06-03T00:05Z", "--to", "2024-06-04"], "--from, --to", "lies within one"),
        ([*PERIOD, "--heads-every", "60m"], "--interval", "60 minutes long"),
        ([*PERIOD, "--meters-every", "7m"], "--meters-every", "must be one of"),
        ([*PERIOD, "--critical-pct", "5"], "thresholds", "critical_pct"),
        ([*PERIOD, "--loss-kwh-min", "nan"], "thresholds", "loss_kwh_min"),
        ([*PERIOD, "--head", "F1="], "--head", "F=NODE"),
        ([*PERIOD, "--head", "F1=a,,b"], "--head", "F=NODE"),
        ([*PERIOD, "--feeder", "a\udc80"], "--feeder", "surrogate"),
    ],
)
def test_problem_names_its_option(arguments: list[str], option: str, said: str) -> None:
    [found] = problems(*arguments)
    assert found.startswith(option)
    assert said in found
