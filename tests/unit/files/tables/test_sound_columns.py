"""Columns of a file are checked before anything works on them, and come in types of DuckDB."""

import uuid
from decimal import Decimal
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from utility_ts_analytics.files.tables.sound_columns import (
    NotText,
    as_texts,
    plain,
    plain_type,
    sound_columns,
    without_rows,
)

WORDS = [b"ok", b"caf\xc3", None, b"a text of more than twelve bytes \xff", b"ok"]
BYTES = pa.array(WORDS, pa.binary())
STRINGS = BYTES.view(pa.string())
TEXT_COLUMNS = {
    "string": STRINGS,
    "large_string": BYTES.cast(pa.large_binary()).view(pa.large_string()),
    "string_view": BYTES.cast(pa.binary_view()).view(pa.string_view()),
    "dictionary": pa.DictionaryArray.from_arrays(pa.array(range(5)), STRINGS, safe=False),
    "runs": pa.Array.from_buffers(
        pa.run_end_encoded(pa.int32(), pa.string()),
        5,
        [None],
        null_count=0,
        children=[pa.array(range(1, 6), pa.int32()), STRINGS],
    ),
}


@pytest.mark.parametrize("column", TEXT_COLUMNS.values(), ids=TEXT_COLUMNS)
def test_rows_whose_text_is_not_utf8_are_found_in_a_column_of_any_form(column: pa.Array) -> None:
    batch = pa.record_batch({"text": column, "n": [1, 2, 3, 4, 5]})
    columns, faulty = sound_columns(batch, ["text", "n"])
    assert faulty == [NotText(1, "text"), NotText(3, "text")]
    assert columns.column("text").to_pylist() == WORDS
    rest, rows = without_rows(columns, faulty)
    assert rows.tolist() == [0, 2, 4]
    texts = as_texts(rest, [plain_type(kind) for kind in batch.schema.types])
    assert texts.column("text").to_pylist() == ["ok", None, "ok"]
    assert texts.column("text").type == plain_type(column.type)
    assert texts.column("n").to_pylist() == [1, 3, 5]
    cut, faulty = sound_columns(batch.select(["text"]).slice(2, 2), ["text"])
    assert (cut.column("text").to_pylist(), faulty) == (WORDS[2:4], [NotText(1, "text")])


@pytest.mark.parametrize(
    "column",
    [
        pa.ListArray.from_arrays(pa.array(range(6), pa.int32()), STRINGS),
        pa.StructArray.from_arrays(
            [pa.array(range(5)), STRINGS, pa.array([b"\xff"] * 5)], names=["n", "s", "b"]
        ),
        pa.MapArray.from_arrays(pa.array(range(6), pa.int32()), pa.array(["k"] * 5), STRINGS),
        pa.StructArray.from_arrays(
            [pa.ListArray.from_arrays(pa.array(range(6), pa.int32()), STRINGS)], names=["l"]
        ),
    ],
    ids=["list", "struct", "map", "struct-of-list"],
)
def test_texts_within_nested_columns_cost_their_row(column: pa.Array) -> None:
    batch = pa.record_batch({"x": column})
    columns, faulty = sound_columns(batch, ["x"])
    assert faulty == [NotText(1, "x"), NotText(3, "x")]
    rest, _ = without_rows(columns, faulty)
    texts = as_texts(rest, batch.schema.types)
    texts.validate(full=True)
    assert texts.column("x").type == column.type
    assert "ok" in str(texts.column("x").to_pylist()[0])


def test_bytes_may_be_any() -> None:
    batch = pa.record_batch({"b": BYTES})
    assert sound_columns(batch, ["b"]) == (batch, [])


def test_a_row_with_two_such_texts_is_named_once_by_the_first_column() -> None:
    _, faulty = sound_columns(pa.record_batch({"a": STRINGS, "b": STRINGS}), ["x", "y"])
    assert faulty == [NotText(1, "x"), NotText(3, "x")]


def test_columns_of_one_name_are_told_apart_by_their_places() -> None:
    batch = pa.RecordBatch.from_arrays([pa.array([1]), pa.array(["x"])], names=["a", "a"])
    columns, _ = sound_columns(batch, ["a", "a_1"])
    assert columns.to_pylist() == [{"a": 1, "a_1": "x"}]


def damaged_offsets() -> pa.Array:
    offsets = pa.py_buffer(pa.array([0, 90, 2], pa.int32()).buffers()[1].to_pybytes())
    return pa.Array.from_buffers(pa.string(), 2, [None, offsets, pa.py_buffer(b"ab")])


@pytest.mark.parametrize(
    "column",
    [
        damaged_offsets(),
        pa.DictionaryArray.from_arrays(pa.array([0, 7]), pa.array(["x"]), safe=False),
        pa.DictionaryArray.from_arrays(pa.array([0, 0]), damaged_offsets(), safe=False),
        pa.StructArray.from_arrays([damaged_offsets()], names=["a"]),
    ],
    ids=["texts-outside", "indices-outside", "dictionary-damaged", "struct"],
)
def test_damaged_buffers_are_told_before_they_are_read(column: pa.Array) -> None:
    with pytest.raises(pa.ArrowInvalid):
        sound_columns(pa.record_batch({"a": column}), ["a"])


ID = uuid.UUID("00010203-0405-0607-0809-0a0b0c0d0e0f")
UNION = pa.UnionArray.from_sparse(
    pa.array([0, 1], pa.int8()), [pa.array([1, 2]), pa.array(["a", "b"])]
)
COLUMNS: dict[str, tuple[pa.Array, list[Any]]] = {
    "dictionary": (pa.array(["a", None]).dictionary_encode(), ["a", None]),
    "runs": (pa.RunEndEncodedArray.from_arrays([1, 2], ["a", "b"]), ["a", "b"]),
    "string_view": (pa.array(["a", None], pa.string_view()), ["a", None]),
    "binary_view": (pa.array([b"a", None], pa.binary_view()), [b"a", None]),
    "dictionary of views": (
        pa.DictionaryArray.from_arrays(pa.array([0, 1]), pa.array(["a", "b"], pa.string_view())),
        ["a", "b"],
    ),
    "half": (pa.array([np.float16(1.5), None], pa.float16()), [1.5, None]),
    "decimal256": (pa.array([Decimal("1.50"), None], pa.decimal256(50, 2)), ["1.50", None]),
    "uuid": (pa.array([ID.bytes, None], pa.uuid()), [ID, None]),
    "bool8": (pa.array([1, None], pa.bool8()), [True, None]),
    "json": (pa.array(['{"a":1}', None], pa.json_()), ['{"a":1}', None]),
    "opaque": (
        pa.ExtensionArray.from_storage(pa.opaque(pa.int64(), "a", "b"), pa.array([1, 2])),
        [1, 2],
    ),
    "union": (UNION, ["1", '"b"']),
    "list of halfs": (pa.array([[np.float16(1.5)], None], pa.list_(pa.float16())), ["[1.5]", None]),
    "struct with a union": (
        pa.StructArray.from_arrays([UNION], names=["u"]),
        ['{"u":1}', '{"u":"b"}'],
    ),
    "list view": (pa.array([[1], None], pa.list_view(pa.int8())), [[1], None]),
    "list of dictionaries": (
        pa.array([["a"], None], pa.list_(pa.dictionary(pa.int8(), pa.string()))),
        [["a"], None],
    ),
    "null": (pa.nulls(2), [None, None]),
}


@pytest.mark.parametrize(("column", "values"), COLUMNS.values(), ids=COLUMNS)
def test_columns_come_in_types_that_duckdb_reads(column: pa.Array, values: list[Any]) -> None:
    made = plain(column)
    assert made.type == plain_type(column.type)
    assert plain(pa.chunked_array([column])).equals(made)
    with duckdb.connect() as connection:
        connection.register("t", pa.table({"x": made}))
        assert [row[0] for row in connection.sql("SELECT x FROM t").fetchall()] == values
    assert pa.nulls(3, made.type).null_count == 3
