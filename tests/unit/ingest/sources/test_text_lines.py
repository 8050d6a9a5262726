"""Lines keep their numbers whatever is left out, and their bytes whatever the encoding."""

from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.unit.ingest.sources.source_rig import written

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.ingest.mapping.model import FileSection
from utility_ts_analytics.ingest.sources.contract import BLOCK_BYTES_MAX, BLOCK_ROWS_MAX
from utility_ts_analytics.ingest.sources.file_pieces import FilePieces
from utility_ts_analytics.ingest.sources.text_lines import TextLines


def lines_of(path: Path, rules: FileSection | None = None) -> list[tuple[int, bytes]]:
    with ExitStack() as stack:
        pieces = FilePieces(path, "identity", stack)
        found: list[tuple[int, bytes]] = []
        for block in TextLines(pieces, rules or FileSection(), 5_000, {}):
            assert len(block.data) <= BLOCK_BYTES_MAX
            assert len(block.numbers) <= BLOCK_ROWS_MAX
            found += zip(block.numbers, block.lines(), strict=True)
        return found


def test_numbers_go_through_blocks(tmp_path: Path) -> None:
    lines = [f"{number}\n".encode() * (number % 3 + 1) for number in range(300_000)]
    content = b"".join(lines)
    found = lines_of(written(tmp_path, "r.csv", content))
    assert b"".join(line for _, line in found) == content
    assert [number for number, _ in found] == list(range(1, content.count(b"\n") + 1))


def test_rules_leave_lines_out_and_count_them(tmp_path: Path) -> None:
    path = written(tmp_path, "r.csv", b"\xef\xbb\xbftop\n#c\nD1\nX\nD2")
    rules = FileSection(
        skip_lines=1, skip_lines_starting_with=("#",), only_lines_starting_with=("D",)
    )
    assert lines_of(path, rules) == [(3, b"D1\n"), (5, b"D2\n")]
    assert lines_of(path)[0] == (1, b"top\n")


def test_bytes_that_the_encoding_has_not_stay_as_they_are(tmp_path: Path) -> None:
    rules = FileSection(encoding="windows-1252")
    content = b"\xe4\x81\n"
    with ExitStack() as stack:
        path = written(tmp_path, "r.csv", content)
        lines = TextLines(FilePieces(path, "identity", stack), rules, 100, {})
        [block] = lines
        assert block.data == "\u00e4".encode() + b"\x81\n"
        assert lines.original(block.data) == content


def test_line_over_the_bound_ends_the_file_by_its_number(tmp_path: Path) -> None:
    path = written(tmp_path, "r.csv", b"a\n" + b"x" * 5_001 + b"\nb\n")
    with pytest.raises(OperatorError, match=r"r\.csv, line 2: it is over 5000 bytes"):
        lines_of(path)
