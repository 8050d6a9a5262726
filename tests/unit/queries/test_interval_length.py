import pytest

from utility_ts_analytics.queries.interval_length import IntervalLength


@pytest.mark.parametrize(
    ("minutes", "hours"), [(1, 1 / 60), (15, 0.25), (60, 1.0), (1440, 24.0)], ids=str
)
def test_length_in_hours_is_a_number_with_a_fraction(minutes: int, hours: float) -> None:
    """A whole number would make QuestDB divide whole numbers."""
    text = IntervalLength(minutes).hours_sql

    assert float(text) == hours
    assert "." in text


@pytest.mark.parametrize("minutes", [-15, 0, 7, 25, 2880])
def test_length_that_is_no_part_of_a_day_is_refused(minutes: int) -> None:
    with pytest.raises(ValueError, match=f"an interval of {minutes} minutes"):
        IntervalLength(minutes)


def test_start_of_the_interval_of_a_column() -> None:
    assert IntervalLength(15).start_sql("mu.ts") == "timestamp_floor('15m', mu.ts)"
