"""Blocks of lines of JSON or separated text to ILP lines, without a Python object per row.

There is only the compiled way. It encodes what readings usually look like, and leaves every line
that is in any way unusual to the way by records or columns; where it is not compiled, it leaves
all. So these stay the judges of what a row is, and the tests hold both to the same rows, ids, lines
and errors (docs/decisions/0039-json-to-lines.md).
"""

import functools
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from utility_ts_analytics.records import native
from utility_ts_analytics.records.encoded import (
    CsvEncoder,
    EncodedCsv,
    EncodedJson,
    EncodedLines,
    JsonEncoder,
)
from utility_ts_analytics.records.reading import NATIVE_KINDS, Reading, fields_of, microseconds_of
from utility_ts_analytics.records.row_versions import versions_of_rows
from utility_ts_analytics.records.streams import StreamSpec
from utility_ts_analytics.records.validation import TS_MIN
from utility_ts_analytics.sinks.ilp.encode import RowEncoder, row_encoder, way_back

if TYPE_CHECKING:
    from utility_ts_analytics.records._native import TextField

_FIRST: Final = microseconds_of(TS_MIN)
_NO_FIELD: Final = 255
_CELLS_MAX: Final = 1_024

_instant: Final = functools.lru_cache(maxsize=8)(microseconds_of)


def json_encoder(
    table: str, spec: StreamSpec, record_type: type[Reading], *, versions: bool = False
) -> JsonEncoder | None:
    """Return the encoder of lines of `spec` for `table`; None where it is not compiled.

    Args:
        table: Name of the table.
        spec: The stream.
        record_type: `spec.record_type` or `spec.signed_record_type`: its rules hold.
        versions: Whether the lines get their `versions`.

    Raises:
        QuestDBError: The client does not take the name of the table.
    """
    ilp_of_json = native.ilp_of_json
    if ilp_of_json is None:
        return None
    escaped_table, restore = way_back(table, record_type)
    encode_rows = row_encoder(table)
    fields, keys = _text_fields(record_type), spec.dedup_keys if versions else ()

    def encode(data: bytes, ts_end: datetime) -> EncodedJson | None:
        found = ilp_of_json(
            data, fields, escaped_table, spec.number, _FIRST, _instant(ts_end), keys
        )
        if found is None:
            return None
        lines, ends, days, hashes, doubts, _ = found
        whole = EncodedLines.of(lines, ends, escaped_table, restore, hashes)
        insert = partial(_with_rows, whole, encode_rows, spec if versions else None)
        return EncodedJson(whole, days, doubts, insert)

    return encode


def csv_encoder(
    table: str,
    spec: StreamSpec,
    record_type: type[Reading],
    *,
    names: Sequence[str],
    separator: str,
    ts_end: datetime,
) -> CsvEncoder | None:
    """Return the encoder of separated text of `spec`, with versions.

    None where it is not compiled, or there are more columns than it takes.

    Args:
        table: Name of the table.
        spec: The stream.
        record_type: `spec.record_type` or `spec.signed_record_type`: its rules hold.
        names: Of the columns: those of fields are read, once each.
        separator: A comma, a vertical bar or a tab.
        ts_end: First instant that is too late for a reading.

    Raises:
        QuestDBError: The client does not take the name of the table.
    """
    ilp_of_csv = native.ilp_of_csv
    if ilp_of_csv is None or len(names) > _CELLS_MAX:
        return None
    escaped_table, restore = way_back(table, record_type)
    fields = _text_fields(record_type)
    places = {name: index for index, (name, *_) in enumerate(fields)}
    cells = bytes(places.get(name, _NO_FIELD) for name in names)
    rules = (fields, escaped_table, spec.number, _FIRST, _instant(ts_end), spec.dedup_keys)

    def encode(data: bytes) -> EncodedCsv:
        found = ilp_of_csv(data, *rules, cells, separator.encode())
        lines, ends, days, hashes, doubts, size_bytes = found
        whole = EncodedLines.of(lines, ends, escaped_table, restore, hashes)
        return EncodedCsv(whole, days, doubts, size_bytes)

    return encode


def _text_fields(record_type: type[Reading]) -> "tuple[TextField, ...]":
    return tuple(
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


def _with_rows(
    whole: EncodedLines,
    encode: RowEncoder,
    spec: StreamSpec | None,
    rows: Sequence[Reading],
    places: Sequence[int],
) -> EncodedLines:
    """Return lines with those of rows among them, each in front of the line at its place.

    The stream is given where they have versions.
    """
    lines = [encode([row]) for row in rows]
    hashes = b"" if spec is None else versions_of_rows(rows, spec)
    others = EncodedLines.joined(lines, whole.table, whole.restore, hashes)
    return whole.merged(others, places)
