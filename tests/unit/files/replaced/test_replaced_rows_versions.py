"""Versions of rows, the same whether they come as records or as columns."""

from collections.abc import Callable, Mapping, Sequence

import pyarrow as pa
from tests.unit.files.piece_rig import RULES, SPEC, line

from utility_ts_analytics.files.replaced.replaced_rows import VersionTaker
from utility_ts_analytics.reading.lines import LineBlock
from utility_ts_analytics.reading.ndjson import Decoded
from utility_ts_analytics.records.row_versions import VERSION_BYTES
from utility_ts_analytics.records.validation import TS_END

Taken = list[tuple[bytes, Sequence[int], Callable[[int], Mapping[str, object]]]]


def test_records_and_columns_of_equal_rows_have_equal_versions() -> None:
    taken: Taken = []
    taker = VersionTaker(SPEC, lambda *one: taken.append(one))
    decoded = RULES.decoder.decode(LineBlock(b"".join(map(line, range(5))), 1, 5), ts_end=TS_END)
    taker.decoded(decoded)
    columns = {name: [getattr(row, name) for row in decoded.rows] for name in SPEC.fields}
    types = {name: pa.float64() for name in ("kwh", "kvarh", "kva_demand")}
    types["ts"] = pa.timestamp("us", "UTC")
    schema = pa.schema([(name, types.get(name, pa.string())) for name in SPEC.fields])
    taker.columns(pa.RecordBatch.from_pydict(columns, schema=schema), range(1, 6))
    (rows, row_recs, row_of), (cols, col_recs, col_of) = taken
    assert rows == cols
    assert len(rows) == 5 * VERSION_BYTES
    assert list(row_recs) == list(col_recs) == [1, 2, 3, 4, 5]
    for name in SPEC.fields:
        assert row_of(3)[name] == col_of(3)[name]


def test_nothing_is_taken_of_no_rows() -> None:
    taken: Taken = []
    taker = VersionTaker(SPEC, lambda *one: taken.append(one))
    taker.decoded(Decoded((), (), (), 0, 0))
    taker.columns(pa.RecordBatch.from_pydict({"ts": pa.array([], pa.timestamp("us"))}), [])
    assert taken == []
