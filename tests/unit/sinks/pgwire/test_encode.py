"""Values in the order of the columns, and names that cannot carry SQL."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from utility_ts_analytics.records.streams import STREAMS, GenerationOutput
from utility_ts_analytics.sinks.pgwire.encode import InsertRow, columns_of, encode_rows, insert_sql

EVENT_ID = "11111111-2222-8333-8444-555555555555"
COLUMNS = columns_of(STREAMS["generation_output"])


def test_values_follow_the_columns_and_ts_is_naive_utc() -> None:
    payload: list[InsertRow] = []
    ts = datetime(2026, 1, 1, 1, 0, 0, 7, tzinfo=timezone(timedelta(hours=1)))
    row = GenerationOutput(ts=ts, plant_id="p", mw=1.5, status="", event_id=EVENT_ID)
    encode_rows(payload, COLUMNS, [row])
    values = dict(zip(COLUMNS, payload[0], strict=True))
    assert values == {
        "ts": datetime(2026, 1, 1, 0, 0, 0, 7),
        "event_id": UUID(EVENT_ID),
        "plant_id": "p",
        "unit_id": None,
        "status": "",
        "fuel_type": None,
        "mw": 1.5,
        "mvar": None,
    }


def test_rows_are_appended_in_order_and_a_missing_event_id_is_null() -> None:
    payload: list[InsertRow] = [("first",)]
    ts = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [GenerationOutput(ts=ts, plant_id=plant, mw=1.0) for plant in ("a", "b")]
    encode_rows(payload, COLUMNS, rows)
    assert [values[2] for values in payload[1:]] == ["a", "b"]
    assert payload[1][1] is None


def test_every_column_of_every_stream_has_a_place() -> None:
    for spec in STREAMS.values():
        columns = columns_of(spec)
        assert set(columns) == set(spec.record_type.__struct_fields__)
        sql = insert_sql(spec.name, columns)
        assert sql.endswith(f"${len(columns)})")
        assert sql.startswith(f'INSERT INTO "{spec.name}" ("ts", "event_id", ')


@pytest.mark.parametrize("name", ['t"; drop table t; --', "", "a b", "1a", "t;", "ä", "a\n"])
def test_name_with_other_characters_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot use"):
        insert_sql(name, ["ts"])
    with pytest.raises(ValueError, match="cannot use"):
        insert_sql("t", ["ts", name])
