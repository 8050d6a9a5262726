"""Files whose columns are named as the fields, as pieces: checked, encoded, gone on with."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.unit.files.mapping.mapping_rig import SPEC, column_rules, written

from utility_ts_analytics.buffering.block import Settlement
from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.pieces import START, Place
from utility_ts_analytics.files.sources.column_pieces import ColumnPiece, ColumnRules
from utility_ts_analytics.files.sources.table_file import TableFile
from utility_ts_analytics.files.tables.csv_table import CsvRules, CsvTable
from utility_ts_analytics.files.tables.file_bytes import FileBytes
from utility_ts_analytics.records.validation import RowError

HEAD = "ts,meter_id,kwh,note\n"
ROWS = 8_000


def text(number: int) -> str:
    """Return row `number`: every 1,000th negative, every 1,500th no number, every 1,700th cut."""
    day, minute = divmod(number, 1_440)
    ts = f"2024-01-{1 + day:02}T{minute // 60:02}:{minute % 60:02}:00Z"
    if number % 1_700 == 0:
        return f"{ts},m\n"
    kwh = "-1" if number % 1_000 == 0 else "x" if number % 1_500 == 0 else "1.5"
    return f"{ts},m-{number % 3},{kwh},{'n' * 400}\n"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lines = "".join(text(number) for number in range(1, ROWS + 1))
    return written(tmp_path_factory.mktemp("columns"), HEAD + lines, "a.csv")


def opened(path: Path, start: Place = START, rules: ColumnRules | None = None) -> TableFile:
    file = FileBytes(path)
    return TableFile(CsvTable(file, CsvRules(), 1_000), file, rules or column_rules(), start)


def pieces(path: Path, start: Place = START, rules: ColumnRules | None = None) -> list[ColumnPiece]:
    with opened(path, start, rules) as file:
        return list(file)


def outline(parts: Sequence[ColumnPiece]) -> list[tuple[int, str]]:
    lines: list[tuple[int, str]] = []
    for piece in parts:
        lines += [(one.rec, str(one.code)) for one in piece.refused]
        if piece.row_count:
            block = piece.block(Settlement())
            assert len(block.rows) == block.row_count == piece.row_count
            lines += [(position, "row") for position in block.positions]
    return sorted(lines)


def bad() -> list[int]:
    return sorted({n for step in (1_000, 1_500, 1_700) for n in range(step, ROWS + 1, step)})


def test_every_record_is_a_row_or_refused_with_its_text_and_line(path: Path) -> None:
    parts = pieces(path)
    assert len(parts) > 1
    refused = [one for piece in parts for one in piece.refused]
    assert [one.rec for one in refused] == bad()
    assert [one.text.decode() for one in refused] == [text(number) for number in bad()]
    assert [one.line for one in refused] == [number + 1 for number in bad()]
    assert sum(piece.line_count for piece in parts) == ROWS
    assert [rec for rec, _ in outline(parts)] == list(range(1, ROWS + 1))


def test_rest_from_every_place_is_what_the_whole_has_behind_it(path: Path) -> None:
    parts = pieces(path)
    places = [piece.place for piece in parts]
    whole = outline(parts)
    for place in places:
        assert place is not None
        assert outline(pieces(path, place)) == whole[place.lines :]


def test_versions_are_told_of_all_rows_also_behind_a_place(path: Path) -> None:
    told: list[int] = []
    rules = column_rules(lambda batch, recs: told.extend(recs.tolist()))  # type: ignore[union-attr]
    parts = pieces(path, rules=rules)
    whole, place = list(told), parts[1].place
    assert place is not None
    told.clear()
    pieces(path, place, rules)
    assert told == whole


def test_budget_lets_the_first_ones_be_seen(path: Path) -> None:
    found: list[ColumnPiece] = []
    with (
        opened(path, rules=column_rules(refused_max=3)) as file,
        pytest.raises(OperatorError, match="more than 3 records are refused"),
    ):
        found.extend(file)
    # `extend` loses nothing that was yielded before.
    assert [one.rec for piece in found for one in piece.refused] == bad()[:3]
    assert [piece.place for piece in found][-1] is None


def test_row_that_the_database_refuses_has_its_line_and_text(path: Path) -> None:
    with opened(path) as file:
        piece = next(iter(file))
        assert file.head.decode() == HEAD
        assert 0 < file.bytes_read <= path.stat().st_size
        refused = piece.refusal(RowError(7, "sink-rejected", None, "no"))
    assert (refused.rec, refused.line, refused.text.decode()) == (7, 8, text(7))


def test_extent_is_known_where_nothing_is_to_be_sent(path: Path) -> None:
    first = pieces(path, rules=column_rules(encoded=False))[0]
    extent = first.extent()
    assert extent is not None
    assert extent.first == datetime(2024, 1, 1, 0, 1, tzinfo=UTC)
    assert extent.last > extent.first
    assert extent.keys == {"m-0", "m-1", "m-2"}
    with pytest.raises(AssertionError, match="once"):
        first.block(Settlement())
    assert pieces(path)[0].extent() is None


def test_interrupted_file_ends_behind_its_block(path: Path) -> None:
    with opened(path) as file:
        found = iter(file)
        next(found)
        file.interrupt()
        assert list(found) == []


def test_missing_column_is_told_before_the_first_row(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match='kwh is missing; there is "ts", "meter_id"'):
        opened(written(tmp_path, "ts,meter_id\n"))
    assert SPEC.key_field == "meter_id"
