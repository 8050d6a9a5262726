"""The quick way gives what the plain way gives, or says that it does not know."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from utility_ts_analytics.files.tables.csv_records import Cutter, Row, read_quickly
from utility_ts_analytics.files.tables.csv_rules import CsvRules
from utility_ts_analytics.files.tables.text import lines_of

Cells = list[list[str | None]]


def quick(data: bytes, rules: CsvRules) -> Cells | None:
    table = read_quickly(data, data.count(b"\n"), rules, 2, [0, 1])
    return None if table is None else [list(row.values()) for row in table.to_pylist()]


def plain(data: bytes, rules: CsvRules) -> Cells | None:
    """Return the cells, or None where a record is not two cells of UTF-8, or broken."""
    found, _ = Cutter(rules, 2).cut(lines_of(data), 1, at_end=True)
    cells: Cells = []
    for one in found:
        if not isinstance(one, Row) or len(one.cells) != 2:
            return None
        try:
            "".join(one.cells).encode()
        except UnicodeEncodeError:
            return None
        cells.append([cell or None for cell in one.cells])
    return cells


PIECES = st.sampled_from(
    [
        *(b",", b"|", b'"', b'""', b"\n", b"\r\n", b"\r", b"x", b" ", b"1.5", b"\xef\xbb\xbf"),
        *(b"NULL", b"\x00", b"\xc3\xa9", b"\xc3", b"\xff", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"),
        *(b'",', b',"', b'","', b'"""', b"\x1a", b"\\", b"'", b"\xe2\x80\xa8"),
    ]
)
BLOCKS = st.lists(PIECES, max_size=24).map(lambda parts: b"".join([*parts, b"\n"]))


@given(BLOCKS, st.sampled_from(",|\t"), st.sampled_from(['"', "'", ""]))
@example(b'"a,b","c"\n', ",", '"')
@example(b'"a\nb",c\nd,e\n', ",", '"')
@example(b'a,"\nb,"\n', ",", '"')
@example(b',","|""\n', ",", '"')
@example(b'"a ""b""",""""\n', ",", '"')
@example(b'a,""b\n', ",", '"')
@settings(max_examples=1_500)
def test_both_ways_agree(data: bytes, sep: str, quote: str) -> None:
    rules = CsvRules(sep=sep, quote=quote)
    found = quick(data, rules)
    if found is not None:
        assert found == plain(data, rules)


CELLS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters='",\r\n\ufeff'), max_size=9
)


@given(
    st.lists(st.tuples(CELLS, CELLS), min_size=1), st.booleans(), st.sampled_from(["\n", "\r\n"])
)
def test_quick_way_knows_every_clean_block(
    rows: list[tuple[str, str]], quote: bool, end: str
) -> None:
    """Or the plain way would be the only one in use, unseen."""
    line = '"{}","{}"' if quote else "{},{}"
    data = "".join(line.format(*row) + end for row in rows).encode()
    expected = [[None if cell == "" else cell for cell in row] for row in rows]
    assert quick(data, CsvRules()) == expected == plain(data, CsvRules())


def test_doubled_quotes_within_cells_are_read_quickly() -> None:
    data = b'"a 5"" pipe","""b"""\n"",""""\n'
    assert quick(data, CsvRules()) == [['a 5" pipe', '"b"'], [None, '"']]


@pytest.mark.parametrize(
    "line", [b"a\n", b"a,b,c\n", b"\n", b'a,"b\n', b'a,b"\n', b'a,"b"c\n', b"a\r,b\n", b"\xff,b\n"]
)
def test_line_that_is_odd_is_not_read(line: bytes) -> None:
    assert quick(b"a,b\n" + line, CsvRules()) is None


def test_cells_that_are_not_read_may_be_any_bytes() -> None:
    table = read_quickly(b"a,\xff\n", 1, CsvRules(), 2, [0])
    assert table is not None
    assert table.to_pylist() == [{"0": "a"}]
    table = read_quickly(b"a,b\n\xff,\n", 2, CsvRules(), 2, [])
    assert table is None, "of one column the records are counted"
