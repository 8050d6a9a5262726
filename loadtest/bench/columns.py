"""The benches of loads that need only CPU: Arrow columns to checked, hashed, encoded rows."""

import itertools
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

import pyarrow as pa
from loadtest.bench.cpu import SPEC, Decoded
from loadtest.bench.figures import Figures, Request
from loadtest.stored import TABLE

from utility_ts_analytics.files.replaced.replacements import Replacements
from utility_ts_analytics.records import native
from utility_ts_analytics.records.column_buffers import versions_of_columns
from utility_ts_analytics.records.columns import check_columns, column_schema
from utility_ts_analytics.records.event_id import assign_event_ids
from utility_ts_analytics.records.row_versions import VERSION_BYTES, versions_of_rows
from utility_ts_analytics.records.validation import TS_END
from utility_ts_analytics.sinks.ilp.columns import column_encoder
from utility_ts_analytics.sinks.ilp.encode import row_encoder

Batch: TypeAlias = "pa.RecordBatch"

_BATCH_ROWS = 8_192
"""About 2 MB of lines, small enough that memory is reused."""
_HELD_BYTES = 2 * 1024 * 1024
"""Small, so that the temporary file is part of the measurement."""


def column_check(request: Request) -> Figures:
    """What does it cost to hold Arrow columns to the rules?"""
    decoded = Decoded(request.rows)
    batches = _batches_of(decoded)
    if request.case != "clean":
        batches = [_with_broken_rows(batch, every=100) for batch in batches]

    def work() -> None:
        for batch in batches:
            check_columns(batch, SPEC, allow_negative=False, ts_end=TS_END)

    return decoded.measured(work, request)


def column_lines(request: Request) -> Figures:
    """What does it cost to turn Arrow columns into ILP lines with event ids?"""
    decoded = Decoded(request.rows)
    if request.case == "rows":
        encode_rows = row_encoder(TABLE)

        def work() -> None:
            for rows in decoded.blocks:
                assign_event_ids(rows, stream_number=SPEC.number)
                encode_rows(rows)

        return decoded.measured(work, request, prepare=decoded.forget_event_ids)
    if request.case != "columns":
        # As where there is no compiler.
        native.column_lines = native.derive_event_ids = native.ilp_lines = None
    batches = _batches_of(decoded)
    encode = column_encoder(TABLE, SPEC)
    return decoded.measured(lambda: deque(map(encode, batches), maxlen=0), request)


def replaced_rows(request: Request) -> Figures:
    """What does it cost to find the rows of a load that replace an earlier one?"""
    decoded = Decoded(request.rows)
    batches = _batches_of(decoded)
    versions = [versions_of_columns(batch, SPEC) for batch in batches]

    def compare() -> None:
        replacements = Replacements(_HELD_BYTES)
        for block in versions:
            replacements.add(block, 0, range(len(block) // VERSION_BYTES))
        replacements.finish()

    works: dict[str, Callable[[], object]] = {
        "hash columns": lambda: [versions_of_columns(batch, SPEC) for batch in batches],
        "hash rows": lambda: [versions_of_rows(rows, SPEC) for rows in decoded.blocks],
        "compare": compare,
    }
    return decoded.measured(works[request.case], request)


def _batches_of(decoded: Decoded) -> list[Batch]:
    """Return the rows as columns, without their event ids."""
    rows = list(itertools.chain.from_iterable(decoded.blocks))
    schema = column_schema(SPEC)
    names = [name for name in schema.names if name != "event_id"]
    columns = [
        pa.array([getattr(row, name) for row in rows], schema.field(name).type) for name in names
    ]
    whole = pa.RecordBatch.from_arrays(columns, names=names)
    return [whole.slice(start, _BATCH_ROWS) for start in range(0, len(rows), _BATCH_ROWS)]


def _with_broken_rows(batch: Batch, *, every: int) -> Batch:
    """Return the columns with a negative energy in one of so many rows."""
    index = batch.schema.get_field_index("kwh")
    values = batch.column(index).to_numpy().copy()
    values[::every] = -1.0
    return batch.set_column(index, "kwh", pa.array(values))
