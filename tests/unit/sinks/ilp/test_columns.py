"""Columns become the very lines that the same rows become, whichever way they go."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from questdb import QuestDBError
from tests.unit.records.column_rig import (
    METERS,
    UNITS,
    Record,
    batch_of,
    every_stream,
    microseconds,
    records,
    sliced,
)
from tests.unit.records.test_event_id import VECTORS, Vector

from utility_ts_analytics.buffering.block import Block, Settlement
from utility_ts_analytics.records import native
from utility_ts_analytics.records.columns import check_columns, rows_of_columns
from utility_ts_analytics.records.event_id import assign_event_ids
from utility_ts_analytics.records.streams import STREAMS, StreamSpec
from utility_ts_analytics.records.validation import TS_END
from utility_ts_analytics.sinks.ilp import ilp_over_http
from utility_ts_analytics.sinks.ilp.columns import (
    ColumnEncoder,
    column_encoder,
    plain_column_encoder,
)
from utility_ts_analytics.sinks.ilp.encode import client_encoder

TABLE = "täble =1"
TS = microseconds(datetime(2026, 1, 1, tzinfo=UTC))

needs_module = pytest.mark.skipif(
    native.column_lines is None, reason="installed without the compiled module"
)


@st.composite
def batches(draw: st.DrawFn) -> tuple[StreamSpec, pa.RecordBatch]:
    """Valid columns: some left out, beginning anywhere in their buffers."""
    spec = draw(every_stream)
    rows = draw(st.lists(records(spec), max_size=10))
    used = {name for row in rows for name in row} | {"ts"}
    unused = [name for name in batch_of([], spec).schema.names if name not in used]
    batch = batch_of(rows, spec, without=[name for name in unused if draw(st.booleans())])
    return spec, sliced(batch, draw(st.integers(0, 17)))


def meters(count: int, **fields: bytes | float) -> pa.RecordBatch:
    rows: list[Record] = [
        {"ts": TS + number, "meter_id": b"m-%d" % number, "kwh": 1.0, **fields}
        for number in range(count)
    ]
    return batch_of(rows, METERS)


@settings(max_examples=300)
@given(batches())
def test_lines_are_those_of_the_rows_with_their_event_ids(
    drawn: tuple[StreamSpec, pa.RecordBatch],
) -> None:
    spec, batch = drawn
    rows = rows_of_columns(batch, spec.record_type)
    assign_event_ids(rows, stream_number=spec.number)
    expected = client_encoder(TABLE)(rows)
    for make in (column_encoder, plain_column_encoder):
        lines = make(TABLE, spec)(batch)
        assert bytes(lines.data) == expected
        assert len(lines) == len(rows)
        parts = [lines.part(index, index + 1) for index in range(len(rows))]
        assert [part.rows() for part in parts] == [[row] for row in rows]


@needs_module
@settings(max_examples=200)
@given(
    st.lists(
        st.none()
        | st.binary(max_size=40).map(lambda text: text.hex().encode())
        | st.uuids().map(lambda text: str(text).upper().encode())
        | st.text(max_size=1100).map(str.encode),
        min_size=1,
        max_size=6,
    )
)
def test_ids_of_the_client_are_kept_or_hashed_as_for_rows(texts: list[bytes | None]) -> None:
    rows: list[Record] = [
        {"ts": TS, "event_id": text, "meter_id": b"m", "kwh": 1.0}
        if text is not None
        else {"ts": TS, "meter_id": b"m", "kwh": 1.0}
        for text in texts
    ]
    batch = batch_of(rows, METERS)
    fast, plain = (make("t", METERS)(batch) for make in (column_encoder, plain_column_encoder))
    assert bytes(fast.data) == bytes(plain.data)


def test_id_of_any_size_and_near_a_uuid_is_that_of_the_plain_version() -> None:
    """The hash has a path for each of several sizes; blocks are of 1024 bytes."""
    texts = [b"x" * size for size in range(2500)]
    texts += [
        b"6e8bc430-9c3a-11d9-9669-0800200c9a66",
        b"6E8BC430-9c3a-11d9-9669-0800200C9A66",
        b"6e8bc430-9c3a-11d9-9669-0800200c9a6g",
        b"6e8bc430+9c3a-11d9-9669-0800200c9a66",
        b"6e8bc4309-c3a-11d9-9669-0800200c9a66",
        b"@e8bc430-9c3a-11d9-9669-0800200c9a66",
        b"`e8bc430-9c3a-11d9-9669-0800200c9a66",
        b"6e8bc430-9c3a-11d9-9669-0800200c9aG6",
        b"6e8bc430-9c3a-11d9-9669-0800200c9a6",
        b"80000000-0000-0000-8000-000000000000",
    ]
    rows: list[Record] = [
        {"ts": TS, "event_id": text, "meter_id": b"m", "kwh": 1.0} for text in texts
    ]
    batch = batch_of(rows, METERS)
    fast, plain = (make("t", METERS)(batch) for make in (column_encoder, plain_column_encoder))
    assert fast.rows() == plain.rows()


@pytest.mark.parametrize("vector", VECTORS, ids=range(len(VECTORS)))
@pytest.mark.parametrize("make", [column_encoder, plain_column_encoder])
def test_golden_event_ids_hold_for_columns(
    vector: Vector, make: Callable[[str, StreamSpec], ColumnEncoder]
) -> None:
    spec = STREAMS[vector.stream]
    row = msgspec.json.decode(vector.record, type=spec.signed_record_type)
    fields = {name: getattr(row, name) for name in row.__struct_fields__}
    record: dict[str, int | bytes | float] = {"ts": microseconds(row.ts)}
    for name, value in fields.items():
        if isinstance(value, str | float):
            record[name] = value.encode() if isinstance(value, str) else value
    (stored,) = make("t", spec)(batch_of([record], spec)).rows()
    assert stored.event_id == vector.event_id


def test_lines_name_their_table_and_go_to_no_other() -> None:
    lines = column_encoder("meter usage", METERS)(meters(1))
    assert lines.table == b"meter\\ usage"
    assert bytes(lines.data).startswith(lines.table + b" event_id=")
    block = Block(lines, range(1), lines.size_bytes, Settlement())
    sink = ilp_over_http("127.0.0.1:1", "another")
    with pytest.raises(AssertionError, match="for another table"):
        sink.new_payload().encode(block)


def test_name_that_no_table_can_have_is_refused() -> None:
    for make in (column_encoder, plain_column_encoder):
        with pytest.raises(QuestDBError, match="Table names"):
            make("a?b", METERS)


def test_sink_sends_lines_that_came_encoded_as_they_are() -> None:
    lines = column_encoder("t", METERS)(meters(3, premise_id=b"a\nb"))
    block = Block(lines, range(3), lines.size_bytes, Settlement())
    sink = ilp_over_http("127.0.0.1:1", "t")
    payload = sink.new_payload()
    payload.encode(block.part(0, 2, 1))
    payload.encode(block.part(2, 3, 1))
    assert b"".join(payload.parts) == bytes(lines.data)
    asyncio.run(sink.close())


def test_wrong_columns_are_refused_by_both_ways() -> None:
    for make in (column_encoder, plain_column_encoder):
        with pytest.raises(ValueError, match="cannot use column plant_id"):
            make("t", METERS)(batch_of([], UNITS))


def test_without_the_compiled_module_rows_are_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = meters(3)
    compiled = column_encoder("t", METERS)(batch)
    for name in ("column_lines", "ilp_lines", "derive_event_ids"):
        monkeypatch.setattr(native, name, None)
    plain = column_encoder("t", METERS)(batch)
    assert bytes(plain.data) == bytes(compiled.data)
    assert list(plain.ends) == list(compiled.ends)


def test_what_was_checked_is_encoded() -> None:
    """From the whole batch to the lines of the rows that are left."""
    rows: list[Record] = [{"ts": TS, "meter_id": b"m", "kwh": kwh} for kwh in (1.0, -1.0, 2.0)]
    checked = check_columns(batch_of(rows, METERS), METERS, allow_negative=False, ts_end=TS_END)
    stored = column_encoder("t", METERS)(checked.batch).rows()
    assert [msgspec.structs.asdict(row)["kwh"] for row in stored] == [1.0, 2.0]
