"""Blocks of lines of JSON to ILP lines with event ids, without a Python object per row.

There is only the compiled way. It encodes what readings usually look like, and leaves every line
that is in any way unusual to the decoder, whose rows are put in their places; where it is not
compiled, it leaves all. So the decoder stays the one judge of what a record is, and the tests hold
both to the same rows, ids, lines and errors (docs/decisions/0039-json-to-lines.md).
"""

import functools
from array import array
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final

from utility_ts_analytics.records import native
from utility_ts_analytics.records.encoded import EncodedJson, EncodedLines, JsonEncoder
from utility_ts_analytics.records.reading import NATIVE_KINDS, Reading, fields_of, microseconds_of
from utility_ts_analytics.records.streams import StreamSpec
from utility_ts_analytics.records.validation import TS_MIN
from utility_ts_analytics.sinks.ilp.encode import RowEncoder, row_encoder, way_back

_FIRST: Final = microseconds_of(TS_MIN)

_instant: Final = functools.lru_cache(maxsize=8)(microseconds_of)


def json_encoder(table: str, spec: StreamSpec, record_type: type[Reading]) -> JsonEncoder | None:
    """Return the encoder of lines of `spec` for `table`; None where it is not compiled.

    Args:
        table: Name of the table.
        spec: The stream.
        record_type: `spec.record_type` or `spec.signed_record_type`: its rules hold.

    Raises:
        QuestDBError: The client does not take the name of the table.
    """
    ilp_of_json = native.ilp_of_json
    if ilp_of_json is None:
        return None
    escaped_table, restore = way_back(table, record_type)
    encode_rows = row_encoder(table)
    fields = tuple(
        (
            field.name,
            NATIVE_KINDS[field.kind],
            field.is_required,
            field.is_identifier,
            field.characters_max,
            field.is_signed,
        )
        for field in fields_of(record_type)
    )

    def encode(data: bytes, ts_end: datetime) -> EncodedJson | None:
        found = ilp_of_json(data, fields, escaped_table, spec.number, _FIRST, _instant(ts_end))
        if found is None:
            return None
        lines, ends, days, doubts = found
        whole = EncodedLines.of(lines, ends, escaped_table, restore)
        return EncodedJson(whole, days, doubts, partial(_with_rows, whole, encode_rows))

    return encode


def _with_rows(
    whole: EncodedLines, encode: RowEncoder, rows: Sequence[Reading], places: Sequence[int]
) -> EncodedLines:
    """Return lines with those of rows among them, each in front of the line at its place."""
    data, ends = whole.data, whole.ends
    parts: list[bytes | memoryview] = []
    new_ends = array("q")
    start = done = more = 0  # where the next part begins, in bytes and lines; bytes inserted
    for row, place in zip(rows, places, strict=True):
        line = encode([row])
        end = ends[place - 1] if place else 0
        parts += data[start:end], line
        new_ends.extend([one + more for one in ends[done:place]])
        more += len(line)
        new_ends.append(end + more)
        start, done = end, place
    parts.append(data[start:])
    new_ends.extend([one + more for one in ends[done:]])
    return EncodedLines.of(b"".join(parts), new_ends.tobytes(), whole.table, whole.restore)
