"""Overviews of a period: what is wrapped is tested beside its builder, here what is added to it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest
from tests.unit.queries.query_rig import LONG_AGO, rows_of, sample_readings, store

from utility_ts_analytics.queries.overview import (
    completeness_totals_sql,
    estimated_days_sql,
    first_reading_sql,
    last_reading_sql,
    least_complete_meters_sql,
    system_load_sql,
    usual_interval_sql,
)
from utility_ts_analytics.queries.saved import SAMPLE_WEEK, SAMPLE_ZONE
from utility_ts_analytics.queries.time_range import TimeRange

pytestmark = pytest.mark.questdb

DAY = TimeRange(datetime(2024, 6, 5, tzinfo=UTC), datetime(2024, 6, 6, tzinfo=UTC))


class Database(Protocol):
    def query(self, sql: str) -> Sequence[Sequence[object]]: ...
    def truncate(self, *tables: str) -> None: ...
    def wait_applied(self, table: str) -> None: ...


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


def test_first_and_last_reading_are_those_of_the_files(sample_questdb: Database) -> None:
    times = [ts for ts, *_ in sample_readings()]
    assert rows_of(sample_questdb, first_reading_sql()) == [(min(times),)]
    assert rows_of(sample_questdb, last_reading_sql(SAMPLE_WEEK.end)) == [(max(times),)]


def test_readings_after_the_moment_do_not_count(sample_questdb: Database) -> None:
    moment = datetime(2024, 6, 5, 12, 0, 1, tzinfo=UTC)
    assert rows_of(sample_questdb, last_reading_sql(moment)) == [
        (datetime(2024, 6, 5, 12, tzinfo=UTC),)
    ]
    assert rows_of(sample_questdb, last_reading_sql(LONG_AGO)) == []


def test_usual_interval_is_the_most_frequent_one(questdb: Database) -> None:
    _store_readings(questdb, ("m-1", 30, 40), ("m-2", 60, 20), ("m-3", 15, 1))
    assert rows_of(questdb, usual_interval_sql(DAY)) == [(30, 39)]
    _store_readings(questdb, ("m-3", 15, 1))
    assert rows_of(questdb, usual_interval_sql(DAY)) == []


@pytest.mark.parametrize("stream", ["generation_output", "network_measurements"])
def test_usual_interval_of_other_streams_is_that_of_each_source(
    sample_questdb: Database, stream: str
) -> None:
    [(minutes, readings)] = rows_of(sample_questdb, usual_interval_sql(SAMPLE_WEEK, stream))  # type: ignore[arg-type] # one of the streams
    assert (minutes, readings) == (15, 3 * 671)


def test_system_load_has_all_meters_scaled_and_cut_buckets_have_their_own_length(
    questdb: Database,
) -> None:
    _store_readings(questdb, ("m-1", 15, 8), ("m-2", 15, 8))
    cut = TimeRange(DAY.start + timedelta(minutes=30), DAY.start + timedelta(hours=2))
    first, second = rows_of(questdb, system_load_sql(cut, "1h"))
    # Two quarters of an hour with 41 kWh each: 82 kWh in half an hour.
    assert first == (DAY.start, 82.0, 164.0)
    assert second == (DAY.start + timedelta(hours=1), 164.0, 164.0)


def test_system_load_of_the_sample_is_all_of_its_energy(sample_questdb: Database) -> None:
    rows = rows_of(sample_questdb, system_load_sql(SAMPLE_WEEK, "1d"))
    total = sum(kwh for _, _, kwh, _ in sample_readings())
    assert sum(float(str(row[1])) for row in rows) == pytest.approx(total)


@pytest.mark.parametrize("sample_by", ["", "1 hour", "0h"])
def test_system_load_refuses_other_buckets(sample_by: str) -> None:
    with pytest.raises(ValueError, match="cannot sample by"):
        system_load_sql(DAY, sample_by)


def test_completeness_of_all_meters_is_one_row(questdb: Database) -> None:
    _store_readings(questdb, ("m-1", 15, 96), ("m-2", 15, 90), ("m-3", 15, 50))
    assert rows_of(questdb, completeness_totals_sql(DAY, "UTC")) == [(3, 2, 288, 52)]
    worst = least_complete_meters_sql(DAY, "UTC", count=5)
    assert rows_of(questdb, worst) == [("m-3", 46), ("m-2", 6)]
    assert rows_of(questdb, least_complete_meters_sql(DAY, "UTC", count=1)) == [("m-3", 46)]


def test_without_meters_nothing_is_expected(questdb: Database) -> None:
    questdb.truncate("meter_usage", "meters", "meter_feeder_map")
    assert rows_of(questdb, completeness_totals_sql(DAY, "UTC")) == [(0, 0, None, None)]


def test_estimated_days_add_up_feeders(sample_questdb: Database) -> None:
    rows = rows_of(sample_questdb, estimated_days_sql(SAMPLE_WEEK, SAMPLE_ZONE))
    readings = sample_readings()
    assert len(rows) == 8
    assert sum(int(str(row[1])) for row in rows) == len(readings)
    assert sum(int(str(row[2])) for row in rows) == sum(
        flag == "ESTIMATED" for *_, flag in readings
    )
    assert {row[3] for row in rows} == {0}
