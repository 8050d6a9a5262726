"""The period of a report: the last full week, whole days, and how long its readings are."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from tests.unit.queries.query_rig import LONG_AGO, Database, rows_of, sample_readings, store

from utility_ts_analytics.analysis.report.period import (
    default_period,
    first_reading_sql,
    last_reading_sql,
    local_days,
    usual_interval_sql,
    whole_days,
)
from utility_ts_analytics.queries.time_range import TimeRange

BERLIN = ZoneInfo("Europe/Berlin")
UTC_ZONE = ZoneInfo("UTC")
SAMPLE_WEEK = TimeRange(datetime(2024, 6, 3, tzinfo=UTC), datetime(2024, 6, 10, tzinfo=UTC))
DAY = TimeRange(datetime(2024, 6, 5, tzinfo=UTC), datetime(2024, 6, 6, tzinfo=UTC))


def _utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc] # year, month, day...


@pytest.mark.parametrize(
    ("first", "last", "days"),
    [
        # Exactly the sample's week.
        (_utc(2024, 6, 3), _utc(2024, 6, 9, 23, 45), ("2024-06-03", "2024-06-10")),
        # The week under way is left out.
        (_utc(2024, 1, 1), _utc(2024, 6, 12, 9), ("2024-06-03", "2024-06-10")),
        # Hourly readings end a week with the one of 23:00; half an hour earlier it is not full.
        (_utc(2024, 1, 1), _utc(2024, 6, 9, 23), ("2024-06-03", "2024-06-10")),
        (_utc(2024, 1, 1), _utc(2024, 6, 9, 22, 30), ("2024-05-27", "2024-06-03")),
        # Less than a week: all days of it.
        (_utc(2024, 6, 5, 8), _utc(2024, 6, 7, 9), ("2024-06-05", "2024-06-08")),
        (_utc(2024, 6, 5, 8), _utc(2024, 6, 12, 9), ("2024-06-05", "2024-06-13")),
        (_utc(2024, 6, 5, 8), _utc(2024, 6, 5, 8), ("2024-06-05", "2024-06-06")),
    ],
)
def test_default_is_the_last_full_week(
    first: datetime, last: datetime, days: tuple[str, str]
) -> None:
    start, end = (datetime.fromisoformat(f"{day}T00:00:00Z") for day in days)
    assert default_period(first, last, UTC_ZONE) == TimeRange(start, end)


def test_weeks_are_of_the_local_calendar() -> None:
    period = default_period(_utc(2024, 6, 3), _utc(2024, 6, 9, 23, 45), BERLIN)
    assert period.start == datetime(2024, 6, 3, tzinfo=BERLIN)
    assert period.end == datetime(2024, 6, 10, tzinfo=BERLIN)


def test_week_with_a_change_of_the_clock_is_an_hour_longer() -> None:
    period = default_period(_utc(2024, 1, 1), _utc(2024, 10, 28), BERLIN)
    assert period.end - period.start == timedelta(days=7, hours=1)
    assert len(local_days(period, BERLIN)) == 7


def test_local_days_are_those_touched() -> None:
    period = TimeRange(_utc(2024, 6, 3, 22), _utc(2024, 6, 5, 22))
    assert local_days(period, BERLIN) == [date(2024, 6, 4), date(2024, 6, 5)]
    assert local_days(period, UTC_ZONE) == [date(2024, 6, 3), date(2024, 6, 4), date(2024, 6, 5)]


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        ((2024, 6, 3), (2024, 6, 10), (3, 10)),
        ((2024, 6, 2, 22), (2024, 6, 9, 22), (3, 9)),  # a day is cut at both ends
        ((2024, 6, 3), (2024, 6, 3, 23), None),
    ],
)
def test_only_days_that_lie_in_the_period_as_a_whole_count(
    start: tuple[int, int, int], end: tuple[int, int, int], days: tuple[int, int] | None
) -> None:
    period = TimeRange(datetime(*start, tzinfo=BERLIN), datetime(*end, tzinfo=BERLIN))
    wanted = None
    if days is not None:
        wanted = TimeRange(*(datetime(2024, 6, day, tzinfo=BERLIN) for day in days))
    assert whole_days(period, BERLIN) == wanted


def test_day_of_the_change_of_the_clock_is_whole() -> None:
    period = TimeRange(
        datetime(2024, 10, 26, 22, tzinfo=UTC), datetime(2024, 10, 27, 23, tzinfo=UTC)
    )
    assert whole_days(period, BERLIN) == period


def _times(minutes: int, count: int) -> list[datetime]:
    return [DAY.start + timedelta(minutes=minutes * place) for place in range(count)]


def _store_readings(questdb: Database, *meters: tuple[str, int, int]) -> None:
    """Each meter: name, minutes between readings, how many; the first has a factor of 40."""
    store(
        questdb,
        meter_usage=[
            {"ts": ts, "meter_id": name, "kwh": 1.0, "quality_flag": "VALID"}
            for name, minutes, count in meters
            for ts in _times(minutes, count)
        ],
        meters=[],
        meter_feeder_map=[],
        meter_scale_map=[{"valid_from": LONG_AGO, "meter_id": meters[0][0], "scale_factor": 40.0}],
    )


@pytest.mark.questdb
def test_first_and_last_reading_are_those_of_the_files(sample_questdb: Database) -> None:
    times = [ts for ts, *_ in sample_readings()]
    assert rows_of(sample_questdb, first_reading_sql()) == [(min(times),)]
    assert rows_of(sample_questdb, last_reading_sql(SAMPLE_WEEK.end)) == [(max(times),)]


@pytest.mark.questdb
def test_readings_after_the_moment_do_not_count(sample_questdb: Database) -> None:
    moment = datetime(2024, 6, 5, 12, 0, 1, tzinfo=UTC)
    assert rows_of(sample_questdb, last_reading_sql(moment)) == [
        (datetime(2024, 6, 5, 12, tzinfo=UTC),)
    ]
    assert rows_of(sample_questdb, last_reading_sql(LONG_AGO)) == []


@pytest.mark.questdb
def test_usual_interval_is_the_most_frequent_one(questdb: Database) -> None:
    _store_readings(questdb, ("m-1", 30, 40), ("m-2", 60, 20), ("m-3", 15, 1))
    assert rows_of(questdb, usual_interval_sql(DAY)) == [(30, 39)]
    _store_readings(questdb, ("m-3", 15, 1))
    assert rows_of(questdb, usual_interval_sql(DAY)) == []


@pytest.mark.questdb
@pytest.mark.parametrize("stream", ["generation_output", "network_measurements"])
def test_usual_interval_of_other_streams_is_that_of_each_source(
    sample_questdb: Database, stream: str
) -> None:
    [(minutes, readings)] = rows_of(sample_questdb, usual_interval_sql(SAMPLE_WEEK, stream))  # type: ignore[arg-type] # one of the streams
    assert (minutes, readings) == (15, 3 * 671)
