"""Output formats of answers: a table for the terminal, CSV, JSON, Parquet."""

import io
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, BinaryIO, Final

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

ROWS_SHOWN: Final = 40
"""Rows of a table on a terminal."""

_MOMENT: Final = "%Y-%m-%dT%H:%M:%SZ"


def show(answer: pa.Table, *, width: int) -> str:
    """Return a box of at most 40 rows, from both ends where there are more; 3 digits of fractions.

    Args:
        answer: Of a question.
        width: Columns of the terminal.
    """
    with duckdb.connect() as connection, redirect_stdout(io.StringIO()) as text:
        # Times without their zone: every row would show +00.
        connection.from_arrow(_for_eyes(answer)).show(
            max_width=width, max_rows=ROWS_SHOWN, null_value=""
        )
    return text.getvalue().rstrip("\n")


def write(answer: pa.Table, format_: str, sink: BinaryIO | Path) -> None:
    """Write an answer.

    Args:
        answer: Of a question.
        format_: "csv" (a head line; times as RFC 3339 in UTC, nulls empty), "json" (an array of
            objects) or "parquet" (zstd).
        sink: File or open file; of Parquet a file.

    Raises:
        OSError: It cannot be written.
    """
    if format_ == "parquet":
        pq.write_table(answer, sink, compression="zstd")
        return
    if isinstance(sink, Path):
        with sink.open("wb") as file:
            write(answer, format_, file)
        return
    if format_ == "csv":
        pa_csv.write_csv(_with_texts(answer), sink, pa_csv.WriteOptions(quoting_style="needed"))
    else:
        sink.write(b"[")
        for number, batch in enumerate(answer.to_batches(max_chunksize=10_000)):
            rows: list[Any] = batch.to_pylist()
            if rows:
                sink.write(b",\n" if number else b"\n")
                sink.write(b",\n".join(map(msgspec.json.encode, rows)))
        sink.write(b"\n]\n")


def _for_eyes(answer: pa.Table) -> pa.Table:
    for index, field in enumerate(answer.schema):
        column = answer.column(index)
        if pa.types.is_floating(field.type):
            column = pc.round(column, 3)
        elif pa.types.is_timestamp(field.type):
            column = pc.floor_temporal(column, unit="second").cast(pa.timestamp("s"))
        answer = answer.set_column(index, field.name, column)
    return answer


def _with_texts(answer: pa.Table) -> pa.Table:
    """Return a table whose times are texts of RFC 3339."""
    for index, field in enumerate(answer.schema):
        if pa.types.is_timestamp(field.type):
            texts = pc.strftime(answer.column(index), format=_MOMENT)
            answer = answer.set_column(index, field.name, texts)
    return answer
