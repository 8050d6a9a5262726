"""Parquet and Arrow of any kind are rows of one table, with the types that the columns have."""

import gzip
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from tests.unit.files.format_rig import TableRead, file_of, read_table
from tests.unit.files.tables.columns_rig import (
    TABLE,
    WRITERS,
    Write,
    arrow_file,
    feather,
    kind_of,
    parquet,
)

from utility_ts_analytics.files.tables.columns_table import ColumnsTable
from utility_ts_analytics.files.tables.contract import BLOCK_ROWS_MAX, REC


def columns_table(tmp_path: Path, table: pa.Table, write: Write = parquet) -> ColumnsTable:
    return ColumnsTable(file_of(tmp_path, "r.bin", write(table, 2)), kind_of(write))


def replaced(name: str, column: pa.Array) -> pa.Table:
    return TABLE.set_column(TABLE.schema.get_field_index(name), name, column)


def again(tmp_path: Path, table: ColumnsTable, lines: bytes) -> TableRead:
    return read_table(ColumnsTable(file_of(tmp_path, "again.ndjson", table.head + lines), "arrow"))


@pytest.mark.parametrize("write", WRITERS)
def test_files_of_all_kinds_are_the_same_table(tmp_path: Path, write: Write) -> None:
    found = read_table(columns_table(tmp_path, TABLE, write))
    assert found.table.schema == pa.schema([REC, *TABLE.schema])
    assert found.table.drop_columns("rec").equals(TABLE)
    assert found.values("rec") == [1, 2, 3, 4]
    assert (found.refused, found.lines) == ([], [None] * 4)


@pytest.mark.parametrize("write", WRITERS)
def test_file_within_gzip_is_read(tmp_path: Path, write: Write) -> None:
    file = file_of(tmp_path, "r.bin.gz", gzip.compress(write(TABLE, 4)))
    found = read_table(ColumnsTable(file, kind_of(write)))
    assert found.table.drop_columns("rec").equals(TABLE)
    file.close()


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("wanted", [frozenset[str](), frozenset({"kwh"}), frozenset({"kwh", "ts"})])
def test_only_wanted_columns_are_read(tmp_path: Path, write: Write, wanted: frozenset[str]) -> None:
    table = columns_table(tmp_path, TABLE, write)
    table.wanted = wanted
    found = read_table(table)
    assert found.values("rec") == [1, 2, 3, 4]
    for name in TABLE.schema.names:
        assert (found.table.column(name).null_count == 4) is (name not in wanted)
    assert b'"note"' not in found.texts[0]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("names", [["a", "a", "A"], ["a", "a.b", "b"], ["", " a ", "rec"]])
def test_names_may_come_twice_or_have_dots(tmp_path: Path, write: Write, names: list[str]) -> None:
    table = pa.table([pa.array([1, 2]), pa.array(["x", "y"]), pa.array([{"b": 1}] * 2)], names)
    if write is feather and len(set(names)) < 3:
        return  # it cannot be written
    found = columns_table(tmp_path, table, write)
    ours = found.schema.names
    assert len({name.lower() for name in ours}) == 4
    assert read_table(found).table.columns[1:] == table.columns
    found.wanted = frozenset({ours[2]})
    columns = read_table(found).table.columns
    assert columns[2] == table.columns[1]
    assert columns[3].null_count == 2


@pytest.mark.parametrize("write", WRITERS)
def test_blocks_are_bounded_and_rows_numbered_through(tmp_path: Path, write: Write) -> None:
    count = 2 * BLOCK_ROWS_MAX + 100
    table = pa.table({"n": range(count)})
    for rows in (10_000, count):
        file = file_of(tmp_path, "r.bin", write(table, rows))
        found = ColumnsTable(file, kind_of(write))
        read = []
        done = 0
        for block in found.blocks({}):
            assert 0 < block.batch.num_rows <= BLOCK_ROWS_MAX
            assert block.batch.column("rec")[0].as_py() == done + 1
            done += block.batch.num_rows
            read.append(file.bytes_read)
        assert done == count
        assert read == sorted(read)
        assert file.bytes_read == file.path.stat().st_size


def not_utf8(texts: list[bytes], kind: pa.DataType) -> pa.Array:
    """Return a column of texts that are what stands there, UTF-8 or not."""
    return pa.array(texts, pa.binary()).view(pa.string()).view(kind)


@pytest.mark.parametrize("write", [parquet, arrow_file])
@pytest.mark.parametrize("form", ["string", "dictionary", "list"])
def test_text_that_is_not_utf8_is_one_refused_row(tmp_path: Path, write: Write, form: str) -> None:
    """Row number, column and the bytes as they stood; all other rows are kept."""
    column = not_utf8([b"A", b"A", b"A\xff", b"A"], pa.string())
    if form == "dictionary":
        # pyarrow reads other indices than these from Parquet only if every text of it is UTF-8.
        indices = pa.array([0, 0, 2, 0], pa.int32())
        column = pa.DictionaryArray.from_arrays(indices, column, safe=False)
    if form == "list":
        column = pa.ListArray.from_arrays(pa.array(range(5), pa.int32()), column)
    table = columns_table(tmp_path, replaced("quality_flag", column), write)
    found = read_table(table)
    assert found.codes == [(3, "invalid-utf8", None)]
    assert found.refused[0].detail == "the text of column quality_flag is not UTF-8"
    assert found.values("rec") == [1, 2, 4]
    assert b'A\xff"' in found.refused[0].text

    refound = again(tmp_path, table, found.refused[0].text)
    assert refound.codes == [(1, "invalid-utf8", None)]
    corrected = again(tmp_path, table, found.refused[0].text.replace(b"\xff", b""))
    assert corrected.refused == []
    expected = found.table.slice(0, 1).to_pylist()[0] | TABLE.slice(2, 1).to_pylist()[0]
    flag = ["A"] if form == "list" else "A"
    assert corrected.rows == [expected | {"rec": 1, "quality_flag": flag}]
    table.wanted = frozenset({"kwh"})
    assert read_table(table).refused == []


RICH = pa.table(
    {
        "ns": pa.array([1_711_846_800_123_456_789, None], pa.timestamp("ns", "Europe/Berlin")),
        "far": pa.array([2**62, 1], pa.timestamp("us", "UTC")),
        "day": pa.array([19_813, None], pa.date32()),
        "at": pa.array([45_000_000_000_001, None], pa.time64("ns")),
        "dec": pa.array([Decimal("1234567890123456789012345.50"), None], pa.decimal128(38, 2)),
        "id": pa.array([2**63 - 1, 2**53 + 1]),
        "uid": pa.array([bytes(range(16)), None], pa.uuid()),
        "raw": pa.array([b"\x00\xff\n", b""]),
        "nan": [float("nan"), float("-inf")],
        "nested": pa.array([[{"t": 1}], None], pa.list_(pa.struct([("t", pa.timestamp("ns"))]))),
        "flag": pa.array(["a", None]).dictionary_encode(),
        "half": pa.array([1.5, None], pa.float32()).cast(pa.float16()),
    }
)


@pytest.mark.parametrize("write", [parquet, arrow_file])
def test_refused_rows_have_equal_types_and_values_when_read_again(
    tmp_path: Path, write: Write
) -> None:
    table = columns_table(tmp_path, RICH, write)
    found = read_table(table)
    assert all(text.count(b"\n") == 1 for text in found.texts)
    refound = again(tmp_path, table, b"".join(found.texts))
    assert refound.refused == []
    assert str(refound.table.to_batches()) == str(found.table.combine_chunks().to_batches())
    assert refound.table.schema == found.table.schema
    assert refound.texts == found.texts
