"""The text of questions about stored balances; the job's tests have their results."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.queries.feeder_rig import shape

from utility_ts_analytics.queries.balance_intervals import Intervals
from utility_ts_analytics.queries.stored_balance import clashing_rows_sql, stored_keys_sql
from utility_ts_analytics.queries.time_range import TimeRange

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = TimeRange(START, START + timedelta(days=1))
HOURS = Intervals("60m")
values = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))


@given(values)
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
