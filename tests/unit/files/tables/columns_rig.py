"""One table, and what writes it as a file of every kind of columns."""

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet

from utility_ts_analytics.files.tables.columns_table import ColumnsKind

START = datetime(2024, 3, 31, 0, 30, tzinfo=UTC)
INSTANTS = [START + timedelta(minutes=15 * number) for number in range(4)]
TABLE = pa.table(
    {
        "note": pa.array([[1], [2], None, [4]]),
        "kwh": [1.0, 2.5, 3.0, 4.0],
        "ts": pa.array(INSTANTS, pa.timestamp("us", "UTC")),
        "meter_id": ["m-1", "m-2", "m-3", "m-4"],
        "quality_flag": ["A", None, "E", "A"],
        "place": pa.array([{"x": 1, "y": ["a"]}] * 4),
    }
)

Write = Callable[[pa.Table, int], bytes]


def parquet(table: pa.Table, rows: int = 2) -> bytes:
    sink = io.BytesIO()
    pa.parquet.write_table(table, sink, row_group_size=rows)
    return sink.getvalue()


def feather(table: pa.Table, rows: int = 2) -> bytes:
    sink = io.BytesIO()
    pa.feather.write_feather(table, sink, compression="zstd", chunksize=rows)
    return sink.getvalue()


def arrow_file(table: pa.Table, rows: int = 2) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, table.schema) as file:
        file.write_table(table, max_chunksize=rows)
    return sink.getvalue()


def arrow_stream(table: pa.Table, rows: int = 2) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table, max_chunksize=rows)
    return sink.getvalue()


WRITERS = [parquet, feather, arrow_file, arrow_stream]


def kind_of(write: Write) -> ColumnsKind:
    return "parquet" if write is parquet else "arrow"
