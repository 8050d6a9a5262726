"""Columns are judged as the same records would be over HTTP."""

import math
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.records.column_rig import (
    METERS,
    Record,
    batch_of,
    every_stream,
    json_line,
    microseconds,
    records,
    sliced,
    valid_instants,
    valid_numbers,
    valid_texts,
)

from utility_ts_analytics.reading.lines import LineBlock
from utility_ts_analytics.reading.ndjson import NdjsonDecoder
from utility_ts_analytics.records.columns import (
    BrokenRow,
    Checked,
    check_columns,
    column_schema,
    rows_of_columns,
)
from utility_ts_analytics.records.event_id import assign_event_ids
from utility_ts_analytics.records.streams import STREAMS, StreamSpec
from utility_ts_analytics.records.validation import NOT_NEGATIVE, TS_END

TS = microseconds(datetime(2026, 1, 1, tzinfo=UTC))
NOW = datetime(2026, 5, 6, 7, 8, 9, 10, tzinfo=UTC)
GOOD: Record = {"ts": TS, "meter_id": b"m", "kwh": 1.0}

edges = [microseconds(edge) for edge in (datetime(2000, 1, 1, tzinfo=UTC), NOW, TS_END)]
instants = valid_instants | st.sampled_from([edge + step for edge in edges for step in (-1, 0, 1)])
texts = valid_texts | st.sampled_from(
    [
        *(b" ", b"\t ", "\u00a0".encode(), " \u3000".encode(), b"\x1c", "\u3042".encode()),
        *(b"x" * 256, b"x" * 257, "é".encode() * 257, "😀".encode() * 256, b"\0", b"a\0b" * 90),
        *(b"\xff", b"caf\xc3", b"\xa9", b"\xed\xa0\x80", b"\xc0\x80", b"\xff" * 300),
    ]
)
numbers = valid_numbers | st.sampled_from([-1.0, -5e-324, math.inf, -math.inf])


@st.composite
def any_records(draw: st.DrawFn) -> tuple[StreamSpec, list[Record]]:
    spec = draw(every_stream)
    complete = records(spec, instants=instants, texts=texts, numbers=numbers)
    rows = draw(st.lists(complete, max_size=8))
    dropped = draw(st.lists(st.sampled_from(["", *column_schema(spec).names]), max_size=len(rows)))
    lacking = dict(enumerate(dropped))
    return spec, [
        {
            name: row[name]
            for name in column_schema(spec).names
            if name in row and lacking.get(index) != name
        }
        for index, row in enumerate(rows)
    ]


def judged(
    rows: Sequence[Record], spec: StreamSpec = METERS, ts_end: datetime = TS_END
) -> list[BrokenRow]:
    return checked(batch_of(rows, spec), spec, ts_end=ts_end).broken


def checked(
    batch: pa.RecordBatch, spec: StreamSpec = METERS, *, ts_end: datetime = TS_END
) -> Checked:
    return check_columns(batch, spec, allow_negative=False, ts_end=ts_end)


@settings(max_examples=300)
@given(
    any_records(), st.booleans(), st.sampled_from([NOW, TS_END]), st.sampled_from([0, 1, 7, 8, 9])
)
def test_columns_are_judged_as_the_same_records_over_http(
    drawn: tuple[StreamSpec, list[Record]], allow_negative: bool, ts_end: datetime, offset: int
) -> None:
    spec, rows = drawn
    record_type = spec.type_for(allow_negative=allow_negative)
    posted = b"".join(json_line(row) for row in rows) or b"\n"
    decoded = NdjsonDecoder(spec, record_type).decode(LineBlock.of(posted, 1), ts_end=ts_end)

    batch = sliced(batch_of(rows, spec), offset)
    result = check_columns(batch, spec, allow_negative=allow_negative, ts_end=ts_end)
    kept = rows_of_columns(result.batch, record_type)
    assign_event_ids(kept, stream_number=spec.number)

    errors = [
        (error.position - 1, error.code, error.field, error.detail) for error in decoded.errors
    ]
    assert errors == result.broken
    assert [position - 1 for position in decoded.positions] == result.kept.tolist()
    assert list(map(repr, kept)) == list(map(repr, decoded.rows))


@pytest.mark.parametrize("spec", STREAMS.values(), ids=STREAMS)
def test_schema_has_the_fields_of_the_record_type_in_their_order(spec: StreamSpec) -> None:
    schema = column_schema(spec)
    assert tuple(schema.names) == spec.record_type.__struct_fields__
    assert schema.field("ts").type == pa.timestamp("us", tz="UTC")
    assert {name for name in schema.names if schema.field(name).type == pa.float64()} == set(
        spec.numbers
    )
    texts = {"event_id", *spec.texts}
    assert {name for name in schema.names if schema.field(name).type == pa.string()} == texts


def test_clean_batch_is_kept_as_it_is() -> None:
    batch = batch_of([GOOD] * 3, METERS)
    result = checked(batch)
    assert result.batch is batch
    assert (result.kept.tolist(), result.broken) == ([0, 1, 2], [])


def test_broken_rows_are_named_by_index_and_the_others_kept_in_order() -> None:
    rows = [GOOD, {**GOOD, "kwh": -1.0}, {**GOOD, "meter_id": b"n"}, {**GOOD, "meter_id": b""}]
    result = checked(batch_of(rows, METERS))
    assert result.kept.tolist() == [0, 2]
    assert result.batch.column("meter_id").to_pylist() == ["m", "n"]
    assert result.broken == [
        (1, "negative-value", "kwh", f"kwh {NOT_NEGATIVE}"),
        (3, "text-length", "meter_id", "meter_id must not be empty"),
    ]


@pytest.mark.parametrize("blank", [" ", "  ", "\t", "\x1f", "\u00a0", "\u2003", "\u3000 "])
def test_identifier_of_blanks_is_too_short(blank: str) -> None:
    rows = [{**GOOD, "meter_id": text.encode()} for text in ("m", blank, f" {blank}m", "東")]
    assert judged(rows) == [(1, "text-length", "meter_id", "meter_id must not be only blanks")]
    batch = sliced(batch_of(rows, METERS), 1)
    assert checked(batch).kept.tolist() == [0, 2, 3]


def test_nan_is_no_number() -> None:
    """JSON has none, so there is nothing to compare with."""
    rows = [{**GOOD, "kwh": math.nan}, {**GOOD, "kvarh": math.nan}]
    assert judged(rows) == [
        (0, "invalid-number", "kwh", "kwh must not be NaN"),
        (1, "invalid-number", "kvarh", "kvarh must not be NaN"),
    ]


def test_what_stands_under_a_null_is_not_looked_at() -> None:
    nothing = pa.py_buffer(b"\0")
    numbers = pa.py_buffer(np.array([math.nan, -1.0]))
    ends = pa.py_buffer(np.array([0, 300, 301], np.int32))
    batch = batch_of([GOOD] * 2, METERS, without=["kvarh", "premise_id"])
    batch = batch.append_column(
        "kvarh", pa.Array.from_buffers(pa.float64(), 2, [nothing, numbers])
    ).append_column(
        "premise_id",
        pa.Array.from_buffers(pa.string(), 2, [nothing, ends, pa.py_buffer(b"\0\xff" * 151)]),
    )
    assert checked(batch).broken == []


@pytest.mark.parametrize("name", ["ts", "meter_id", "kwh"])
def test_required_column_may_be_neither_absent_nor_null(name: str) -> None:
    missing = [(0, "missing-field", name, f"{name} is required")]
    assert checked(batch_of([GOOD], METERS, without=[name])).broken == missing
    assert judged([{field: value for field, value in GOOD.items() if field != name}]) == missing


def test_no_rows_and_no_columns_are_fine() -> None:
    for batch in (batch_of([], METERS), batch_of([], METERS, without=["ts", "event_id"])):
        result = checked(batch)
        assert result.batch is batch
        assert (result.kept.tolist(), result.broken) == ([], [])


def test_empty_text_is_not_an_absent_one() -> None:
    rows = [{**GOOD, "premise_id": b"", "event_id": b""}, GOOD]
    first, second = rows_of_columns(checked(batch_of(rows, METERS)).batch, METERS.record_type)
    assert (first.event_id, second.event_id) == ("", None)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"feeder": ["f"]}, "cannot use column feeder: meter_usage has none of that name"),
        ({"kwh": pa.array([1.0], pa.float32())}, "cannot use column kwh: it is float, not double"),
        ({"ts": pa.array([TS])}, "cannot use column ts: it is int64, not timestamp"),
        ({"meter_id": pa.array(["m"], pa.large_string())}, "it is large_string, not string"),
        ({"meter_id": pa.array(["m"]).dictionary_encode()}, "it is dictionary"),
    ],
)
def test_column_that_is_not_of_the_schema_is_refused(
    columns: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        checked(pa.RecordBatch.from_pydict(columns))


def test_column_that_is_there_twice_is_refused() -> None:
    batch = batch_of([GOOD], METERS)
    with pytest.raises(ValueError, match="there are two of that name"):
        checked(batch.append_column("kwh", batch.column("kwh")))


@pytest.mark.parametrize("ends", [[0, 5, 3], [0, 9, 3], [0, -1, 3]])
def test_damaged_buffers_are_found_before_anything_reads_them(ends: list[int]) -> None:
    damaged = pa.Array.from_buffers(
        pa.string(), 2, [None, pa.py_buffer(np.array(ends, np.int32)), pa.py_buffer(b"abcdef")]
    )
    batch = batch_of([GOOD] * 2, METERS, without=["meter_id"]).append_column("meter_id", damaged)
    with pytest.raises(ValueError, match=r"(?i)offset|length|extends"):
        checked(batch)


def test_server_does_not_need_pyarrow() -> None:
    """It is in an optional extra, and takes 60 MB of a worker."""
    code = """
import sys
import utility_ts_analytics.service.assembly, utility_ts_analytics.service.monitoring.operations
import utility_ts_analytics.service.stream_worker, utility_ts_analytics.service.supervisor
print([name for name in ("pyarrow", "pandas") if name in sys.modules])
"""
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert shown.stdout == "[]\n"
