"""The text of the balance and what it refuses; its results are in the files beside this one."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.queries.feeder_rig import shape

from utility_ts_analytics.queries.balance_intervals import Intervals, ReadingLengths
from utility_ts_analytics.queries.feeder_balance import feeder_balance_sql
from utility_ts_analytics.queries.time_range import TimeRange

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = TimeRange(START, START + timedelta(days=1))
values = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))


@given(values)
def test_no_feeder_changes_the_statement(feeder: str) -> None:
    assert shape(feeder_balance_sql(DAY, feeders=[feeder])) == shape(
        feeder_balance_sql(DAY, feeders=["F1"])
    )


@given(values, values)
def test_no_head_changes_the_statement(feeder: str, node: str) -> None:
    assert shape(feeder_balance_sql(DAY, heads={feeder: [node]})) == shape(
        feeder_balance_sql(DAY, heads={"F1": ["SS-F1"]})
    )


def test_equal_questions_give_equal_text() -> None:
    feeders = (name for name in ("F1", "F2", "F1"))
    assert feeder_balance_sql(DAY, feeders=feeders) == feeder_balance_sql(DAY, feeders=["F1", "F2"])


@pytest.mark.parametrize("name", ["a\x00", "\ud800"])
def test_name_that_questdb_cannot_take_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot quote text"):
        feeder_balance_sql(DAY, feeders=[name])
    with pytest.raises(ValueError, match="cannot quote text"):
        feeder_balance_sql(DAY, heads={"F1": [name]})


def test_one_text_for_names_is_refused() -> None:
    with pytest.raises(ValueError, match="not the one text 'F1'"):
        feeder_balance_sql(DAY, feeders="F1")
    with pytest.raises(ValueError, match="not the one text 'SS-F1'"):
        feeder_balance_sql(DAY, heads={"F1": "SS-F1"})


def test_feeder_with_no_head_node_is_refused() -> None:
    with pytest.raises(ValueError, match="name at least one node"):
        feeder_balance_sql(DAY, heads={"F1": []})


def test_range_and_lengths_that_do_not_fit_are_refused() -> None:
    odd = TimeRange(START + timedelta(minutes=5), DAY.end)
    with pytest.raises(ValueError, match="lies within one"):
        feeder_balance_sql(odd)
    with pytest.raises(ValueError, match="cannot divide intervals"):
        feeder_balance_sql(DAY, Intervals("15m"), lengths=ReadingLengths(heads=30))
