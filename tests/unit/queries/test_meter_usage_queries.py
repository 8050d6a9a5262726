"""The text of the queries and what they refuse; `test_meter_usage_queries_results` asks QuestDB."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.queries.query_rig import shape

from utility_ts_analytics.queries.meter_usage_queries import (
    TimeRange,
    aggregated_segment_load_sql,
    feeder_join,
    load_profile_sql,
    scale_join,
)

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = TimeRange(START, START + timedelta(days=1))
values = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))


def test_load_profile_names_meter_bounds_and_aliases() -> None:
    sql = load_profile_sql("m-1", DAY)

    assert "FROM meter_usage mu" in sql
    assert "mu.meter_id = 'm-1'" in sql
    assert "mu.ts >= '2026-03-01T00:00:00.000000Z'" in sql
    assert "mu.ts < '2026-03-02T00:00:00.000000Z'" in sql
    assert "coalesce(msm.scale_factor, 1.0)" in sql


def test_range_of_texts_stands_in_both_queries_as_given() -> None:
    texts = TimeRange("2024-01-01T00:00:00Z", "2024-01-02")
    bounds = "mu.ts >= '2024-01-01T00:00:00Z' AND mu.ts < '2024-01-02'"

    assert bounds in load_profile_sql("m-1", texts)
    assert bounds in aggregated_segment_load_sql(["household"], texts, sample_by="15m")


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


def test_energy_is_divided_by_the_part_of_the_bucket_in_the_range() -> None:
    assert (
        "kwh * 3600000000.0 / datediff('u',"
        " greatest(ts, '2026-03-01T00:00:00.000000Z'::timestamp),"
        " least(dateadd('h', 2, ts), '2026-03-02T00:00:00.000000Z'::timestamp)) AS mean_kw"
    ) in aggregated_segment_load_sql(["a"], DAY, "2h")


def test_version_ends_where_the_next_one_begins() -> None:
    assert (
        "JOIN (SELECT meter_id, customer_id, valid_from,"
        " lead(valid_from) OVER (PARTITION BY meter_id ORDER BY valid_from) AS next_from"
        " FROM meters) m ON m.meter_id = mu.meter_id"
        " AND mu.ts >= m.valid_from AND (m.next_from IS NULL OR mu.ts < m.next_from)\n"
    ) in aggregated_segment_load_sql(["a"], DAY)


def test_version_that_ends_by_itself_holds_until_then() -> None:
    assert feeder_join().endswith(
        "mu.ts >= f.valid_from AND (f.next_from IS NULL OR mu.ts < f.next_from)"
        " AND (f.valid_to IS NULL OR mu.ts < f.valid_to)\n"
    )


def test_readings_without_a_factor_stay_and_those_without_a_feeder_or_customer_do_not() -> None:
    assert scale_join().startswith("LEFT JOIN (SELECT meter_id, scale_factor, valid_to")
    assert feeder_join().startswith("JOIN (SELECT meter_id, feeder_id, valid_to")
    segment_load = aggregated_segment_load_sql(["a"], DAY)
    assert "\nJOIN (SELECT meter_id, customer_id" in segment_load
    assert "\nJOIN (SELECT customer_id, segment" in segment_load


def test_condition_on_the_meter_is_repeated_for_its_factors() -> None:
    assert "FROM meter_scale_map WHERE meter_id = 'm-1') msm" in load_profile_sql("m-1", DAY)
