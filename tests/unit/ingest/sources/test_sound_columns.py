"""Columns of a file are checked before anything works on them."""

import pyarrow as pa
import pytest

from utility_ts_analytics.ingest.sources.sound_columns import (
    NotText,
    as_texts,
    sound_columns,
    without_rows,
)

WORDS = [b"ok", b"caf\xc3", None, b"a text of more than twelve bytes \xff", b"ok"]
BYTES = pa.array(WORDS, pa.binary())
TEXT_COLUMNS = {
    "string": BYTES.view(pa.string()),
    "large_string": BYTES.cast(pa.large_binary()).view(pa.large_string()),
    "string_view": BYTES.cast(pa.binary_view()).view(pa.string_view()),
    "dictionary": pa.DictionaryArray.from_arrays(
        pa.array(range(5)), BYTES.view(pa.string()), safe=False
    ),
    "runs": pa.Array.from_buffers(
        pa.run_end_encoded(pa.int32(), pa.string()),
        5,
        [None],
        null_count=0,
        children=[pa.array(range(1, 6), pa.int32()), BYTES.view(pa.string())],
    ),
}


@pytest.mark.parametrize("column", TEXT_COLUMNS.values(), ids=TEXT_COLUMNS)
def test_rows_whose_text_is_not_utf8_are_found_in_a_column_of_any_form(column: pa.Array) -> None:
    batch = pa.record_batch({"n": [1, 2, 3, 4, 5], "text": column})
    columns, faulty = sound_columns(batch, ["text", "n"])
    assert faulty == [NotText(1, "text"), NotText(3, "text")]
    assert columns.column("text").to_pylist() == WORDS
    rest, rows = without_rows(columns, faulty)
    assert rows.tolist() == [0, 2, 4]
    texts = as_texts(rest)
    assert texts.column("text").equals(pa.array(["ok", None, "ok"]))
    assert texts.column("n").to_pylist() == [1, 3, 5]
    cut, faulty = sound_columns(batch.slice(2, 2), ["text"])
    assert (cut.column("text").to_pylist(), faulty) == (WORDS[2:4], [NotText(1, "text")])


def test_a_row_with_two_such_texts_is_named_once_by_the_first_column() -> None:
    bad = TEXT_COLUMNS["string"]
    _, faulty = sound_columns(pa.record_batch({"a": bad, "b": bad}), ["b", "a"])
    assert faulty == [NotText(1, "b"), NotText(3, "b")]


def test_sound_columns_are_those_of_the_file_without_their_dictionaries() -> None:
    batch = pa.record_batch({"a": ["x", "y"], "b": pa.array(["u", "u"]).dictionary_encode()})
    columns, faulty = sound_columns(batch, ["a", "b"])
    assert faulty == []
    assert columns.equals(pa.record_batch({"a": ["x", "y"], "b": ["u", "u"]}))


def damaged_offsets() -> pa.Array:
    offsets = pa.py_buffer(pa.array([0, 90, 2], pa.int32()).buffers()[1].to_pybytes())
    return pa.Array.from_buffers(pa.string(), 2, [None, offsets, pa.py_buffer(b"ab")])


@pytest.mark.parametrize(
    "column",
    [
        damaged_offsets(),
        pa.DictionaryArray.from_arrays(pa.array([0, 7]), pa.array(["x"]), safe=False),
        pa.DictionaryArray.from_arrays(pa.array([0, 0]), damaged_offsets(), safe=False),
    ],
    ids=["texts-outside", "indices-outside", "dictionary-damaged"],
)
def test_damaged_buffers_are_told_before_they_are_read(column: pa.Array) -> None:
    with pytest.raises(pa.ArrowInvalid):
        sound_columns(pa.record_batch({"a": column}), ["a"])
