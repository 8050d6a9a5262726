"""Separated text as a table: the records of the standard library, with their lines and bytes."""

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.unit.files.format_rig import TableRead, file_of, read_table

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.tables import csv_pass, text
from utility_ts_analytics.files.tables.csv_table import CsvRules, CsvTable

LINE_BYTES_MAX = 300_000


def csv_table(tmp_path: Path, content: str | bytes, **rules: object) -> CsvTable:
    file = file_of(tmp_path, "r.csv", content)
    return CsvTable(file, CsvRules(**rules), LINE_BYTES_MAX)  # type: ignore[arg-type]


def read(tmp_path: Path, content: str | bytes, **rules: object) -> TableRead:
    return read_table(csv_table(tmp_path, content, **rules))


def cells_of(found: TableRead) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in found.rows]


@contextmanager
def borders(rows: int, size_bytes: int = 1_048_576, plain_lines: int = 256) -> Iterator[None]:
    """Have blocks of so many lines and bytes, and stretches of so many lines."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text, "BLOCK_ROWS_MAX", rows)
        patch.setattr(text, "BLOCK_BYTES_MAX", size_bytes)
        patch.setattr(csv_pass, "_PLAIN_LINES", plain_lines)
        yield


CELLS = st.text(st.sampled_from('"",;\n\r xé\ufeff'), max_size=5)
TABLES = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), max_size=12)
)


@given(
    TABLES,
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    st.sampled_from(",;"),
    st.integers(1, 5),
)
@settings(max_examples=250, deadline=None)
def test_records_are_those_of_the_standard_library(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[list[str]],
    end: str,
    quoting: int,
    sep: str,
    block_rows: int,
) -> None:
    """With the lines on which they begin and their bytes, wherever the blocks end."""
    names = [f"c{index}" for index in range(len(rows[0]) if rows else 1)]
    lines: list[str] = []
    first: list[int] = []
    for row in [names, *rows]:
        line = io.StringIO(newline="")
        writer = csv.writer(line, delimiter=sep, lineterminator=end, quoting=quoting)  # type: ignore[arg-type]
        writer.writerow(row)
        first.append(1 + "".join(lines).count("\n"))
        lines.append(line.getvalue())
    with borders(block_rows, plain_lines=128):
        found = read(tmp_path_factory.getbasetemp(), "".join(lines), sep=sep)
    assert cells_of(found) == [
        (rec, *(cell or None for cell in row)) for rec, row in enumerate(rows, 1)
    ]
    assert found.refused == []
    assert found.lines == first[1:]
    assert found.texts == [line.encode() for line in lines[1:]]


PIECES = st.sampled_from(
    [
        *(b",", b'"', b'""', b"\n", b"\n", b"\r\n", b"\r", b"x", b"1", b"\xc3\xa9", b"\xff"),
        *(b'",', b',"', b'"\n', b"a,b\n", b'"a",b\n', b'a,"b\nc"\n', b"\n\n", b",,\n"),
    ]
)
BLOCKS = st.lists(PIECES, max_size=30).map(b"".join)


@given(BLOCKS, st.integers(1, 6), st.integers(4, 40), st.booleans(), st.booleans())
@example(b'a,"b\n' + b"c,d\n" * 70 + b'e,"f\ng"\n', 3, 20, False, True)
@example(b'a,b\n"c\nd"x,e\nf,g\n', 1, 4, False, True)
@settings(max_examples=400, deadline=None)
def test_borders_of_blocks_change_nothing(
    tmp_path_factory: pytest.TempPathFactory,
    content: bytes,
    block_rows: int,
    block_bytes: int,
    ragged: bool,
    strict: bool,
) -> None:
    folder = tmp_path_factory.getbasetemp()
    table = csv_table(folder, b"a,b\n" + content, ragged=ragged, strict=strict)
    whole = read_table(table)
    with borders(block_rows, block_bytes, 128):
        parts = read_table(table)
    assert parts.rows == whole.rows
    assert parts.refused == whole.refused
    assert (parts.lines, parts.texts, parts.notes) == (whole.lines, whole.texts, whole.notes)
    recs = [*whole.values("rec"), *(one.rec for one in whole.refused)]
    assert sorted(map(int, map(str, recs))) == list(range(1, len(recs) + 1))
    kept = sorted(
        [*zip(whole.lines, whole.texts, strict=True)]
        + [(one.line, one.text) for one in whole.refused]
    )
    ours = b"".join(line for _, line in kept).replace(b"\r", b"").replace(b"\n", b"")
    assert ours == content.replace(b"\r", b"").replace(b"\n", b""), "no byte is lost"


BROKEN = {
    "quote-open": (b'7,"x\n', "wrong-type"),
    "quote-inside": (b'7,"x"y\n', "wrong-type"),
    "not-utf8": (b"7,\xff\n", "invalid-utf8"),
    "short": (b"7\n", "missing-field"),
    "surplus": (b"7,8,9\n", "wrong-type"),
    "over-long": (b"7," + b"x" * LINE_BYTES_MAX + b"\n", "line-too-long"),
}


@pytest.mark.parametrize("quoted", [False, True], ids=["plain", "quoted"])
@pytest.mark.parametrize("kind", BROKEN)
def test_broken_record_costs_itself_wherever_it_stands(
    tmp_path: Path, kind: str, quoted: bool
) -> None:
    """First, last without a line end, and around every border of blocks."""
    bad, code = BROKEN[kind]
    line = b'%d,"v\nw"\n' if quoted else b"%d,v\n"
    value = "v\nw" if quoted else "v"
    for index in range(13):
        lines = [line % number for number in range(12)]
        lines.insert(index, bad)
        content = b"n,v\n" + b"".join(lines)
        if index == 12:
            content = content[:-1]
        with borders(4):
            found = read(tmp_path, content)
        assert found.codes == [(index + 1, code, None)]
        assert cells_of(found) == [
            (number + 1 + (number >= index), str(number), value) for number in range(12)
        ]
        assert found.refused[0].line == 2 + index * (1 + quoted)
        if code != "line-too-long":
            assert found.refused[0].text == bad


def test_bad_lines_among_many_are_found_wherever_they_stand(tmp_path: Path) -> None:
    for remark in ("", '"quoted ""twice"""'):
        lines = [f"{number},{remark}\n" for number in range(40_000)]
        bad = [0, 255, 256, 4_095, 4_096, 9_999, 16_381, 16_382, 16_383, 16_384, 39_999]
        for index in bad:
            lines[index] = "short\n"
        found = read(tmp_path, f"n,remark\n{''.join(lines)}")
        assert [one.line for one in found.refused] == [index + 2 for index in bad]
        good = sorted(set(range(40_000)) - set(bad))
        assert found.values("n") == [str(number) for number in good]
        assert found.lines == [number + 2 for number in good]
        assert found.blocks < 300


def test_what_is_refused_says_why_and_quotes_the_record(tmp_path: Path) -> None:
    found = read(tmp_path, b'a,b\n1\n1,2,3\n1,"\n\xff' + b"x" * 2_000 + b",1\n")
    assert [one.detail.partition(":")[0] for one in found.refused] == [
        "the record has 1 cells, there are 2 columns",
        "the record has 3 cells, there are 2 columns",
        "the quotes of the record are broken",
        "the text is not UTF-8",
    ]
    assert [one.cell for one in found.refused[:3]] == ["1", "1,2,3", '1,"']
    assert len(found.refused[3].cell or "") == 256


def test_surplus_cells_are_fine_if_empty_and_dropped_if_asked_for(tmp_path: Path) -> None:
    content = 'a,b\n1,2,\n1,2,,\n"1",2,""\n1,2,3\n1,2\n'
    found = read(tmp_path, content)
    assert found.codes == [(4, "wrong-type", None)]
    assert found.notes == {}
    found = read(tmp_path, content, strict=False)
    assert cells_of(found) == [(rec, "1", "2") for rec in range(1, 6)]
    assert found.notes == {"records-with-surplus-cells": 1}


def test_missing_cells_are_null_if_asked_for(tmp_path: Path) -> None:
    content = 'a,b,c\n1,2,3\n1,2\n1\n1,"x\ny"\n'
    found = read(tmp_path, content, ragged=True)
    assert cells_of(found) == [
        (1, "1", "2", "3"),
        (2, "1", "2", None),
        (3, "1", None, None),
        (4, "1", "x\ny", None),
    ]
    assert [code for _, code, _ in read(tmp_path, content).codes] == [
        "missing-field",
        "missing-field",
        "wrong-type",
        "wrong-type",
    ]


def test_file_without_a_header_has_the_columns_that_most_records_have(tmp_path: Path) -> None:
    found = read(tmp_path, "1,2\n3,4\n5,6,7\n", header=False)
    assert found.table.schema.names == ["rec", "column0", "column1"]
    assert cells_of(found) == [(1, "1", "2"), (2, "3", "4")]
    assert found.codes == [(3, "wrong-type", None)]
    found = read(tmp_path, "title\n1,2\n3,4\n", header=False)
    assert (found.codes, found.values("column1")) == ([(1, "missing-field", None)], ["2", "4"])
    found = read(tmp_path, '1,"\n3,4\n', header=False)
    assert (found.codes, cells_of(found)) == ([(1, "wrong-type", None)], [(2, "3", "4")])


def test_ragged_file_without_a_header_has_the_columns_of_its_longest_record(
    tmp_path: Path,
) -> None:
    found = read(tmp_path, "1\n1,2,3\n1,2\n", header=False, ragged=True)
    assert cells_of(found) == [
        (1, "1", None, None),
        (2, "1", "2", "3"),
        (3, "1", "2", None),
    ]
    content = "1,2\n" * 1_000 + "1,2,3\n"
    found = read(tmp_path, content, header=False, ragged=True)
    assert found.codes == [(1_001, "wrong-type", None)]


@pytest.mark.parametrize("content", ["", "\ufeff", "\n" * 9, "\r\n\r\n"])
def test_file_without_a_header_and_records_has_no_columns(tmp_path: Path, content: str) -> None:
    if not content:
        with pytest.raises(OperatorError, match=r"r\.csv: it is empty"):
            csv_table(tmp_path, content, header=False)
        return
    found = read(tmp_path, content, header=False)
    assert (found.table.schema.names, found.rows, found.refused) == (["rec"], [], [])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", ": it is empty"),
        ("\n\n", ": it has no header, and no records"),
        ("\ufeff", ": it has no header, and no records"),
        ('\na,"b\n1,2\n', ", line 2: in the header, the quotes of the record are broken: one is"),
        ("\n" + "x" * (LINE_BYTES_MAX + 1) + "\na,b\n", ", line 2: the header is over 300000 byt"),
        (b"a,b\xff\n", ", line 1: the header is not UTF-8: name its encoding"),
        (b"a\0\1\2\3\4\5\6\7", ", line 1: it is no text but binary data"),
    ],
    ids=["empty", "blank", "mark", "quote", "long", "not-utf8", "binary"],
)
def test_file_whose_header_cannot_be_read_is_refused(
    tmp_path: Path, content: str | bytes, reason: str
) -> None:
    with pytest.raises(OperatorError) as refused:
        csv_table(tmp_path, content)
    assert str(refused.value).startswith(f"cannot read {tmp_path / 'r.csv'}{reason}")


def test_header_alone_is_a_table_without_records(tmp_path: Path) -> None:
    for content in ("a,b", "a,b\n", "\n\n a ,b\r\n\r\n"):
        found = read(tmp_path, content)
        assert (found.table.schema.names, found.rows, found.refused) == (["rec", "a", "b"], [], [])


def test_header_may_go_over_lines_and_over_a_border(tmp_path: Path) -> None:
    content = 'top\ntop\n"a\nof m",b\n1,2\n'
    for rows in (1, 2, 3, 4, 5, 100):
        with borders(rows):
            table = csv_table(tmp_path, content, skip=2)
            assert table.names == ["a\nof m", "b"]
            found = read_table(table)
            assert (cells_of(found), found.lines) == ([(1, "1", "2")], [5])
            assert table.head == content.encode()[: content.index("1,2")]


def test_wanted_columns_give_the_same_records(tmp_path: Path) -> None:
    content = b'a,b,c\n1,2,3\n1,"2\n",3\n1,2\n\xff,2,3\n1,2,3,\n'
    table = csv_table(tmp_path, content)
    whole = read_table(table)
    assert whole.codes == [(3, "missing-field", None), (4, "invalid-utf8", None)]
    for wanted in (frozenset[str](), frozenset("b"), frozenset("bc"), frozenset("a")):
        table.wanted = wanted
        found = read_table(table)
        bad = whole.codes if "a" in wanted else whole.codes[:1]
        assert found.codes == bad
        assert found.values("rec") == [rec for rec in range(1, 6) if rec not in {b[0] for b in bad}]
        for name in "abc":
            cells = set(found.values(name))
            assert (cells == {None}) is (name not in wanted)
