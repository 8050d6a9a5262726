"""Rows of columns as lines: those that do not fit their columns are refused one by one."""

from pathlib import Path

import pyarrow as pa
import pytest
from tests.unit.files.format_rig import TableRead, file_of, read_table

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.tables.column_lines import JsonLines, is_lines, schema_line
from utility_ts_analytics.files.tables.columns_table import ColumnsTable
from utility_ts_analytics.files.tables.contract import BLOCK_ROWS_MAX

SCHEMA = pa.schema(
    [
        pa.field("n", pa.int8()),
        pa.field("s", pa.string()),
        pa.field("t", pa.timestamp("us", "UTC")),
    ]
)
HEAD = schema_line(list(SCHEMA))


def read(tmp_path: Path, lines: bytes, wanted: frozenset[str] | None = None) -> TableRead:
    table = ColumnsTable(file_of(tmp_path, "r.parquet.ndjson", HEAD + lines), "parquet")
    table.wanted = wanted
    assert table.head == HEAD
    return read_table(table)


def test_lines_are_rows_with_the_types_of_their_columns(tmp_path: Path) -> None:
    batch = pa.record_batch([pa.array([1], pa.int8()), ["é"], [5]], schema=SCHEMA)
    line = JsonLines(batch)(0)
    assert line == '{"n":1,"s":"é","t":"1970-01-01T00:00:00.000005Z"}\n'.encode()
    found = read(tmp_path, line + b'\n{"s":null}\r\n' + line)
    assert found.table.schema.types == [pa.int64(), *SCHEMA.types]
    assert found.values("rec") == [1, 3, 4]
    assert found.values("n") == [1, None, 1]
    assert found.lines == [2, 4, 5]
    assert found.texts[0] == line
    assert found.table.column("t").slice(0, 1).equals(pa.chunked_array([batch.column("t")]))


FAULTS = {
    b'{"n":1': ("invalid-json", "the text ends before its JSON does"),
    b"[1]": ("wrong-type", "a row must be a JSON object"),
    b'{"N":1}': ("wrong-type", "there is no column 'N'"),
    b'{"n":300}': ("wrong-type", "column n, which is int8: "),
    b'{"n":"1"}': ("wrong-type", "column n, which is int8: must be a number"),
    b'{"n":1e999999999}': ("wrong-type", "column n, which is int8: "),
    b'{"t":"1970-01-01"}': ("wrong-type", "column t, which is timestamp[us, tz=UTC]: must be"),
    b'{"t":%d}' % 10**30: ("wrong-type", "column t, which is timestamp[us, tz=UTC]: "),
    b'{"s":"\xff"}': ("invalid-utf8", "the text is not UTF-8: that of column s"),
    b"[" * 5_000: ("invalid-json", "the text is nested too deeply"),
    b'{"n":' + b"[" * 900 + b"]" * 900 + b"}": ("wrong-type", "column n, which is int8: "),
}


@pytest.mark.parametrize("line", FAULTS, ids=lambda line: line[:20])
def test_line_that_does_not_fit_is_refused_by_itself(tmp_path: Path, line: bytes) -> None:
    code, detail = FAULTS[line]
    found = read(tmp_path, b'{"n":1}\n' + line + b'\n{"n":2}')
    assert found.values("n") == [1, 2]
    [refused] = found.refused
    assert (refused.rec, refused.line, refused.code) == (2, 3, code)
    assert refused.detail.startswith(detail)
    assert refused.text == line + b"\n"


def test_columns_that_nobody_wants_are_not_looked_at(tmp_path: Path) -> None:
    found = read(tmp_path, b'{"n":300,"s":"x"}\n', frozenset("s"))
    assert found.rows == [{"rec": 1, "n": None, "s": "x", "t": None}]
    assert read(tmp_path, b'{"n":300}\n', frozenset()).values("rec") == [1]


def test_many_lines_are_read_in_blocks(tmp_path: Path) -> None:
    count = 2 * BLOCK_ROWS_MAX
    found = read(tmp_path, b'{"n":1}\n' * count)
    assert found.values("rec") == list(range(1, count + 1))
    assert found.blocks >= 2


def test_beginning_tells_such_a_file() -> None:
    assert is_lines(HEAD)
    assert not is_lines(b'{"a":1}')
    assert not is_lines(b"PAR1")


@pytest.mark.parametrize("head", [b'{"arrow_schema":"AAAA"}\n', b'{"arrow_schema":5}\n'])
def test_schema_that_was_changed_is_told(tmp_path: Path, head: bytes) -> None:
    with pytest.raises(OperatorError, match=r"line 1: it must be the schema of a file of refused"):
        ColumnsTable(file_of(tmp_path, "r.ndjson", head), "arrow")
