"""Encodings, skipped lines, and files of refused records, which read with the same rules."""

from pathlib import Path

import pytest
from tests.unit.files.format_rig import TableRead, cells, file_of, read_table

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.tables.csv_table import CsvRules, CsvTable

ENCODINGS = {
    "utf-8": "Zähler",
    "utf-8-sig": "Zähler",
    "windows-1252": "Zähler €",
    "cp932": "電力量",
    "gb18030": "电表",
    "utf-16": "Zähler 電",
    "utf-16-le": "Zähler 電",
    "utf-16-be": "Zähler 電",
    "utf-32": "Zähler 電",
    "iso2022_jp": "電力量",
}


def table_of(tmp_path: Path, content: bytes, rules: CsvRules, name: str = "r.csv") -> CsvTable:
    return CsvTable(file_of(tmp_path, name, content), rules, 5_000)


def kept(table: CsvTable, found: TableRead) -> bytes:
    """Return the file of refused records."""
    return table.head + b"".join(one.text for one in found.refused)


@pytest.mark.parametrize("skip", [0, 2])
@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize(("encoding", "word"), ENCODINGS.items())
def test_refused_records_are_read_by_the_same_rules_once_corrected(
    tmp_path: Path, encoding: str, word: str, header: bool, skip: int
) -> None:
    rules = CsvRules(sep=";", encoding=encoding, skip=skip, header=header)
    top = "Bericht\n\n"[: 10 if skip else 0]
    head = f"{word};b\n" if header else ""
    records = f'{word}1;2\nbad;{word};{word}\n"{word}\n";"x"\nbad 2;"{word}\n'
    table = table_of(tmp_path, f"{top}{head}{records}".encode(encoding), rules)
    name = word if header else "column0"
    found = read_table(table)
    assert found.values(name) == [f"{word}1", f"{word}\n"]
    assert found.codes == [(2, "wrong-type", None), (4, "wrong-type", None)]
    first = 1 + skip + header
    assert found.lines == [first, first + 2]
    assert [one.line for one in found.refused] == [first + 1, first + 4]

    if header:
        again = table_of(tmp_path, kept(table, found), rules, "again.csv")
        refound = read_table(again)
        assert refound.rows == []
        assert [one.text for one in refound.refused] == [one.text for one in found.refused]
        assert again.head == table.head

    text = kept(table, found).decode(encoding)
    text = text.replace(f"bad;{word};", "good;").replace('"', "")
    corrected = read_table(table_of(tmp_path, text.encode(encoding), rules, "corrected.csv"))
    assert corrected.values(name) == ["good", "bad 2"]
    assert corrected.refused == []


@pytest.mark.parametrize(
    ("encoding", "bad"),
    [
        ("windows-1252", b"\x81"),
        ("cp932", b"\x81\x20"),
        ("utf-16-le", b"\x00\xd8"),
        ("gb18030", b"\x81\x30\x81\x20"),
        ("utf-7", b"+\x80"),
        ("hz", b"~x"),
        ("iso2022_jp", b"\x1b$Z"),
        ("ascii", b"\xe4"),
    ],
)
def test_bytes_that_the_encoding_has_not_cost_their_record(
    tmp_path: Path, encoding: str, bad: bytes
) -> None:
    rules = CsvRules(encoding=encoding)
    good = "1,2\n".encode(encoding)
    line = "x".encode(encoding) + bad + ",2\n".encode(encoding)
    table = table_of(tmp_path, "a,b\n".encode(encoding) + good + line + good, rules)
    found = read_table(table)
    assert found.codes == [(2, "invalid-utf8", None)]
    assert found.values("rec") == [1, 3]
    if encoding in ("windows-1252", "cp932", "utf-16-le", "gb18030", "ascii"):
        again = read_table(table_of(tmp_path, kept(table, found), rules, "again.csv"))
        assert [code for _, code, _ in again.codes] == ["invalid-utf8"]
    if encoding in ("windows-1252", "cp932", "ascii"):
        assert found.refused[0].text == line


def test_text_that_ends_within_a_letter_loses_nothing_in_silence(tmp_path: Path) -> None:
    content = "a,b\n1,2\n3,4".encode("utf-16-le") + b"5"
    found = read_table(table_of(tmp_path, content, CsvRules(encoding="utf-16-le")))
    assert found.values("a") == ["1"]
    assert found.codes == [(2, "invalid-utf8", None)]


def test_many_skipped_lines_are_kept_as_empty_ones(tmp_path: Path) -> None:
    for encoding in ("utf-8", "utf-16"):
        content = "x" * 90 + "\n"
        text = content * 1_000 + "a,b\n1,2\n1\n"
        rules = CsvRules(skip=1_000, encoding=encoding)
        table = table_of(tmp_path, text.encode(encoding), rules)
        found = read_table(table)
        assert (found.values("a"), found.lines) == (["1"], [1_002])
        assert table.head.decode(encoding) == "\n" * 1_000 + "a,b\n"
        assert found.refused[0].line == 1_003
        again = read_table(table_of(tmp_path, kept(table, found), rules, "again.csv"))
        assert again.codes == [(1, "missing-field", None)]


def test_skipped_line_over_the_bound_is_kept_as_an_empty_one(tmp_path: Path) -> None:
    rules = CsvRules(skip=2)
    table = table_of(tmp_path, b"x" * 6_000 + b"\ntop\na,b\n1,2\n", rules)
    assert table.head == b"\ntop\na,b\n"
    assert read_table(table).values("a") == ["1"]


@pytest.mark.parametrize("skip", [3, 4, 10**12])
def test_file_of_fewer_lines_than_are_skipped_has_no_header(tmp_path: Path, skip: int) -> None:
    with pytest.raises(OperatorError, match="it has no header"):
        table_of(tmp_path, b"a\nb\nc\n", CsvRules(skip=skip))
    table = table_of(tmp_path, b"a\nb\nc\n", CsvRules(skip=skip, header=False))
    assert read_table(table).rows == []


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_may_be_of_any_kind(tmp_path: Path, end: str) -> None:
    content = end.join(["a,b", "1,2", "", '"3",4', "5,6"])
    found = read_table(table_of(tmp_path, content.encode(), CsvRules()))
    assert cells(found.rows, "rec", "a", "b") == [(1, "1", "2"), (2, "3", "4"), (3, "5", "6")]
    assert found.lines == [2, 4, 5]


def test_line_ends_may_be_mixed(tmp_path: Path) -> None:
    found = read_table(table_of(tmp_path, b"a,b\r\n1,2\n3,4\r\n5,6\r\r\n", CsvRules()))
    assert cells(found.rows, "rec", "a", "b") == [(1, "1", "2"), (2, "3", "4"), (3, "5", "6")]


def test_names_are_as_they_stand_and_columns_as_sql_has_them(tmp_path: Path) -> None:
    table = table_of(tmp_path, b" a ,A,,rec\n1,2,3,4\n", CsvRules())
    assert table.names == [" a ", "A", "", "rec"]
    assert table.schema.names == ["rec", "a", "A_1", "column2", "rec_1"]
