"""A row has the same hashes whether it comes as columns or as a record."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.records.column_rig import (
    METERS,
    UNITS,
    Record,
    batch_of,
    every_stream,
    records,
    sliced,
)

from utility_ts_analytics.records import native
from utility_ts_analytics.records.column_buffers import native_columns, versions_of_columns
from utility_ts_analytics.records.columns import rows_of_columns
from utility_ts_analytics.records.row_versions import plain_row_versions
from utility_ts_analytics.records.streams import StreamSpec

TS = 1_767_225_600_000_000


@st.composite
def batches(draw: st.DrawFn) -> tuple[StreamSpec, pa.RecordBatch]:
    """Valid columns: some left out, beginning anywhere in their buffers."""
    spec = draw(every_stream)
    rows = draw(st.lists(records(spec), max_size=10))
    used = {name for row in rows for name in row} | {"ts"}
    unused = [name for name in batch_of([], spec).schema.names if name not in used]
    batch = batch_of(rows, spec, without=[name for name in unused if draw(st.booleans())])
    return spec, sliced(batch, draw(st.integers(0, 17)))


@settings(max_examples=300)
@given(batches())
def test_hashes_of_columns_are_those_of_their_rows(
    drawn: tuple[StreamSpec, pa.RecordBatch],
) -> None:
    spec, batch = drawn
    rows = rows_of_columns(batch, spec.record_type)
    plain = plain_row_versions(rows, spec.dedup_keys, spec.number)
    assert versions_of_columns(batch, spec) == plain


def test_without_the_compiled_module_the_hashes_are_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row: Record = {"ts": TS, "event_id": b"e", "plant_id": b"p", "mw": 1.0}
    batch = batch_of([row, {**row, "unit_id": b""}], UNITS)
    compiled = versions_of_columns(batch, UNITS)
    monkeypatch.setattr(native, "column_versions", None)
    assert versions_of_columns(batch, UNITS) == compiled


def test_every_column_of_the_stream_has_a_place() -> None:
    batch = batch_of([{"ts": TS, "meter_id": b"m", "kwh": 1.0}], METERS, without=["premise_id"])
    columns = {column[0]: column for column in native_columns(batch, METERS)}
    assert tuple(columns) == METERS.fields
    assert columns["premise_id"] == ("premise_id", "s", 0, None, None, None)
    assert [columns[name][1] for name in ("ts", "meter_id", "kwh")] == ["t", "s", "d"]


@pytest.mark.parametrize("compiled", [True, False])
def test_columns_of_another_stream_are_refused(
    compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not compiled:
        monkeypatch.setattr(native, "column_versions", None)
    with pytest.raises(ValueError, match="cannot use column plant_id"):
        versions_of_columns(batch_of([], UNITS), METERS)
