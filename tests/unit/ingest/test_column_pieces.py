"""Files of columns as pieces: checked, encoded, gone on with behind a place."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from utility_ts_analytics.buffering.block import Settlement
from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.ingest.column_pieces import ColumnFile, ColumnPiece, ColumnRules
from utility_ts_analytics.ingest.pieces import START, Place
from utility_ts_analytics.ingest.sources import open_source
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.records.validation import TS_END
from utility_ts_analytics.sinks.ilp.columns import column_encoder

SPEC = STREAMS["meter_usage"]
HEAD = "ts,meter_id,kwh,note\n"


def rules(*, encoded: bool = True) -> ColumnRules:
    encode = column_encoder("meter_usage", SPEC) if encoded else None
    return ColumnRules(SPEC, "meter_id", False, TS_END, encode)


def text(number: int) -> str:
    """Return row `number`: every 1,000th negative, every 1,500th without a number."""
    kwh = "-1" if number % 1_000 == 0 else "x" if number % 1_500 == 0 else "1.5"
    day, minute = divmod(number, 1_440)
    ts = f"2024-01-{1 + day:02}T{minute // 60:02}:{minute % 60:02}:00Z"
    return f"{ts},m-{number % 3},{kwh},{'n' * 40}\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.csv"
    path.write_text(HEAD + "".join(text(number) for number in range(1, 40_001)))
    return path


def opened(path: Path, start: Place = START, *, encoded: bool = True) -> ColumnFile:
    source = open_source(path, spec=SPEC, mapping=None, kind=None, line_bytes_max=1_000)
    return ColumnFile(source, rules(encoded=encoded), start)


def pieces(path: Path, start: Place = START, *, encoded: bool = True) -> list[ColumnPiece]:
    with opened(path, start, encoded=encoded) as file:
        return list(file)


def outline(parts: list[ColumnPiece]) -> list[tuple[int, str]]:
    lines = []
    for piece in parts:
        lines += [(entry.error.position, str(entry.error.code)) for entry in piece.refused]
        block = piece.block(Settlement())
        assert len(block.rows) == block.row_count == piece.row_count
        lines += [(position, "row") for position in block.positions]
    return sorted(lines)


def test_every_line_is_a_row_or_refused_with_its_text(path: Path) -> None:
    parts = pieces(path)
    assert len(parts) > 1
    refused = [entry for piece in parts for entry in piece.refused]
    # Of the multiples of 1,500 every second one is a multiple of 1,000 too.
    expected = sorted({*range(1_000, 40_001, 1_000), *range(1_500, 40_001, 1_500)})
    assert [entry.error.position - 1 for entry in refused] == expected
    assert [entry.text.decode() for entry in refused] == [text(number) for number in expected]
    assert sum(piece.line_count for piece in parts) == 40_000
    assert len(outline(parts)) == 40_000


def test_rest_from_every_place_is_what_the_whole_has_behind_it(path: Path) -> None:
    whole = outline(pieces(path))
    for place in [piece.place for piece in pieces(path)]:
        assert outline(pieces(path, place)) == whole[place.lines :]


def test_place_within_a_block_is_not_gone_on_from(path: Path) -> None:
    with pytest.raises(OperatorError, match="other blocks than in the interrupted run"):
        pieces(path, Place(7, 0, None))


def test_text_of_a_row_and_the_file_around_it(path: Path) -> None:
    with opened(path) as file:
        piece = next(iter(file))
        assert file.head.decode() == HEAD
        assert 0 < file.bytes_read <= path.stat().st_size
        assert file.notes == {}
    assert piece.text_of(3).decode() == text(2)
    assert piece.size_bytes > 0


def test_extent_is_known_where_nothing_is_to_be_sent(path: Path) -> None:
    first = pieces(path, encoded=False)[0]
    extent = first.extent()
    assert extent is not None
    assert extent.first == datetime(2024, 1, 1, 0, 1, tzinfo=UTC)
    assert extent.last > extent.first
    assert extent.keys == {"m-0", "m-1", "m-2"}
    with pytest.raises(AssertionError, match="once"):
        first.block(Settlement())
    assert pieces(path)[0].extent() is None
