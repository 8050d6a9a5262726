"""The benches of loads that need only CPU: Arrow columns to checked, hashed, encoded rows."""

import itertools
from collections.abc import Callable
from typing import TypeAlias

import pyarrow as pa
from loadtest.bench.case import Request
from loadtest.bench.cpu import SPEC, Decoded
from loadtest.bench.figures import Figures
from loadtest.bench.measuring import measure_cpu
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

    return measure_cpu(decoded.trial(lambda: work), request)


def column_lines(request: Request) -> Figures:
    """What does it cost to turn Arrow columns into ILP lines with event ids?"""
    decoded = Decoded(request.rows)
    if request.case == "rows":
        return measure_cpu(decoded.trial(_encode_rows(decoded)), request)
    if request.case != "columns":
        # As where there is no compiler.
        native.column_lines = native.derive_event_ids = native.ilp_lines = None
    batches = _batches_of(decoded)
    encode = column_encoder(TABLE, SPEC)

    def work() -> None:
        for batch in batches:
            encode(batch)

    return measure_cpu(decoded.trial(lambda: work), request)


def _encode_rows(decoded: Decoded) -> Callable[[], Callable[[], object]]:
    encode = row_encoder(TABLE)

    def work() -> None:
        for rows in decoded.blocks:
            assign_event_ids(rows, stream_number=SPEC.number)
            encode(rows)

    def prepare() -> Callable[[], object]:
        decoded.forget_event_ids()
        return work

    return prepare


def replaced_rows(request: Request) -> Figures:
    """What does it cost to find the rows of a load that replace an earlier one?"""
    decoded = Decoded(request.rows)
    batches = _batches_of(decoded)
    versions = [versions_of_columns(batch, SPEC) for batch in batches]

    def hash_columns() -> None:
        for batch in batches:
            versions_of_columns(batch, SPEC)

    def hash_rows() -> None:
        for rows in decoded.blocks:
            versions_of_rows(rows, SPEC)

    def compare() -> None:
        replacements = Replacements(_HELD_BYTES)
        for block in versions:
            replacements.add(block, 0, range(len(block) // VERSION_BYTES))
        replacements.finish()

    works: dict[str, Callable[[], None]] = {
        "hash columns": hash_columns,
        "hash rows": hash_rows,
        "compare": compare,
    }
    work = works[request.case]
    return measure_cpu(decoded.trial(lambda: work), request)


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
