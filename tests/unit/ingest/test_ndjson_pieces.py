"""NDJSON files as pieces: lines, places to go on from, texts of refused lines."""

import gzip
import io
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import zstandard
from tests.unit.ingest.piece_rig import LINE_BYTES_MAX, RULES, line, outline, pieces, written

from utility_ts_analytics.buffering.block import Settlement
from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.ingest.ndjson_pieces import NdjsonFile
from utility_ts_analytics.ingest.pieces import START

Pack = Callable[[bytes], bytes]
PACKERS: dict[str, Pack] = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.compress}
LONG = b'{"x":"' + b"x" * LINE_BYTES_MAX + b'"}\n'


def mixed(*, long_at: int | None) -> bytes:
    """Return 6,000 lines: every 500th negative, every 700th torn, every 900th blank."""
    lines = []
    for number in range(1, 6_001):
        text = line(number)
        if number % 500 == 0:
            text = line(number, -1)
        elif number % 700 == 0:
            text = b'{"ts":\n'
        elif number % 900 == 0:
            text = b"\n"
        lines.append(LONG if number == long_at else text)
    return b"".join(lines)


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
@pytest.mark.parametrize("long_at", [None, 1_234], ids=["plain", "long"])
@pytest.mark.parametrize("ended", [True, False], ids=["ended", "unended"])
def test_rest_from_every_place_is_what_the_whole_has_behind_it(
    tmp_path: Path, suffix: str, long_at: int | None, ended: bool
) -> None:
    content = mixed(long_at=long_at)
    content = content if ended else content[:-1]
    path = written(tmp_path, f"a.ndjson{suffix}", PACKERS[suffix](content))
    places = [piece.place for piece in pieces(path)]
    whole = outline(pieces(path))
    assert len(places) > 5
    assert sum(code == "row" for _, code in whole) == 6_000 - 12 - 7 - 5 - bool(long_at)
    for place in places:
        rest = outline(pieces(path, place))
        assert rest == [entry for entry in whole if entry[0] >= place.next_line]
        assert place.lines == len(whole) - len(rest)
    # A place can be reached by seeking until the first line that was too long to be measured.
    sought = [place.next_line for place in places if place.offset is not None]
    wanted = [
        place.next_line
        for place in places
        if not suffix and (long_at is None or place.next_line <= long_at)
    ]
    assert sought == wanted


def test_refused_lines_come_with_their_text_and_a_long_one_without(tmp_path: Path) -> None:
    content = line(1) + line(2, -1) + LONG + b"\r\n" + b"{" + b"\n" + line(3, '"x"')
    parts = pieces(written(tmp_path, "a.jsonl", content))
    refused = [refused for piece in parts for refused in piece.refused]
    assert [(entry.error.position, entry.error.code, entry.text) for entry in refused] == [
        (2, "negative-value", line(2, -1)),
        (3, "line-too-long", b""),
        (5, "invalid-json", b"{\n"),
        (6, "wrong-type", line(3, '"x"')),
    ]
    assert sum(piece.line_count for piece in parts) == 5


def test_text_of_a_row_is_its_line(tmp_path: Path) -> None:
    [piece] = pieces(written(tmp_path, "a.ndjson", line(1) + b"\n" + line(2) + line(3)))
    assert [piece.text_of(number) for number in (1, 3, 4)] == [line(1), line(2), line(3)]


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
    assert piece.text_of(1) == b""
    with pytest.raises(AssertionError, match="no row"):
        piece.block(Settlement())


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_file_cut_in_its_compression_ends_in_an_error_behind_its_rows(
    tmp_path: Path, suffix: str
) -> None:
    content = mixed(long_at=None)
    packed = PACKERS[suffix](content)
    path = written(tmp_path, f"a.ndjson{suffix}", packed[:-3])
    with NdjsonFile(path, RULES) as file:
        rows = 0
        with pytest.raises(OperatorError, match=r"cannot read .*ends early"):  # noqa: PT012
            for piece in file:
                rows += piece.row_count
    assert rows > 3_000 or suffix == ".zst"


def test_what_is_no_file_of_that_kind_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"missing\.ndjson: No such file"):
        NdjsonFile(tmp_path / "missing.ndjson", RULES)
    with pytest.raises(OperatorError, match="Is a directory"):
        pieces(tmp_path)
    with pytest.raises(OperatorError, match="not gzip"):
        pieces(written(tmp_path, "a.ndjson.gz", line(1)))
    with pytest.raises(OperatorError, match=r"a\.ndjson, line 1: it is Parquet"):
        pieces(written(tmp_path, "a.ndjson", b"PAR1" + bytes(100)))


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress])
def test_standard_input_may_be_compressed(
    tmp_path: Path, pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, "input", pack(line(1) + line(2)))
    with path.open("rb") as file:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(file))
        parts = pieces(Path("-"))
    assert outline(parts) == [(1, "row"), (2, "row")]
    assert [piece.place.offset for piece in parts] == [None]


def test_bytes_read_and_the_byte_order_mark(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf" + line(1) + line(2)
    path = written(tmp_path, "a.ndjson", content)
    with NdjsonFile(path, RULES) as file:
        assert file.bytes_read == 0
        [piece] = list(file)
        assert file.bytes_read == len(content)
    assert piece.row_count == 2
    assert piece.place.offset == len(content)
    assert pieces(path, piece.place) == []


def test_empty_file_has_no_pieces(tmp_path: Path) -> None:
    assert pieces(written(tmp_path, "a.ndjson", b""), START) == []
