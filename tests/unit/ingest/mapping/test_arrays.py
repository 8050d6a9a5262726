"""Columns of every outer form are plain arrays, with their nulls."""

import pyarrow as pa
import pytest

from utility_ts_analytics.ingest.mapping.arrays import plain, rows_where, rows_where_not, without

TEXTS = pa.array(["a", "b", None, "a"])


@pytest.mark.parametrize(
    "column",
    [
        TEXTS,
        TEXTS.dictionary_encode(),
        pa.chunked_array([TEXTS.slice(0, 2), TEXTS.slice(2)]),
        pa.compute.run_end_encode(TEXTS),
    ],
    ids=["array", "dictionary", "chunks", "runs"],
)
def test_plain_takes_the_form_off(column: pa.Array) -> None:
    assert plain(column).equals(TEXTS)


def test_markers_become_null_and_nulls_are_in_no_mask() -> None:
    assert without(TEXTS, frozenset("a")).to_pylist() == [None, "b", None, None]
    assert without(TEXTS, frozenset("ab")).to_pylist() == [None] * 4
    assert without(TEXTS, frozenset()).equals(TEXTS)
    truth = pa.array([True, False, None])
    assert rows_where(truth).tolist() == [True, False, False]
    assert rows_where_not(truth).tolist() == [False, True, False]
