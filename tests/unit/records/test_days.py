from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from utility_ts_analytics.records.days import day_numbers, days_between, ends_of
from utility_ts_analytics.records.streams import MeterUsage

DAY_0 = datetime(2026, 1, 1, tzinfo=UTC)
NUMBER_0 = (DAY_0 - datetime(1970, 1, 1, tzinfo=UTC)).days


def rows_at(*instants: datetime) -> list[MeterUsage]:
    return [MeterUsage(ts=ts, meter_id="m", kwh=1.0) for ts in instants]


def days_of(rows: list[MeterUsage]) -> frozenset[int]:
    return days_between(rows, ends_of(rows))


def test_days_are_those_of_utc_whatever_the_offset() -> None:
    east = timezone(timedelta(hours=14))
    rows = rows_at(datetime(2026, 1, 2, 13, 59, tzinfo=east), datetime(2026, 1, 2, 14, tzinfo=east))
    assert day_numbers(rows) == [NUMBER_0, NUMBER_0 + 1]
    assert days_of(rows) == {NUMBER_0, NUMBER_0 + 1}


def test_days_between_the_ends_do_not_count_where_no_row_lies_on_them() -> None:
    rows = rows_at(DAY_0, DAY_0 + timedelta(days=9_000))
    assert days_of(rows) == {NUMBER_0, NUMBER_0 + 9_000}
    assert days_of([]) == frozenset()


@given(
    st.lists(st.integers(0, 60 * 24 * 400), max_size=300),
    st.sampled_from([1, 60, 24 * 60]),
    st.booleans(),
)
def test_days_are_those_of_each_row(minutes: list[int], step: int, in_order: bool) -> None:
    minutes = sorted(minutes) if in_order else minutes
    rows = rows_at(*(DAY_0 + timedelta(minutes=minute // step * step) for minute in minutes))
    assert days_of(rows) == set(day_numbers(rows))
