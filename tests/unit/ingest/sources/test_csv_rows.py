"""The quick way gives what the plain way gives, or says that it does not know."""

import csv

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from utility_ts_analytics.ingest.sources.csv_rows import CellRules, PlainRows, read_quickly
from utility_ts_analytics.ingest.sources.text_lines import TextBlock

NAMES = ("a", "b")
Cells = list[list[str | None]]


def rules_of(
    delimiter: str = ",", *, quoted: bool = True, null: tuple[str, ...] = ("",)
) -> CellRules:
    return CellRules(delimiter, quoted, 2, tuple(enumerate(NAMES)), frozenset(null))


def block_of(data: bytes, first_line: int = 1) -> TextBlock:
    return TextBlock(data, range(first_line, first_line + data.count(b"\n")), len(data))


def quick(data: bytes, rules: CellRules) -> Cells | None:
    batch = read_quickly(block_of(data), rules)
    if batch is None:
        return None
    return [list(row.values()) for row in batch.to_pylist()]


def plain(data: bytes, rules: CellRules) -> Cells | None:
    """Return the cells, or None where a row is not two cells of UTF-8, or no row at all."""
    rows = PlainRows(block_of(data), iter(()), rules, 1_000)
    try:
        found = [row.cells for row in rows]
    except csv.Error:
        return None
    if any(len(cells) != len(NAMES) for cells in found):
        return None
    try:
        "".join(cell for cells in found for cell in cells).encode()
    except UnicodeEncodeError:
        return None
    return [[None if cell in rules.null else cell for cell in cells] for cells in found]


PIECES = st.sampled_from(
    [
        ",",
        "|",
        '"',
        '""',
        "\n",
        "\r\n",
        "\r",
        "x",
        " ",
        "1.5",
        "\ufeff",
        "NULL",
        "\x00",
        "é",
        '",',
        ',"',
    ]
)
BLOCKS = st.lists(PIECES, max_size=24).map(lambda parts: "".join([*parts, "\n"]).encode())


@given(BLOCKS, st.sampled_from(",|"), st.booleans())
@example(b'"a,b","c"\n', ",", True)
@example(b'"a\nb",c\nd,e\n', ",", True)
@example(b'a,"\nb,"\n', ",", True)
@example(b',","|""\n', ",", True)
@settings(max_examples=1_500)
def test_both_ways_agree(data: bytes, delimiter: str, quoted: bool) -> None:
    rules = rules_of(delimiter, quoted=quoted, null=("", "NULL"))
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
    assert quick(data, rules_of()) == expected == plain(data, rules_of())


def test_rows_over_the_border_of_blocks_take_the_next_one_and_no_more() -> None:
    first, second, third = block_of(b'a,"b\n'), block_of(b'c",\nd,e,f\n', 2), block_of(b"g\n", 4)
    following = iter([second, third])
    rows = PlainRows(first, following, rules_of(), 1_000)
    found = [(row.line, row.cells, row.text) for row in rows]
    assert found == [(1, ["a", "b\nc", ""], b'a,"b\nc",\n'), (3, ["d", "e", "f"], b"d,e,f\n")]
    assert next(following) is third
    assert rows.size_bytes == first.size_bytes + second.size_bytes


def test_rest_is_what_no_row_was_read_from() -> None:
    rows = PlainRows(block_of(b"a,b\nc,d\ne,f\n"), iter(()), rules_of(), 1_000)
    next(iter(rows))
    assert (rows.rest().data, list(rows.rest().numbers)) == (b"c,d\ne,f\n", [2, 3])


def test_broken_quotes_name_the_line_of_the_row() -> None:
    rows = PlainRows(block_of(b'a,b\n"c\nd"x\n'), iter(()), rules_of(), 1_000)
    with pytest.raises(csv.Error, match="expected after"):
        list(rows)
    assert rows.line == 2
