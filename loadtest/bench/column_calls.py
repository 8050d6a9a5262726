"""The calls of the benches into the package that need pyarrow; otherwise as `calls`."""

import itertools
from collections.abc import Sequence
from typing import TypeAlias

import pyarrow as pa
from loadtest.bench.calls import TABLE, Rows

from utility_ts_analytics.records import native
from utility_ts_analytics.records.columns import Checked, check_columns, column_schema
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.records.validation import TS_END
from utility_ts_analytics.sinks.ilp.columns import ColumnEncoder, column_encoder
from utility_ts_analytics.sinks.ilp.encode import RowEncoder, row_encoder

Batch: TypeAlias = "pa.RecordBatch"

_SPEC = STREAMS[TABLE]


def batches_of(blocks: Sequence[Rows], batch_rows: int) -> list[Batch]:
    """Return rows as columns, without their event ids."""
    rows = list(itertools.chain.from_iterable(blocks))
    schema = column_schema(_SPEC)
    names = [name for name in schema.names if name != "event_id"]
    columns = [
        pa.array([getattr(row, name) for row in rows], schema.field(name).type) for name in names
    ]
    whole = pa.RecordBatch.from_arrays(columns, names=names)
    return [whole.slice(start, batch_rows) for start in range(0, len(rows), batch_rows)]


def with_broken_rows(batch: Batch, *, every: int) -> Batch:
    """Return the columns with a negative energy in one of so many rows."""
    index = batch.schema.get_field_index("kwh")
    values = batch.column(index).to_numpy().copy()
    values[::every] = -1.0
    return batch.set_column(index, "kwh", pa.array(values))


def check(batch: Batch) -> Checked:
    """Hold columns to the rules of a source without `allow_negative`."""
    return check_columns(batch, _SPEC, allow_negative=False, ts_end=TS_END)


def encoder() -> ColumnEncoder:
    """Return what turns columns into lines."""
    return column_encoder(TABLE, _SPEC)


def forget_compiled_code() -> None:
    """Let this process go on as where there was no compiler."""
    native.column_lines = native.derive_event_ids = native.ilp_lines = None


def row_lines() -> RowEncoder:
    """Return what turns rows that have their ids into lines."""
    return row_encoder(TABLE)
