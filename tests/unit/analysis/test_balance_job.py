"""How a job's period is cut, and which jobs are refused."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.queries.query_rig import shape

from utility_ts_analytics.analysis.balance_job import (
    COMMIT_ROWS_MAX,
    QUESTION_READINGS_MAX,
    QUESTION_ROWS_MAX,
    BalanceJob,
    clashing_rows_sql,
    commits_of,
    questions_of,
    stored_keys_sql,
)
from utility_ts_analytics.queries.intervals import Intervals, ReadingLengths
from utility_ts_analytics.queries.time_range import TimeRange

HOUR = timedelta(hours=1)
QUARTERS, HOURS, DAYS = Intervals("15m"), Intervals("60m"), Intervals("1d")
DAY = TimeRange("2026-03-01", "2026-03-02")
BERLIN_DAYS = Intervals("1d", "Europe/Berlin")


def job_of_days(intervals: Intervals, days: int) -> BalanceJob:
    """Whole days of Berlin, or of UTC where intervals are its days; clocks change on the second."""
    start = datetime(2024, 3, 29, 23, tzinfo=UTC)
    end = start + timedelta(days=days, hours=-1)
    if intervals == DAYS:
        start, end = start + HOUR, end + 2 * HOUR
    return BalanceJob(TimeRange(start, end), intervals)


def check_cut(found: list[TimeRange], whole: TimeRange, intervals: Intervals, count: int) -> None:
    assert (found[0].start, found[-1].end) == (whole.start, whole.end)
    assert all(a.end == b.start for a, b in itertools.pairwise(found))
    counts = [len(list(intervals.starts(piece))) for piece in found]
    assert set(counts[:-1]) == {count}
    assert 0 < counts[-1] <= count


@pytest.mark.parametrize(
    ("intervals", "meters", "feeders", "intervals_of_a_question"),
    [
        (QUARTERS, 100, 3, 31 * 96),
        (HOURS, 100, 3, 31 * 24),
        (BERLIN_DAYS, 100, 3, 31),
        (QUARTERS, 100, QUESTION_ROWS_MAX // 10, 10),
        (QUARTERS, QUESTION_READINGS_MAX // 200, 3, 200),
        # A day is fetched as a whole.
        (QUARTERS, QUESTION_READINGS_MAX // 10, 3, 96),
        (QUARTERS, 10 * QUESTION_READINGS_MAX, 10 * QUESTION_ROWS_MAX, 1),
        (DAYS, 10 * QUESTION_READINGS_MAX, 10 * QUESTION_ROWS_MAX, 1),
    ],
)
def test_questions_have_bounds_on_days_rows_and_readings(
    intervals: Intervals, meters: int, feeders: int, intervals_of_a_question: int
) -> None:
    job = job_of_days(intervals, 70)
    found = list(questions_of(job, meters, feeders))
    check_cut(found, job.time_range, intervals, intervals_of_a_question)


@pytest.mark.parametrize(
    ("intervals", "feeders", "intervals_of_a_commit"),
    [
        (QUARTERS, 3, 96),
        (HOURS, 3, 24),
        (BERLIN_DAYS, 3, 1),
        (QUARTERS, COMMIT_ROWS_MAX // 10, 10),
        (DAYS, 10 * COMMIT_ROWS_MAX, 1),
    ],
)
def test_commits_have_a_bound_on_rows_and_are_a_day_at_most(
    intervals: Intervals, feeders: int, intervals_of_a_commit: int
) -> None:
    job = job_of_days(intervals, 5)
    found = list(commits_of(job, job.time_range, feeders))
    check_cut(found, job.time_range, intervals, intervals_of_a_commit)


def _jobs_that_make_no_sense() -> Iterator[tuple[BalanceJob, str]]:
    day = TimeRange(datetime(2024, 6, 2, 22, tzinfo=UTC), datetime(2024, 6, 3, 22, tzinfo=UTC))
    yield BalanceJob(day, BERLIN_DAYS, feeders=("a\udc80",)), "surrogate"
    yield BalanceJob(day, heads={"F1": ["a\x00"]}), "U\\+0000"
    yield BalanceJob(day, heads={"F1": []}), "name at least one node"
    yield BalanceJob(day, DAYS), "lies within one"
    yield BalanceJob(day, QUARTERS, lengths=ReadingLengths(heads=60)), "60 minutes long"


@pytest.mark.parametrize(("job", "cause"), list(_jobs_that_make_no_sense()))
def test_job_that_makes_no_sense_is_refused(job: BalanceJob, cause: str) -> None:
    with pytest.raises(ValueError, match=cause):
        job.check()


@given(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])))
def test_no_feeder_changes_a_statement(feeder: str) -> None:
    assert shape(stored_keys_sql(DAY, feeders=[feeder])) == shape(
        stored_keys_sql(DAY, feeders=["F1"])
    )
    assert shape(clashing_rows_sql(DAY, HOURS, feeders=[feeder])) == shape(
        clashing_rows_sql(DAY, HOURS, feeders=["F1"])
    )


def test_no_feeders_mean_all() -> None:
    assert "feeder_id IN" not in stored_keys_sql(DAY)
    assert "feeder_id IN" not in clashing_rows_sql(DAY, HOURS)
