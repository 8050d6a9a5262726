"""Records as columns and as JSON: what the tests of columns draw and compare."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa
from hypothesis import strategies as st

from utility_ts_analytics.records.columns import column_schema
from utility_ts_analytics.records.streams import STREAMS, StreamSpec

Record = Mapping[str, int | bytes | float]
"""Fields that are there: `ts` in microseconds, texts as bytes of which UTF-8 is hoped."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
METERS, UNITS = STREAMS["meter_usage"], STREAMS["generation_output"]
every_stream = st.sampled_from([METERS, UNITS])


def microseconds(instant: datetime) -> int:
    return (instant - EPOCH) // timedelta(microseconds=1)


valid_instants = st.integers(
    microseconds(datetime(2000, 1, 1, tzinfo=UTC)),
    microseconds(datetime(2100, 1, 1, tzinfo=UTC)) - 1,
) | st.integers(946_684_800, 4_102_444_799).map(lambda seconds: seconds * 1_000_000)
characters = st.sampled_from('a"\\\n\r =,\t\x10é😀') | st.characters(
    exclude_categories=["Cs"], exclude_characters="\0"
)
valid_texts = (
    st.text(characters, max_size=12) | st.sampled_from(["x" * 250, "é" * 256, "", '"' * 9])
).map(str.encode)
valid_numbers = st.sampled_from([0.0, -0.0, 5e-324, 1e300]) | st.floats(
    allow_nan=False, allow_infinity=False
)


def records(
    spec: StreamSpec,
    *,
    instants: st.SearchStrategy[int] = valid_instants,
    texts: st.SearchStrategy[bytes] = valid_texts,
    numbers: st.SearchStrategy[float] = valid_numbers,
) -> st.SearchStrategy[Record]:
    """Draw records that have their required fields; the others may be absent."""
    required: dict[str, st.SearchStrategy[int | bytes | float]] = {}
    optional: dict[str, st.SearchStrategy[int | bytes | float]] = {}
    first_text, first_number = spec.dedup_keys[1], spec.numbers[0]
    for name in spec.record_type.__struct_fields__:
        values = instants if name == "ts" else numbers if name in spec.numbers else texts
        needed = name in ("ts", first_text, first_number)
        (required if needed else optional)[name] = values
    return st.fixed_dictionaries(required, optional=optional)


def batch_of(
    rows: Sequence[Record], spec: StreamSpec, *, without: Sequence[str] = ()
) -> pa.RecordBatch:
    """Return the records as columns of the stream's schema."""
    schema = column_schema(spec)
    names = [name for name in schema.names if name not in without]
    arrays = [_array([row.get(name) for row in rows], schema.field(name).type) for name in names]
    return pa.RecordBatch.from_arrays(arrays, names=names)


def _array(values: Sequence[int | bytes | float | None], kind: pa.DataType) -> pa.Array:
    if kind == pa.string():
        return pa.array(values, pa.binary()).view(pa.string())  # which need not be UTF-8
    return pa.array(values, kind)


def sliced(batch: pa.RecordBatch, before: int) -> pa.RecordBatch:
    """Return equal columns that begin in the middle of their buffers and end before they do."""
    if batch.num_rows == 0:
        return batch
    around = [batch.take(pa.array([0] * count, pa.int64())) for count in (before, 3)]
    whole = pa.concat_batches([around[0], batch, around[1]])
    return whole.slice(before, batch.num_rows)


def json_line(row: Record) -> bytes:
    """Return what a producer would post, its fields in the order of the record type."""
    return b"{%s}\n" % b",".join(b'"%s":%s' % (name.encode(), _json(row[name])) for name in row)


def _json(value: int | bytes | float) -> bytes:
    if isinstance(value, int):
        return json.dumps((EPOCH + timedelta(microseconds=value)).isoformat()).encode()
    if isinstance(value, float):
        return b"-1e999" if value == -math.inf else b"1e999" if value == math.inf else b"%r" % value
    escaped = re.sub(rb'[\x00-\x1f"\\]', lambda found: b"\\u%04x" % ord(found[0]), value)
    return b'"%s"' % escaped
