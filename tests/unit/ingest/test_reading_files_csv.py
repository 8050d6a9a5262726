"""CSV gives the rows, lines and errors that the server would make of the same readings."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.ingest.reading_file_rig import (
    GOOD,
    HEADER,
    LINE_BYTES_MAX,
    METER_RULES,
    codes,
    csv_file,
    places,
    read,
    written,
)

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.ingest.reading_files import ReadingRules
from utility_ts_analytics.reading.lines import LineBlock, LineSplitter
from utility_ts_analytics.records.reading import Reading
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.records.validation import TS_END


@pytest.mark.parametrize(
    ("cell", "value"),
    [("0", 0.0), ("1", 1.0), ("1.5", 1.5), ("+.5", 0.5), ("7.", 7.0), ("25e-2", 0.25)],
)
def test_decimal_numbers_of_csv_are_read(tmp_path: Path, cell: str, value: float) -> None:
    [(_, row)], errors = read(csv_file(tmp_path, f"2024-01-01T00:00:00Z,m,{cell},,"))
    assert getattr(row, "kwh", None) == value
    assert errors == []


@pytest.mark.parametrize(
    "cell", ["x", "nan", "inf", "1e999", "1_0", " 1", "0x1", "1;5", "--1", ".", "\u0661", "1e"]
)
@pytest.mark.parametrize(("name", "row"), [("kwh", "{},,"), ("kvarh", "1,,{}")])
def test_number_that_does_not_parse_is_an_error_and_never_absent(
    tmp_path: Path, name: str, row: str, cell: str
) -> None:
    bad = f"2024-01-01T00:00:00Z,m,{row.format(cell)}"
    rows, errors = read(csv_file(tmp_path, bad, GOOD))
    assert codes(errors) == [(2, "invalid-number", name)]
    assert cell not in errors[0].detail.split()
    assert places(rows) == [3]


def test_empty_cells_are_absent_and_required_ones_are_missed(tmp_path: Path) -> None:
    rows, errors = read(csv_file(tmp_path, "2024-01-01T00:00:00Z,m,1,,", ",m,1,,", ",,,,"))
    [(line, row)] = rows
    assert (line, getattr(row, "premise_id", ""), getattr(row, "kvarh", 0)) == (2, None, None)
    assert codes(errors) == [(3, "missing-field", "ts"), (4, "missing-field", "ts")]


def test_rules_of_the_server_hold_for_csv(tmp_path: Path) -> None:
    rows, errors = read(
        csv_file(
            tmp_path,
            "2024-01-01T00:00:00Z,m,-1,,",
            "2024-01-01T00:00:00,m,1,,",
            "1999-12-31T23:59:59Z,m,1,,",
            f"2024-01-01T00:00:00Z,{'m' * 257},1,,",
            "2024-01-01T00:00:00Z,m\x00,1,,",
        )
    )
    assert rows == []
    assert codes(errors) == [
        (2, "negative-value", "kwh"),
        (3, "invalid-timestamp", "ts"),
        (4, "timestamp-out-of-range", "ts"),
        (5, "text-length", "meter_id"),
        (6, "forbidden-character", "meter_id"),
    ]


def test_negative_values_are_rows_where_the_stream_allows_them(tmp_path: Path) -> None:
    rules = ReadingRules.of_stream(
        STREAMS["generation_output"], allow_negative=True, line_bytes_max=1_000, ts_end=TS_END
    )
    content = "ts,plant_id,mw\n2024-01-01T00:00:00Z,p,-2.5\n"
    [(_, row)], errors = read(written(tmp_path, "r.csv", content), rules)
    assert getattr(row, "mw", None) == -2.5
    assert errors == []


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_quoted_newlines_and_blank_rows_keep_positions_physical_lines(
    tmp_path: Path, end: str
) -> None:
    spanning = f'2024-01-01T00:00:00Z,"m{end}x",1,,'
    rows, errors = read(
        csv_file(tmp_path, GOOD, "", spanning, GOOD, "short", "", GOOD, GOOD, end=end)
    )
    assert places(rows) == [2, 4, 6, 9, 10]
    assert getattr(rows[1][1], "meter_id", "") == f"m{end}x"
    assert codes(errors) == [(7, "missing-field", None)]


def test_errors_after_a_quoted_newline_name_the_line_where_their_row_begins(tmp_path: Path) -> None:
    rows, errors = read(
        csv_file(tmp_path, '2024-01-01T00:00:00Z,"m\n\nx",bad,,', GOOD, '2024-x,"m\ny",1,,', GOOD)
    )
    assert codes(errors) == [(2, "invalid-number", "kwh"), (6, "invalid-timestamp", "ts")]
    assert places(rows) == [5, 8]


def test_row_with_too_few_or_too_many_cells_is_an_error_with_both_counts(tmp_path: Path) -> None:
    rows, errors = read(csv_file(tmp_path, "a,b", GOOD, f"{GOOD},more"))
    assert places(rows) == [3]
    assert [(error.position, error.detail) for error in errors] == [
        (2, "the row has 2 cells, the header 5"),
        (4, "the row has 6 cells, the header 5"),
    ]


def test_rows_of_many_blocks_keep_order_and_lines(tmp_path: Path) -> None:
    count = 1_203
    lines = [f"2024-01-01T00:00:00Z,m-{number},{number},," for number in range(count)]
    rows, errors = read(csv_file(tmp_path, *lines))
    assert errors == []
    assert places(rows) == list(range(2, count + 2))
    assert [getattr(row, "kwh", None) for _, row in rows] == list(range(count))


def test_column_order_unknown_columns_and_byte_order_mark_do_not_matter(tmp_path: Path) -> None:
    content = "\ufeffremark,kwh,meter_id,ts\nhello,1,m,2024-01-01T00:00:00Z\n"
    plain = b'{"ts":"2024-01-01T00:00:00Z","meter_id":"m","kwh":1}\n'
    [(_, row)], errors = read(written(tmp_path, "r.csv", content))
    [(_, same)], _ = read(written(tmp_path, "r.ndjson", plain))
    assert row == same
    assert errors == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "the header lacks kwh, meter_id, ts"),
        ("\n" + GOOD, "the header lacks kwh, meter_id, ts"),
        ("ts,kwh\n", "the header lacks meter_id"),
        ("ts,meter_id,kwh,kwh\n", "the header has kwh more than once"),
        (f'{HEADER}\n2024-01-01T00:00:00Z,"m', "unexpected end of data"),
        (f'{HEADER}\n2024-01-01T00:00:00Z,"m"x,1,,', "expected after"),
        (f"{HEADER}\n{'x' * (LINE_BYTES_MAX + 1)}", "line 2 is over 2000 bytes"),
        (HEADER + '\n"' + f"{'x' * 1_000}\n" * 3 + '",m,1,,', "field larger than field limit"),
        (HEADER.encode() + b"\n\xff,m,1,,\n", "invalid start byte"),
    ],
)
def test_csv_that_cannot_be_read_on_ends_with_one_line_that_names_the_file(
    tmp_path: Path, content: str | bytes, reason: str
) -> None:
    with pytest.raises(OperatorError) as refused:
        read(written(tmp_path, "r.csv", content))
    assert str(refused.value).startswith(f"cannot read {tmp_path / 'r.csv'}: ")
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_csv_line_of_exactly_the_bound_is_read(tmp_path: Path, end: str) -> None:
    content = f"{HEADER},note{end}{GOOD},{'x' * (LINE_BYTES_MAX - len(GOOD) - 1)}{end}{GOOD},{end}"
    rows, errors = read(written(tmp_path, "r.csv", content))
    assert (places(rows), errors) == ([2, 3], [])


TEXTS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=9
)
NUMBERS = st.floats(0, allow_nan=False, allow_infinity=False)
INSTANTS = st.datetimes(datetime(2000, 1, 2), datetime(2099, 12, 30), timezones=st.just(UTC))
OFFSETS = st.integers(-12, 14).map(lambda hours: timedelta(hours=hours))


@st.composite
def reading_values(draw: st.DrawFn) -> dict[str, str | float]:
    """One valid reading as its producer has it."""
    shifted = draw(INSTANTS) + draw(OFFSETS)
    values: dict[str, str | float] = {"ts": shifted.isoformat(), "meter_id": draw(TEXTS)}
    values["kwh"] = draw(NUMBERS)
    for name in ("premise_id", "quality_flag", "event_id"):
        if (text := draw(st.none() | TEXTS)) is not None:
            values[name] = text
    if (number := draw(st.none() | st.floats(allow_nan=False, allow_infinity=False))) is not None:
        values["kvarh"] = number
    return values


@given(st.lists(reading_values(), max_size=12), st.sampled_from(["\n", "\r\n"]))
@settings(max_examples=150, deadline=None)
def test_csv_rows_equal_what_the_server_makes_of_the_same_ndjson(
    tmp_path_factory: pytest.TempPathFactory, readings: list[dict[str, str | float]], end: str
) -> None:
    """Rows, order and event ids; the server's path is its splitter and decoder over one body."""
    names = ["kvarh", "event_id", "quality_flag", "premise_id", "meter_id", "kwh", "ts"]
    text = io.StringIO()
    # Quoted: csv.writer of Python 3.11 and 3.12 leaves a lone CR bare where the line ends in LF.
    table = csv.DictWriter(text, names, lineterminator=end, quoting=csv.QUOTE_NONNUMERIC)
    table.writeheader()
    table.writerows(readings)
    path = tmp_path_factory.getbasetemp() / "same.csv"
    path.write_bytes(text.getvalue().encode())

    splitter = LineSplitter(LINE_BYTES_MAX)
    body = "".join(json.dumps(values) + "\n" for values in readings).encode()
    expected: list[Reading] = []
    for part in (*splitter.feed(body), *splitter.finish()):
        assert isinstance(part, LineBlock)
        decoded = METER_RULES.decoder.decode(part, ts_end=TS_END)
        assert not decoded.errors
        expected += decoded.rows

    rows, errors = read(path)
    assert errors == []
    assert [row for _, row in rows] == expected
    assert len({row.event_id for _, row in rows}) <= len(readings)
