"""Lines are cut into the records that the standard library finds; a broken one costs its line."""

import csv

from hypothesis import given, settings
from hypothesis import strategies as st

from utility_ts_analytics.files.tables.csv_records import RECORD_LINES_MAX, Broken, Cutter, Row
from utility_ts_analytics.files.tables.csv_rules import CsvRules
from utility_ts_analytics.files.tables.text import lines_of

Found = list[tuple[int, list[str] | None]]


def cut(data: bytes, width: int | None = 2, rules: CsvRules | None = None) -> Found:
    """Return the lines and cells of all records; None for those that are broken."""
    found, rest = Cutter(rules or CsvRules(), width).cut(lines_of(data), 1, at_end=True)
    assert not rest
    return [(one.line, one.cells if isinstance(one, Row) else None) for one in found]


CELLS = st.text(st.sampled_from('",\n\rx \0é'), max_size=5)


@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), min_size=1, max_size=8))
@settings(max_examples=300)
def test_records_are_those_of_the_standard_library(rows: list[list[str]]) -> None:
    class Lines:
        text = ""

        def write(self, text: str) -> None:
            self.text += text

    lines = Lines()
    csv.writer(lines, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(rows)
    assert [cells for _, cells in cut(lines.text.encode())] == rows


def test_lines_of_records_are_those_on_which_they_begin() -> None:
    data = b'\na,"b\n\nc"\n\n"d",e\r\n\r\nf,g'
    assert cut(data) == [(2, ["a", "b\n\nc"]), (6, ["d", "e"]), (8, ["f", "g"])]


def test_quote_that_is_never_closed_costs_its_line() -> None:
    after = b"".join(b"%d,x\n" % number for number in range(2 * RECORD_LINES_MAX))
    assert cut(b'a,"b\n' + after)[:2] == [(1, None), (2, ["0", "x"])]
    assert len(cut(b'a,"b\n' + after)) == 1 + 2 * RECORD_LINES_MAX
    assert cut(b'a,b\nc,"d\n') == [(1, ["a", "b"]), (2, None)]


def test_quote_that_is_closed_by_that_of_another_record_costs_its_line() -> None:
    assert cut(b'a,"b\nc,"d"\ne,f\n') == [(1, None), (2, ["c", "d"]), (3, ["e", "f"])]
    assert cut(b'a,"b\n"c",d\ne,f\n') == [(1, None), (2, ["c", "d"]), (3, ["e", "f"])]
    assert cut(b'a,"b\nc,"d\ny"\ne,f\n') == [(1, None), (2, ["c", "d\ny"]), (4, ["e", "f"])]


def test_rest_of_a_broken_record_is_no_record() -> None:
    """It has as many cells as one, but its last line is not one that stands for itself."""
    assert cut(b'"a\nb"x,c\nd,e\n') == [(1, None), (2, None), (3, ["d", "e"])]
    assert cut(b'a,"b\nc",d,e\nf,g\n') == [(1, None), (2, None), (3, ["f", "g"])]


def test_quote_within_a_cell_stays() -> None:
    assert cut(b'5" pipe,b\n') == [(1, ['5" pipe', "b"])]


def test_record_of_several_lines_has_the_cells_that_fit() -> None:
    text = b'a,"b\nc",,\nd,"e\nf",g\n"h\ni"\n'
    assert cut(text)[0] == (1, ["a", "b\nc", "", ""])
    loose = cut(text, rules=CsvRules(strict=False, ragged=True))
    assert loose == [(1, ["a", "b\nc", "", ""]), (3, ["d", "e\nf", "g"]), (5, ["h\ni"])]


def test_record_may_go_on_behind_the_last_line() -> None:
    cutter = Cutter(CsvRules(), 2)
    found, rest = cutter.cut([b"a,b\n", b'c,"d\n', b"e\n"], 1, at_end=False)
    assert [one.line for one in found] == [1]
    assert rest == [b'c,"d\n', b"e\n"]
    long = [b'c,"d\n', *[b"e\n"] * RECORD_LINES_MAX]
    found, rest = cutter.cut(long, 1, at_end=False)
    assert isinstance(found[0], Broken)
    assert not rest


def test_cell_may_be_as_long_as_a_line() -> None:
    assert cut(b'a,"%s"\n' % (b"x" * 300_000)) == [(1, ["a", "x" * 300_000])]


def test_no_more_records_are_cut_than_wanted() -> None:
    found, _ = Cutter(CsvRules(), None).cut([b"a\n", b"b\n", b"c\n"], 1, at_end=True, most=2)
    assert [one.text for one in found] == [b"a\n", b"b\n"]
