"""The text of the queries and what they refuse; their results are in the file beside this one."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utility_ts_analytics.queries.meter_usage_queries import (
    TimeRange,
    aggregated_segment_load_sql,
    load_profile_sql,
)

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = TimeRange(START, START + timedelta(days=1))
values = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))


def shape(sql: str) -> str:
    """The statement with every text literal blanked: what a value must never change."""
    return re.sub(r"'(?:[^']|'')*'", "?", sql, flags=re.DOTALL)


def test_load_profile_names_meter_bounds_and_aliases() -> None:
    sql = load_profile_sql("m-1", DAY)

    assert "FROM meter_usage mu" in sql
    assert "mu.meter_id = 'm-1'" in sql
    assert "mu.ts >= '2026-03-01T00:00:00.000000Z'" in sql
    assert "mu.ts < '2026-03-02T00:00:00.000000Z'" in sql
    assert "coalesce(msm.scale_factor, 1.0)" in sql


def test_segment_load_names_segments_bucket_and_aliases() -> None:
    sql = aggregated_segment_load_sql(["household", "solar"], DAY)

    assert "c.segment IN ('household', 'solar')" in sql
    assert "SAMPLE BY 1h ALIGN TO CALENDAR" in sql
    assert "mu.ts >= '2026-03-01T00:00:00.000000Z'" in sql
    assert "coalesce(msm.scale_factor, 1.0)" in sql


def test_segments_may_come_from_a_generator() -> None:
    sql = aggregated_segment_load_sql((s for s in ("a", "b")), DAY, sample_by="15m")

    assert sql == aggregated_segment_load_sql(["a", "b"], DAY, "15m")


def test_equal_questions_give_equal_text() -> None:
    assert load_profile_sql("m-1", DAY) == load_profile_sql("m-1", DAY)
    assert aggregated_segment_load_sql(["a"], DAY) == aggregated_segment_load_sql(["a"], DAY)


@given(values)
def test_no_meter_id_changes_the_statement(meter_id: str) -> None:
    assert shape(load_profile_sql(meter_id, DAY)) == shape(load_profile_sql("m-1", DAY))


@given(values)
def test_no_segment_changes_the_statement(segment: str) -> None:
    plain = aggregated_segment_load_sql(["household"], DAY)

    assert shape(aggregated_segment_load_sql([segment], DAY)) == shape(plain)


def test_meter_id_with_u0000_is_refused() -> None:
    with pytest.raises(ValueError, match=r"U\+0000"):
        load_profile_sql("m\x00", DAY)


def test_segment_with_u0000_is_refused() -> None:
    with pytest.raises(ValueError, match=r"U\+0000"):
        aggregated_segment_load_sql(["a", "\x00"], DAY)


def test_no_segments_are_refused() -> None:
    with pytest.raises(ValueError, match="the list is empty"):
        aggregated_segment_load_sql([], DAY)


def test_one_text_for_segments_is_refused() -> None:
    with pytest.raises(ValueError, match="not the one text 'household'"):
        aggregated_segment_load_sql("household", DAY)


def test_interval_with_further_sql_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot sample by"):
        aggregated_segment_load_sql(["a"], DAY, sample_by="1h; DROP TABLE meter_usage")
