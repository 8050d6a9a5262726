"""CSV gives the rows, lines and errors that the server would make of the same readings."""

from pathlib import Path

import pytest
from tests.unit.ingest.sources.source_rig import (
    LINE_BYTES_MAX,
    decoded,
    meter_mapping,
    read_file,
    written,
)

from utility_ts_analytics.errors import OperatorError

HEADER = "ts,meter_id,kwh,premise_id,kvarh"
GOOD = "2024-01-01T00:00:00Z,m-1,1.5,p-1,0.25"


def csv_file(tmp_path: Path, *rows: str, end: str = "\n") -> Path:
    return written(tmp_path, "readings.csv", end.join((HEADER, *rows, "")))


@pytest.mark.parametrize(
    ("cell", "value"),
    [("0", 0.0), ("1", 1.0), ("1.5", 1.5), ("+.5", 0.5), ("7.", 7.0), ("25e-2", 0.25)],
)
def test_decimal_numbers_are_read(tmp_path: Path, cell: str, value: float) -> None:
    found = read_file(csv_file(tmp_path, f"2024-01-01T00:00:00Z,m,{cell},,"))
    assert (found.values("kwh"), found.errors) == ([value], [])


@pytest.mark.parametrize(
    "cell", ["x", "nan", "inf", "1e999", "1_0", " 1", "0x1", "1;5", "--1", ".", "\u0661", "1e"]
)
@pytest.mark.parametrize(("name", "row"), [("kwh", "{},,"), ("kvarh", "1,,{}")])
def test_number_that_does_not_parse_is_an_error_and_never_absent(
    tmp_path: Path, name: str, row: str, cell: str
) -> None:
    bad = f"2024-01-01T00:00:00Z,m,{row.format(cell)}"
    found = read_file(csv_file(tmp_path, bad, GOOD))
    assert found.codes == [(2, "invalid-number", name)]
    assert cell not in found.errors[0].detail.split()
    assert found.places == [3]
    assert found.refused == f"{HEADER}\n{bad}\n".encode()


def test_empty_cells_are_absent_and_required_ones_are_missed(tmp_path: Path) -> None:
    found = read_file(csv_file(tmp_path, "2024-01-01T00:00:00Z,m,1,,", ",m,1,,", ",,,,"))
    assert (found.places, found.values("premise_id"), found.values("kvarh")) == (
        [2],
        [None],
        [None],
    )
    assert found.codes == [(3, "missing-field", "ts"), (4, "missing-field", "ts")]


def test_rules_of_the_server_hold(tmp_path: Path) -> None:
    found = read_file(
        csv_file(
            tmp_path,
            "2024-01-01T00:00:00Z,m,-1,,",
            "2024-01-01T00:00:00,m,1,,",
            "1999-12-31T23:59:59Z,m,1,,",
            f"2024-01-01T00:00:00Z,{'m' * 257},1,,",
            "2024-01-01T00:00:00Z,m\x00,1,,",
        )
    )
    assert found.rows == []
    assert found.codes == [
        (2, "negative-value", "kwh"),
        (3, "invalid-timestamp", "ts"),
        (4, "timestamp-out-of-range", "ts"),
        (5, "text-length", "meter_id"),
        (6, "forbidden-character", "meter_id"),
    ]


def test_refused_rows_can_be_loaded_again_and_give_the_same_errors(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "2024-01-01T00:00:00Z,m,-1,,", GOOD, "short", "2024,m,1,,")
    first = read_file(path)
    again = read_file(written(tmp_path, "refused.csv", first.refused))
    assert (first.places, again.rows) == ([3], [])
    assert [error.code for error in again.errors] == [error.code for error in first.errors]


def test_negative_values_are_rows_where_the_stream_allows_them(tmp_path: Path) -> None:
    path = written(tmp_path, "r.csv", "ts,plant_id,mw\n2024-01-01T00:00:00Z,p,-2.5\n")
    found = read_file(path, stream="generation_output", allow_negative=True)
    assert (found.values("mw"), found.errors) == ([-2.5], [])


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_quoted_newlines_and_blank_rows_keep_positions_physical_lines(
    tmp_path: Path, end: str
) -> None:
    spanning = f'2024-01-01T00:00:00Z,"m{end}x",1,,'
    found = read_file(
        csv_file(tmp_path, GOOD, "", spanning, GOOD, "short", "", GOOD, GOOD, end=end)
    )
    assert found.places == [2, 4, 6, 9, 10]
    assert found.values("meter_id")[1] == f"m{end}x"
    assert found.codes == [(7, "missing-field", None)]


def test_errors_after_a_quoted_newline_name_the_line_where_their_row_begins(tmp_path: Path) -> None:
    found = read_file(
        csv_file(tmp_path, '2024-01-01T00:00:00Z,"m\n\nx",bad,,', GOOD, '2024-x,"m\ny",1,,', GOOD)
    )
    assert found.codes == [(2, "invalid-number", "kwh"), (6, "invalid-timestamp", "ts")]
    assert found.places == [5, 8]


def test_row_with_too_few_or_too_many_cells_is_an_error_with_both_counts(tmp_path: Path) -> None:
    found = read_file(csv_file(tmp_path, "a,b", GOOD, f"{GOOD},more"))
    assert found.places == [3]
    assert [(error.position, error.detail) for error in found.errors] == [
        (2, "the row has 2 cells, the header 5"),
        (4, "the row has 6 cells, the header 5"),
    ]


@pytest.mark.parametrize("oddity", ["", '"quoted\nover lines",,,,\n'])
def test_rows_of_many_blocks_keep_order_and_lines(tmp_path: Path, oddity: str) -> None:
    """More than 16,384 lines; a quoted cell over the border of two blocks is one row."""
    count = 40_000
    lines = [f"2024-01-01T00:00:00Z,m-{number},{number},,\n" for number in range(count)]
    lines.insert(16_383, oddity)
    found = read_file(written(tmp_path, "r.csv", f"{HEADER}\n{''.join(lines)}"))
    assert found.codes == ([(16_385, "invalid-timestamp", "ts")] if oddity else [])
    assert found.values("kwh") == list(range(count))
    after = 2 if oddity else 0
    assert found.places == [*range(2, 16_385), *range(16_385 + after, count + 2 + after)]
    assert found.blocks >= 2


def test_column_order_unknown_columns_and_byte_order_mark_do_not_matter(tmp_path: Path) -> None:
    found = read_file(
        written(tmp_path, "r.csv", "\ufeffremark,kwh,meter_id,ts\nhello,1,m,2024-01-01T00:00:00Z\n")
    )
    plain = '{"ts":"2024-01-01T00:00:00Z","meter_id":"m","kwh":1}\n'
    assert [row for _, row in found.rows] == decoded(plain, named=False)
    assert found.errors == []


def test_line_that_is_not_utf8_is_refused_with_its_field_and_original_bytes(tmp_path: Path) -> None:
    content = f"{HEADER}\n{GOOD}\n".encode() + b"2024-01-01T00:00:00Z,\xff,1,,\n" + GOOD.encode()
    found = read_file(written(tmp_path, "r.csv", content))
    assert found.codes == [(3, "invalid-utf8", "meter_id")]
    assert found.places == [2, 4]
    assert found.refused.endswith(b"\n2024-01-01T00:00:00Z,\xff,1,,\n")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", ": it is empty"),
        ("\n\n", ": it has no header, and no rows"),
        ("\n" + GOOD, ", line 2: the header lacks kwh, meter_id, ts"),
        ("ts,kwh\n", ", line 1: the header lacks meter_id"),
        ("ts,meter_id,kwh,kwh\n", ", line 1: the header has kwh more than once"),
        (f'{HEADER}\n2024-01-01T00:00:00Z,"m', ", line 2: unexpected end of data"),
        (f'{HEADER}\n{GOOD}\n2024-01-01T00:00:00Z,"m"x,1,,', ", line 3: ',' expected after"),
        (f"{HEADER}\n{'x' * (LINE_BYTES_MAX + 1)}", ", line 2: it is over 2000 bytes"),
        (HEADER + '\n"' + f"{'x' * 1_000}\n" * 3 + '",m,1,,', ", line 2: field larger than"),
        (f"{HEADER}\n{GOOD}\r{GOOD}\n", ", line 2: new-line character seen in unquoted field"),
    ],
    ids=str,
)
def test_file_that_cannot_be_read_on_ends_with_one_line_that_names_file_and_line(
    tmp_path: Path, content: str, reason: str
) -> None:
    with pytest.raises(OperatorError) as refused:
        read_file(written(tmp_path, "r.csv", content))
    assert str(refused.value).startswith(f"cannot read {tmp_path / 'r.csv'}{reason}")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_line_of_exactly_the_bound_is_read(tmp_path: Path, end: str) -> None:
    content = (
        f"{HEADER},note{end}{GOOD},{'x' * (LINE_BYTES_MAX - len(GOOD) - len(end))}{end}{GOOD},{end}"
    )
    found = read_file(written(tmp_path, "r.csv", content))
    assert (found.places, found.errors) == ([2, 3], [])


def test_pipes_without_a_header_between_other_records(tmp_path: Path) -> None:
    mapping = meter_mapping(
        file={
            "header": False,
            "columns": ["kind", "meter", "ts", "value"],
            "skip_lines": 1,
            "only_lines_starting_with": "D|",
            "skip_lines_starting_with": ["D|TEST"],
        }
    )
    path = written(
        tmp_path,
        "export.dat",
        "D|skipped at the top\nH|20240101|HES\nD|m-1|2024-01-01T00:00:00Z|1.5\nD|TEST|x|y\n"
        "D|m-2|2024-01-01T00:00:00Z|bad\nX\nD|m-3|2024-01-01T00:00:00Z|2\nT|3\n",
    )
    found = read_file(path, mapping)
    assert (found.places, found.values("meter_id")) == ([3, 7], ["m-1", "m-3"])
    assert found.codes == [(5, "invalid-number", "kwh")]
    assert found.refused == b"D|m-2|2024-01-01T00:00:00Z|bad\n"
    assert found.notes == {
        "lines-skipped-at-top": 1,
        "lines-skipped-by-prefix": 1,
        "lines-of-another-kind": 3,
    }


def test_text_of_another_encoding_is_read_and_refused_rows_stay_in_it(tmp_path: Path) -> None:
    mapping = meter_mapping(
        file={"encoding": "windows-1252", "delimiter": ";", "decimal_comma": True},
        fields={"meter_id": "Zähler", "kwh": "Wert"},
    )
    rows = "Zähler;ts;Wert\nMü;2024-01-01T00:00:00Z;1,5\nMö;2024-01-01T00:00:00Z;1.5\n"
    found = read_file(written(tmp_path, "r.csv", rows.encode("windows-1252")), mapping)
    assert (found.values("meter_id"), found.values("kwh")) == (["Mü"], [1.5])
    assert found.codes == [(3, "invalid-number", "kwh")]
    expected = "Zähler;ts;Wert\nMö;2024-01-01T00:00:00Z;1.5\n"
    assert found.refused == expected.encode("windows-1252")


@pytest.mark.parametrize("remark", ["", '"quoted, so row by row"'])
def test_bad_lines_among_many_are_found_wherever_they_stand(tmp_path: Path, remark: str) -> None:
    """Blocks without quotes are halved until little is left to read row by row."""
    lines = [f"2024-01-01T00:00:00Z,m,{number},{remark},\n" for number in range(20_000)]
    bad = [0, 255, 256, 4_095, 4_096, 9_999, 16_382, 16_383, 19_999]
    for index in bad:
        lines[index] = "short,row\n"
    found = read_file(written(tmp_path, "r.csv", f"{HEADER}\n{''.join(lines)}"))
    assert [error.position for error in found.errors] == [index + 2 for index in bad]
    good = sorted(set(range(20_000)) - set(bad))
    assert found.places == [index + 2 for index in good]
    assert found.values("kwh") == good
