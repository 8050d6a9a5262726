"""Pieces of NDJSON: their rows, and refused lines with their texts."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.unit.files.piece_rig import LINE_BYTES_MAX, line, pieces, written

from utility_ts_analytics.buffering.block import Settlement
from utility_ts_analytics.records.validation import RowError

LONG = b'{"x":"' + b"x" * LINE_BYTES_MAX + b'"}\n'


def test_refused_lines_come_with_their_text_and_a_long_one_without(tmp_path: Path) -> None:
    content = line(1) + line(2, -1) + LONG + b"\r\n" + b"{" + b"\n" + line(3, '"x"')
    parts = pieces(written(tmp_path, "a.jsonl", content))
    refused = [refused for piece in parts for refused in piece.refused]
    assert [(entry.rec, entry.line, entry.code, entry.cell, entry.text) for entry in refused] == [
        (2, 2, "negative-value", "-1", line(2, -1)),
        (3, 3, "line-too-long", None, b""),
        (5, 5, "invalid-json", "{", b"{\n"),
        (6, 6, "wrong-type", '"x"', line(3, '"x"')),
    ]
    assert sum(piece.line_count for piece in parts) == 5


def test_row_that_the_database_refuses_comes_with_its_line_and_its_value(tmp_path: Path) -> None:
    [piece] = pieces(written(tmp_path, "a.ndjson", line(1) + b"\n" + line(2) + line(3)))
    piece.block(Settlement())
    for number, text in ((1, line(1)), (3, line(2)), (4, line(3))):
        refused = piece.refusal(RowError(number, "sink-rejected", "kwh", "no"))
        assert (refused.rec, refused.line, refused.text) == (number, number, text)
        assert refused.cell == "1.5"


@pytest.mark.parametrize(
    ("text", "code", "cell"),
    [
        (line(1, '"' + "x" * 200 + '"'), "wrong-type", '"' + "x" * 200 + '"'),
        (b'{"ts":"now","meter_id":"m","kwh":1}\n', "invalid-timestamp", '"now"'),
        (b'{"ts":1704067200,"meter_id":"m","kwh":1}\n', "wrong-type", "1704067200"),
        (b'{"ts":"2024-01-01T00:00:00Z","kwh":1}\n', "missing-field", None),
        (b"  torn \x1b[2J\r\n", "invalid-json", "torn \x1b[2J"),
        (b'{"a":"\xff"}\n', "invalid-utf8", '{"a":"\ufffd"}'),
        (b"[1]\n", "wrong-type", "[1]"),
        (b"[" * 250 + b"\n", "invalid-json", "[" * 250),
        (b"n" * 290 + b"\n", "invalid-json", "n" * 256),
    ],
)
def test_cell_is_what_stood_at_the_fault(
    tmp_path: Path, text: bytes, code: str, cell: str | None
) -> None:
    [piece] = pieces(written(tmp_path, "a.ndjson", line(9) + text))
    [refused] = piece.refused
    assert (refused.rec, refused.code, refused.cell, refused.text) == (2, code, cell, text)


@pytest.mark.parametrize(
    ("content", "details"),
    [
        (
            b"ts,meter_id,kwh\na,b,1\n",
            [
                "the text looks like separated values (CSV), not JSON: say --format csv",
                "the text looks like separated values (CSV), not JSON",
            ],
        ),
        (
            b'{"ts":"2024-01-01T00:00:00Z","plant_id":"p","mw":1}\n',
            [
                "meter_id is required; this is a record of generation_output:"
                " say --into generation_output"
            ],
        ),
    ],
)
def test_option_that_takes_such_a_file_is_told(
    tmp_path: Path, content: bytes, details: list[str]
) -> None:
    [piece] = pieces(written(tmp_path, "a.ndjson", content))
    assert [refused.detail for refused in piece.refused] == details


def test_rows_are_handed_over_once(tmp_path: Path) -> None:
    [piece] = pieces(written(tmp_path, "a.ndjson", line(1) + line(2)))
    extent = piece.extent()
    assert extent is not None
    assert extent.first == datetime(2024, 1, 1, 0, 1, tzinfo=UTC)
    assert extent.last == datetime(2024, 1, 1, 0, 2, tzinfo=UTC)
    assert extent.keys == {"m-1", "m-2"}
    assert piece.block(Settlement()).row_count == 2
    with pytest.raises(AssertionError, match="once"):
        piece.block(Settlement())
    assert piece.extent() is None


def test_piece_of_a_long_line_has_no_rows(tmp_path: Path) -> None:
    [piece] = pieces(written(tmp_path, "a.ndjson", LONG))
    assert (piece.row_count, piece.line_count, piece.extent()) == (0, 1, None)
    with pytest.raises(AssertionError, match="no row"):
        piece.block(Settlement())
    with pytest.raises(AssertionError, match="no row"):
        piece.refusal(RowError(1, "sink-rejected", None, "no"))
