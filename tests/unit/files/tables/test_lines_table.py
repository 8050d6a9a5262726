"""A text line by line: each is a record, with its number, its bytes, and its own faults."""

from pathlib import Path

import pytest
from tests.unit.files.format_rig import TableRead, file_of, read_table

from utility_ts_analytics.files.tables.contract import BLOCK_ROWS_MAX
from utility_ts_analytics.files.tables.lines_table import LinesTable, NdjsonTable
from utility_ts_analytics.files.tables.text import TextFile


def text_of(tmp_path: Path, content: str | bytes, encoding: str = "utf-8") -> TextFile:
    return TextFile(file_of(tmp_path, "a.txt", content), encoding, 1_000)


def lines(tmp_path: Path, content: str | bytes, encoding: str = "utf-8") -> TableRead:
    return read_table(LinesTable(text_of(tmp_path, content, encoding)))


def ndjson(tmp_path: Path, content: str | bytes) -> TableRead:
    return read_table(NdjsonTable(text_of(tmp_path, content)))


def test_each_line_that_is_not_blank_is_a_record_under_its_number(tmp_path: Path) -> None:
    found = lines(tmp_path, "a;b\r\n\n  \t\n c \n\nlast")
    assert found.rows == [
        {"rec": 1, "line": "a;b", "gap": False},
        {"rec": 4, "line": " c ", "gap": False},
        {"rec": 6, "line": "last", "gap": False},
    ]
    assert found.lines == [1, 4, 6]
    assert found.texts == [b"a;b\r\n", b" c \n", b"last\n"]


def test_bad_lines_cost_themselves(tmp_path: Path) -> None:
    found = lines(tmp_path, b"a\n\xff\n" + b"x" * 1_001 + b"\nb\n")
    assert found.values("rec") == [1, 4]
    assert found.codes == [(2, "invalid-utf8", None), (3, "line-too-long", None)]
    assert [one.text for one in found.refused] == [b"\xff\n", b""]
    assert found.refused[1].detail == "the line is over 1000 bytes (max_line_bytes)"


def test_row_behind_refused_lines_says_that_something_is_missing(tmp_path: Path) -> None:
    long = b"x" * 1_001
    found = lines(tmp_path, b"\xff\n\na\nb\n\xff\n\xff\n \nc\n" + long + b"\n\nd\ne\n\xff\n")
    assert [(row["line"], row["gap"]) for row in found.rows] == [
        ("a", True),
        ("b", False),
        ("c", True),
        ("d", True),
        ("e", False),
    ]


@pytest.mark.parametrize("blank", [b"", b"\n"])
def test_row_behind_refused_lines_of_earlier_blocks_says_so(tmp_path: Path, blank: bytes) -> None:
    """Whatever stands between them: blank lines, or bad ones, of more than a block."""
    bad = (b"\xff" * 800 + b"\n") * 2_000
    found = lines(tmp_path, b"a\n" + bad + blank * 2_000_000 + b"b\nc\n")
    assert found.blocks > 1
    assert found.values("gap") == [False, True, False]
    assert len(found.refused) == 2_000


def test_lines_of_another_encoding_keep_their_bytes(tmp_path: Path) -> None:
    content = "Zähler €\nx".encode("windows-1252") + b"\x81\n"
    found = lines(tmp_path, content, "windows-1252")
    assert found.values("line") == ["Zähler €"]
    assert found.texts == [content[:9]]
    assert [(one.code, one.text) for one in found.refused] == [("invalid-utf8", content[9:])]


@pytest.mark.parametrize("table", [LinesTable, NdjsonTable])
def test_many_lines_are_numbered_through(
    tmp_path: Path, table: type[LinesTable] | type[NdjsonTable]
) -> None:
    count = 2 * BLOCK_ROWS_MAX + 100
    content = "".join(f"{number}\n" for number in range(1, count + 1)) + "\n" * 100_000 + "7\n"
    found = read_table(table(text_of(tmp_path, content)))
    assert found.values("rec") == [*range(1, count + 1), count + 100_001]
    assert found.blocks >= 3


def test_json_lines_are_records_and_others_are_refused(tmp_path: Path) -> None:
    content = b'\xef\xbb\xbf{"a": 1}\r\n\n[1]\n{"a":\n{"a":1}{"a":2}\n"\xff"\nnull\n' + b"9" * 1_001
    found = ndjson(tmp_path, content + b"\n")
    assert found.rows == [
        {"rec": 1, "j": '{"a": 1}'},
        {"rec": 3, "j": "[1]"},
        {"rec": 7, "j": "null"},
    ]
    assert found.lines == [1, 3, 7]
    assert found.texts[0] == b'{"a": 1}\r\n'
    assert found.codes == [
        (4, "invalid-json", None),
        (5, "invalid-json", None),
        (6, "invalid-utf8", None),
        (8, "line-too-long", None),
    ]
    assert [one.text for one in found.refused][:3] == [
        b'{"a":\n',
        b'{"a":1}{"a":2}\n',
        b'"\xff"\n',
    ]


def test_blank_file_has_no_records(tmp_path: Path) -> None:
    assert lines(tmp_path, "\n \n").rows == []
    assert ndjson(tmp_path, "\n \n").rows == []
