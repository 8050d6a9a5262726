"""Files of JSON records: places to go on from, whatever packs them, whatever is in them."""

import gzip
import io
import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from tests.unit.files.piece_rig import (
    LINE_BYTES_MAX,
    RULES,
    line,
    opened,
    outline,
    pieces,
    place_of,
    rules,
    written,
)

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.pieces import START, Piece, Place
from utility_ts_analytics.files.sources.ndjson_files import JsonArrayFile, NdjsonFile
from utility_ts_analytics.files.sources.stream_bytes import STDIN
from utility_ts_analytics.files.tables.file_bytes import FileBytes
from utility_ts_analytics.files.tables.json_tables import array_elements
from utility_ts_analytics.files.tables.text import TextFile
from utility_ts_analytics.reading.ndjson import Decoded

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
    places = [place_of(piece) for piece in pieces(path)]
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


def test_times_of_a_block_that_are_all_numbers_are_refused_rows(tmp_path: Path) -> None:
    """And those of other blocks are stored."""
    numbers = b'{"ts":1704067200,"meter_id":"m","kwh":1}\n' * 20_000
    parts = pieces(written(tmp_path, "a.ndjson", line(1) + numbers + line(2)))
    refused = [one for piece in parts for one in piece.refused]
    assert {(one.code, one.field, one.cell) for one in refused} == {
        ("wrong-type", "ts", "1704067200")
    }
    assert sum(piece.row_count for piece in parts) == 2
    assert len(refused) == 20_000


def test_more_refused_rows_than_are_allowed_end_the_file_and_no_row_before_is_lost(
    tmp_path: Path,
) -> None:
    path = written(tmp_path, "a.ndjson", mixed(long_at=1_234))
    for refused_max in (1, 5):
        seen: list[int] = []
        with (
            opened(path, rules=rules(refused_max=refused_max)) as file,
            pytest.raises(OperatorError, match=f"more than {refused_max:,} records are"),
        ):
            seen.extend(len(piece.refused) for piece in file)
        assert sum(seen) <= refused_max
    with opened(path, rules=rules(refused_max=20)) as file:
        assert sum(len(piece.refused) for piece in file) == 20


def test_rows_are_shown_in_order_with_their_lines_and_refused_ones_are_not(tmp_path: Path) -> None:
    seen: list[int] = []

    def take(decoded: Decoded) -> None:
        assert len(decoded.rows) == len(decoded.positions)
        seen.extend(decoded.positions)

    path = written(tmp_path, "a.ndjson", mixed(long_at=1_234))
    with opened(path, rules=rules(take)) as file:
        parts = list(file)
    assert seen == [number for number, code in outline(parts) if code == "row"]


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_file_cut_in_its_compression_ends_in_an_error_behind_its_rows(
    tmp_path: Path, suffix: str
) -> None:
    content = mixed(long_at=None)
    packed = PACKERS[suffix](content)
    path = written(tmp_path, f"a.ndjson{suffix}", packed[:-3])
    with opened(path) as file:
        rows = 0
        with pytest.raises(OperatorError, match=r"cannot read .*ends early"):  # noqa: PT012
            for piece in file:
                rows += piece.row_count
    assert rows > 3_000 or suffix == ".zst"


def test_what_is_no_file_of_that_kind_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"missing\.ndjson: No such file"):
        pieces(tmp_path / "missing.ndjson")
    with pytest.raises(OperatorError, match="Is a directory"):
        pieces(tmp_path)
    with pytest.raises(OperatorError, match=r"a\.ndjson, line 1: it is Parquet"):
        pieces(written(tmp_path, "a.ndjson", b"PAR1" + bytes(100)))


@pytest.mark.parametrize(
    ("name", "pack"), [("a.ndjson", gzip.compress), ("a.ndjson.gz", zstandard.compress)]
)
def test_first_bytes_say_how_a_file_is_packed_whatever_its_name(
    tmp_path: Path, name: str, pack: Pack
) -> None:
    parts = pieces(written(tmp_path, name, pack(line(1) + line(2, -1))))
    assert outline(parts) == [(1, "row"), (2, "negative-value")]
    assert parts[0].place == Place(2, 3, None)


def test_member_of_a_zip_file_goes_on_behind_a_line(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("in/a.ndjson", mixed(long_at=None))

    def read(start: Place) -> list[Piece]:
        file = FileBytes(tmp_path / "a.zip", "in/a.ndjson")
        with NdjsonFile(file, RULES, start) as source:
            return list(source)

    whole = read(START)
    place = place_of(whole[2])
    assert place.offset is None
    rest = outline(read(place))
    assert rest == [entry for entry in outline(whole) if entry[0] >= place.next_line]


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress])
def test_standard_input_may_be_compressed(
    tmp_path: Path, pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, "input", pack(line(1) + line(2)))
    with path.open("rb") as file:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(file))
        parts = pieces(STDIN)
    assert outline(parts) == [(1, "row"), (2, "row")]
    assert [place_of(piece).offset for piece in parts] == [None]


def test_bytes_read_and_the_byte_order_mark(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf" + line(1) + line(2)
    path = written(tmp_path, "a.ndjson", content)
    with opened(path) as file:
        assert file.bytes_read == 0
        [piece] = list(file)
        assert file.bytes_read == len(content)
    assert piece.row_count == 2
    assert place_of(piece).offset == len(content)
    assert pieces(path, place_of(piece)) == []


def test_empty_file_has_no_pieces(tmp_path: Path) -> None:
    assert pieces(written(tmp_path, "a.ndjson", b""), START) == []


def array_pieces(path: Path, start: Place = START, max_line_bytes: int = 10_000) -> list[Piece]:
    file = FileBytes(path)
    elements = array_elements(TextFile(file, "utf-8", max_line_bytes))
    with JsonArrayFile(file, elements, RULES, start) as source:
        return list(source)


@pytest.mark.parametrize("pretty", [False, True])
def test_array_goes_on_behind_every_record_of_it(tmp_path: Path, pretty: bool) -> None:
    records = [json.loads(line(number, -1 if number % 900 == 0 else 1)) for number in range(20_000)]
    text = json.dumps(records, indent=2 if pretty else None)
    path = written(tmp_path, "a.json", text.encode())
    parts = array_pieces(path)
    assert len(parts) > 1
    whole = outline(array_pieces(path))
    assert len(whole) == 20_000
    refused = [one for piece in parts for one in piece.refused]
    assert [(one.rec, one.line, one.cell) for one in refused] == [
        (number + 1, None, "-1") for number in range(0, 20_000, 900)
    ]
    assert json.loads(refused[1].text) == records[900]
    for place in [*map(place_of, parts), Place(100, 101)]:
        rest = outline(array_pieces(path, place))
        assert rest == [entry for entry in whole if entry[0] >= place.next_line]
        assert place.lines == len(whole) - len(rest)


def test_refused_records_of_an_array_are_lines_that_can_be_loaded_again(tmp_path: Path) -> None:
    """However the array is laid out: the file of refused records is NDJSON."""
    pretty = json.dumps([json.loads(line(1, -1)), {"ts": 'a "b"'}, 7], indent=4)
    [piece] = array_pieces(written(tmp_path, "a.json", pretty.encode()))
    texts = [one.text for one in piece.refused]
    assert all(text.count(b"\n") == 1 and text.endswith(b"\n") for text in texts)
    assert [json.loads(text) for text in texts] == json.loads(pretty)
