"""What tests of lines of JSON that are encoded at once have in common."""

from collections.abc import Sequence
from typing import Any

from utility_ts_analytics.reading.lines import LineBlock
from utility_ts_analytics.reading.ndjson import Decoded, NdjsonDecoder
from utility_ts_analytics.records.encoded import EncodedJson, JsonEncoder
from utility_ts_analytics.records.row_versions import versions_of_rows
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.records.validation import TS_END
from utility_ts_analytics.sinks.ilp.encode import row_encoder
from utility_ts_analytics.sinks.ilp.text_blocks import json_encoder

SPEC = STREAMS["meter_usage"]
TABLE = "usage of all"
PLAIN = NdjsonDecoder(SPEC, SPEC.record_type)
ROWS_TO_LINES = row_encoder(TABLE)
GOOD = '{"ts":"2024-05-01T00:00:00Z","meter_id":"m-1","kwh":1.5}'
FULL = (
    '{"ts":"2024-05-01T02:15:00.123456+02:00","meter_id":"m-1","kwh":1.5,"premise_id":"p-1",'
    '"kvarh":-0.25,"kva_demand":7,"quality_flag":"VALID","source_system":"HES-1",'
    '"event_id":"6E8BC430-9C3A-11D9-9669-0800200C9A66"}'
)

FIELDS = (
    ("ts", "t", True, False, 0, True),
    ("event_id", "s", False, False, 256, True),
    ("kwh", "d", True, False, 0, True),
)
"""Of a small record type, as compiled code takes them."""


def encoder(*, signed: bool = False) -> JsonEncoder:
    encode = json_encoder(TABLE, SPEC, SPEC.type_for(allow_negative=signed), versions=True)
    assert encode is not None
    return encode


ENCODE = encoder()
QUICK = NdjsonDecoder(SPEC, SPEC.record_type, ENCODE)


def block_of(lines: Sequence[str | bytes], first_line: int = 1) -> LineBlock:
    texts = [line if isinstance(line, bytes) else line.encode() for line in lines]
    return LineBlock.of(b"".join(text + b"\n" for text in texts), first_line)


def encoded(*lines: str | bytes) -> EncodedJson:
    found = ENCODE(block_of(lines).data, TS_END)
    assert found is not None
    return found


def value_of(line: str, field: str) -> Any:
    """Return what a field of a line is encoded as; no line is in doubt."""
    found = encoded(line)
    assert not found.doubts
    (row,) = found.lines.rows()
    return getattr(row, field)


def assert_same(block: LineBlock, quick: NdjsonDecoder = QUICK) -> Decoded:
    """Fail unless both ways have the same result, byte for byte; return that of the quick one."""
    found = quick.decode(block, ts_end=TS_END)
    plain = PLAIN.decode(block, ts_end=TS_END)
    rows = found.rows if found.lines is None else found.lines.rows()
    assert list(rows) == list(plain.rows)
    if found.lines is not None:
        assert not found.rows
        assert bytes(found.lines.data) == ROWS_TO_LINES(plain.rows)
        parts = [found.lines.part(index, index + 1).rows() for index in range(len(rows))]
        assert [row for part in parts for row in part] == list(plain.rows)
        assert found.days == plain.days
        assert found.lines.versions == versions_of_rows(plain.rows, SPEC)
    assert list(found.positions) == list(plain.positions)
    assert found.row_count == len(plain.rows)
    assert list(found.errors) == list(plain.errors)
    assert found.line_count == plain.line_count
    assert found.size_bytes == plain.size_bytes
    return found
