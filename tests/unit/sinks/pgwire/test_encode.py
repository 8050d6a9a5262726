"""Values in the order of the columns, and names that cannot carry SQL."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utility_ts_analytics.records.streams import STREAMS, GenerationOutput
from utility_ts_analytics.sinks.pgwire.encode import (
    STATEMENT_ROWS_MAX,
    columns_of,
    encode_rows,
    insert_sql,
    rows_per_statement,
    statements,
)

EVENT_ID = "11111111-2222-8333-8444-555555555555"
COLUMNS = columns_of(STREAMS["generation_output"])


def test_values_follow_the_columns_and_ts_is_naive_utc() -> None:
    payload: list[object] = []
    ts = datetime(2026, 1, 1, 1, 0, 0, 7, tzinfo=timezone(timedelta(hours=1)))
    row = GenerationOutput(ts=ts, plant_id="p", mw=1.5, status="", event_id=EVENT_ID)
    encode_rows(payload, COLUMNS, [row])
    values = dict(zip(COLUMNS, payload, strict=True))
    assert values == {
        "ts": datetime(2026, 1, 1, 0, 0, 0, 7),
        "event_id": EVENT_ID,
        "plant_id": "p",
        "unit_id": None,
        "status": "",
        "fuel_type": None,
        "mw": 1.5,
        "mvar": None,
    }


def test_rows_are_appended_in_order_and_a_missing_event_id_is_null() -> None:
    payload: list[object] = []
    encode_rows(payload, COLUMNS, [])
    ts = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [GenerationOutput(ts=ts, plant_id=plant, mw=1.0) for plant in ("a", "b")]
    encode_rows(payload, COLUMNS, rows)
    first, second = statements(payload, len(COLUMNS))
    assert (first[2], second[2]) == ("a", "b")
    assert first[1] is None


def test_every_column_of_every_stream_has_a_place() -> None:
    for spec in STREAMS.values():
        columns = columns_of(spec)
        assert set(columns) == set(spec.record_type.__struct_fields__)
        sql = insert_sql(spec.name, columns, 2)
        assert sql.count("(") == 3
        assert sql.endswith(f", ${2 * len(columns)})")
        assert sql.startswith(f'INSERT INTO "{spec.name}" ("ts", "event_id", ')


@given(st.integers(0, 100_000))
def test_all_statements_of_a_batch_have_as_many_rows(rows: int) -> None:
    """Two different ones would be two commits, and the second may fail."""
    count = rows_per_statement(rows)
    assert 1 <= count <= STATEMENT_ROWS_MAX
    assert rows % count == 0


def test_full_batch_goes_by_the_largest_statement() -> None:
    assert rows_per_statement(25_000) == STATEMENT_ROWS_MAX


@pytest.mark.parametrize("name", ['t"; drop table t; --', "", "a b", "1a", "t;", "ä", "a\n"])
def test_name_with_other_characters_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot use"):
        insert_sql(name, ["ts"], 1)
    with pytest.raises(ValueError, match="cannot use"):
        insert_sql("t", ["ts", name], 1)
