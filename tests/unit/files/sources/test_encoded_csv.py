"""Files of separated text that are encoded at once: the same as by way of columns."""

import tempfile
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.files.mapping.mapping_rig import SPEC, column_rules

from utility_ts_analytics.buffering.block import Settlement
from utility_ts_analytics.files.pieces import START, Place, Refused
from utility_ts_analytics.files.replaced.replaced_rows import VersionTaker
from utility_ts_analytics.files.sources.column_pieces import ColumnRules
from utility_ts_analytics.files.sources.table_file import TableFile
from utility_ts_analytics.files.tables import text as text_parts
from utility_ts_analytics.files.tables.csv_table import CsvRules, CsvTable
from utility_ts_analytics.files.tables.file_bytes import FileBytes
from utility_ts_analytics.records.encoded import EncodedCsv
from utility_ts_analytics.records.row_versions import VERSION_BYTES
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.records.validation import TS_END, RowError
from utility_ts_analytics.sinks.ilp.columns import column_encoder
from utility_ts_analytics.sinks.ilp.text_blocks import csv_encoder

HEAD = b"meter_id,ts,kwh,note,premise_id,event_id\n"


class Loaded(NamedTuple):
    """What a load of a file comes to."""

    lines: bytes
    positions: list[int]
    days: frozenset[int]
    refused: list[Refused]
    refusals: list[Refused]
    versions: list[tuple[bytes, int]]
    notes: dict[str, int]


class Encodings:
    """Counts what was encoded at once."""

    def __init__(self) -> None:
        self.rows = 0


def opened(path: Path, start: Place, versions: VersionTaker, seen: Encodings | None) -> TableFile:
    """Return a file as a load opens it; it is encoded at once where `seen` is given."""
    rules = ColumnRules(SPEC, False, TS_END, column_rules().encode, versions.columns, 0)
    file = FileBytes(path)
    table = CsvTable(file, CsvRules(), 1_000)
    names = table.schema.names[1:]
    encode = csv_encoder(
        "meter_usage", SPEC, SPEC.record_type, names=names, separator=",", ts_end=TS_END
    )
    assert encode is not None

    def counted(data: bytes) -> EncodedCsv:
        found = encode(data)
        assert seen is not None
        seen.rows += len(found.lines)
        return found

    table.encode = None if seen is None else counted
    return TableFile(table, file, rules, start)


def loaded(path: Path, seen: Encodings | None, start: Place = START) -> tuple[Loaded, list[Place]]:
    """Return all that a load of a file comes to, and the places behind its pieces."""
    lines: list[bytes] = []
    positions: list[int] = []
    days: set[int] = set()
    refused: list[Refused] = []
    refusals: list[Refused] = []
    versions: list[tuple[bytes, int]] = []
    places: list[Place] = []

    def take(hashes: bytes, recs: object, row_of: object) -> None:
        each = [hashes[at : at + VERSION_BYTES] for at in range(0, len(hashes), VERSION_BYTES)]
        versions.extend(zip(each, map(int, recs), strict=True))  # type: ignore[call-overload]

    with opened(path, start, VersionTaker(SPEC, take), seen) as source:
        for piece in source:
            refused += piece.refused
            if piece.place is not None:
                places.append(piece.place)
            if not piece.row_count:
                continue
            refusals += [
                piece.refusal(RowError(int(rec), "sink-rejected", None, "x")) for rec in piece._recs
            ]
            block = piece.block(Settlement())
            assert block.lines is not None
            lines.append(bytes(block.lines.data))
            positions += block.positions
            days |= block.days
        notes = dict(source.notes)
    found = Loaded(b"".join(lines), positions, frozenset(days), refused, refusals, versions, notes)
    return found, places


times = st.one_of(
    st.integers(0, 59).map("2024-05-01T00:{:02}:00Z".format),
    st.integers(0, 59).map("2024-05-01T02:{:02}:00+01:00".format),
    st.sampled_from(["2024-05-01T00:00:00.5Z", "0000-01-01T00:00:00Z", "2024-05-01 00:00:00Z", ""]),
)
good = st.builds(
    lambda meter, ts, kwh, note, premise: f"{meter},{ts},{kwh},{note},{premise},".encode(),
    st.sampled_from(["m-1", "Zähler", '"m,2"', "m 3"]),
    times,
    st.sampled_from(["1", "0.25", '"7.5"', "1e3", ".5", "+1", "-1", "x", ""]),
    st.sampled_from(["", "x", '"a,b"']),
    st.sampled_from(["", "p", '""']),
)
tokens = st.sampled_from(
    [*',"\r\t\\ -+.eZT01', '""', "é", '\n"', '"\n', "\x00", "\xa0", "\r\n", ",,"]
).map(str.encode) | st.binary(max_size=2)


@st.composite
def written(draw: st.DrawFn) -> bytes:
    """A line, often a reading, perhaps with some bytes replaced."""
    line = draw(good)
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        start = draw(st.integers(0, len(line)))
        line = line[:start] + draw(tokens) + line[start + draw(st.integers(0, 3)) :]
    return line + draw(st.sampled_from([b"\n", b"\n", b"\r\n"]))


@given(
    st.lists(written(), min_size=1, max_size=12),
    st.booleans(),
    st.permutations(["meter_id", "ts", "kwh", "note", "premise_id", "event_id"]),
    st.sampled_from([1, 2, 5, 16_384]),
)
def test_both_ways_load_the_same(
    lines: list[bytes], cut: bool, names: list[str], block_rows: int
) -> None:
    """Also where the names of the columns are mixed up: most lines are then odd."""
    head = HEAD if block_rows != 2 else ",".join(names).encode() + b"\n"
    content = head + b"".join(lines)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_parts, "BLOCK_ROWS_MAX", block_rows)
        path = Path(folder) / "a.csv"
        path.write_bytes(content[:-1] if cut else content)
        assert loaded(path, Encodings())[0] == loaded(path, None)[0]


def text(number: int) -> bytes:
    """Return reading `number`; some are cut, negative, or (two of them) spread over two lines."""
    day, minute = divmod(number, 1_440)
    ts = f"2024-01-{1 + day:02}T{minute // 60:02}:{minute % 60:02}:00Z"
    if number % 7_001 == 0:
        return f"m,{ts}\n".encode()
    kwh = "-1" if number % 5_000 == 0 else "1.5"
    note = '"two\nlines"' if number % 20_000 == 1 else "n" * 60
    return f"m-{number % 3},{ts},{kwh},{note},,\n".encode()


def test_most_is_encoded_whatever_single_lines_are(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(HEAD + b"".join(map(text, range(1, 40_001))))
    seen = Encodings()
    found, places = loaded(path, seen)
    assert found == loaded(path, None)[0]
    assert len(found.positions) == 40_000 - len({*range(5_000, 40_001, 5_000)}) - 5
    assert 20_000 < seen.rows < 40_000
    assert len(places) > 5


def test_load_goes_on_behind_each_place_as_if_it_had_not_stopped(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(HEAD + b"".join(map(text, range(1, 40_001))))
    whole, places = loaded(path, Encodings())
    own_place = Place(1_000, 1_001, None)  # within a block: another version read fewer at a time
    for place in (own_place, *places[:-1]):
        rest, _ = loaded(path, Encodings(), place)
        first = place.next_line
        assert rest.positions == [one for one in whole.positions if one >= first]
        assert whole.lines.endswith(rest.lines)
        assert rest.refused == [one for one in whole.refused if one.rec >= first]
        assert rest.versions == whole.versions


def test_rows_of_the_other_stream_with_tabs_and_signs(tmp_path: Path) -> None:
    spec = STREAMS["generation_output"]
    record = {name: f"{name} 1" for name in spec.texts} | dict.fromkeys(spec.numbers, "-1.25")
    names = ["x", "ts", *record]
    lines = ["\t".join(names)]
    for day in range(1, 28):
        ts = f"2024-05-{day:02}T00:00:00Z"
        lines.append("\t".join(["", ts, *record.values()] if day % 5 else ["", "no time", "cut"]))
    path = tmp_path / "a.tsv"
    path.write_text("\n".join(lines) + "\n")
    encode = csv_encoder(
        "out", spec, spec.signed_record_type, names=names, separator="\t", ts_end=TS_END
    )
    assert encode is not None
    loads = []
    for at_once in (encode, None):
        file = FileBytes(path)
        table = CsvTable(file, CsvRules(sep="\t"), 1_000)
        table.encode = at_once
        rules = ColumnRules(spec, True, TS_END, column_encoder("out", spec), lambda *_: None, 0)
        with TableFile(table, file, rules) as source:
            pieces = list(source)
        (stored,) = [piece.block(Settlement()).lines for piece in pieces]
        assert stored is not None
        loads.append((bytes(stored.data), [one for piece in pieces for one in piece.refused]))
        assert (len(stored), len(loads[-1][1])) == (22, 5)
    assert loads[0] == loads[1]
