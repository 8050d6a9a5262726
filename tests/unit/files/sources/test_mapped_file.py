"""Files through a mapping, as pieces: places, refused records and counts, whatever the batches."""

import resource
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.files.mapping.mapping_rig import HEAD, PLAIN, column_rules, mapped, written

from utility_ts_analytics.buffering.block import Settlement
from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.pieces import START, Place, Refused
from utility_ts_analytics.files.sources.column_pieces import ColumnPiece
from utility_ts_analytics.files.sources.mapped_file import MappedFile
from utility_ts_analytics.records.validation import RowError

ENGINE = "utility_ts_analytics.files.mapping.engine"
Told = tuple[list[tuple[int, str]], list[Refused], dict[str, int]]


def told(file: MappedFile) -> tuple[list[ColumnPiece], Told]:
    """Return the pieces, and the rows, refused records and notes in them."""
    with file:
        parts = list(file)
        notes = dict(file.notes)
    rows: list[tuple[int, str]] = []
    for piece in parts:
        if isinstance(piece._rows, pa.RecordBatch) and piece.row_count:
            values = piece._rows.column("meter_id").to_pylist()
            rows += zip(map(int, piece._recs), values, strict=True)
    return parts, (rows, [one for piece in parts for one in piece.refused], notes)


# A good record, one that WHERE leaves out, a bad value, a cut record, three rows, half of them bad.
KINDS = st.lists(st.sampled_from("gggglbcuh"), max_size=60).map("".join)
MAPPINGS = {
    "plain": "SELECT rec, ts, meter_id, a AS kwh FROM csv($path) WHERE b <> 'left'",
    "unnest": "SELECT rec, ts, meter_id || n AS meter_id, v AS kwh FROM (SELECT *,"
    " unnest([a, b, c]) AS v, unnest([1, 2, 3]) AS n FROM csv($path)) WHERE v <> 'left'",
    "unpivot": "SELECT rec, ts, meter_id || n AS meter_id, v AS kwh FROM csv($path)"
    " UNPIVOT (v FOR n IN (a, b, c)) WHERE v <> 'left'",
    "window": "SELECT rec, ts, meter_id || row_number() OVER () AS meter_id, a AS kwh"
    " FROM csv($path) QUALIFY b <> 'left'",
}


def record(index: int, kind: str) -> str:
    start = f"2024-01-01T00:{index % 60:02}:00Z,m{index}"
    cells = {"l": "left,left,left", "b": "x,1,2", "u": "1,2,3", "h": "1,x,y"}.get(kind, "1,2,")
    return f"{start}\n" if kind == "c" else f"{start},{cells}\n"


@given(KINDS, st.sampled_from(sorted(MAPPINGS)), st.sampled_from([1, 3, 7, 16_384]))
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_rest_from_every_place_is_what_the_whole_has_behind_it(
    tmp_path: Path, kinds: str, name: str, rows_max: int
) -> None:
    text = "ts,meter_id,a,b,c\n" + "".join(record(*one) for one in enumerate(kinds))
    path, sql = written(tmp_path, text), MAPPINGS[name]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"{ENGINE}.BLOCK_ROWS_MAX", rows_max)
        versions: list[int] = []
        rules = column_rules(lambda _, recs: versions.extend(recs.tolist()), encoded=False)  # type: ignore[union-attr]
        parts, whole = told(mapped(sql, path, rules))
        all_versions = list(versions)
        assert parts == [] or parts[-1].place is not None
        assert sum(piece.line_count for piece in parts) == len(whole[0]) + len(whole[1])
        places = [piece.place for piece in parts if piece.place is not None]
        for place in {*places[:2], *places[len(places) // 2 :][:1], *places[-1:]}:
            versions.clear()
            _, rest = told(mapped(sql, path, rules, place))
            assert rest[0] == [row for row in whole[0] if row[0] >= place.next_line]
            assert rest[1] == [one for one in whole[1] if one.rec >= place.next_line]
            assert place.lines + len(rest[0]) + len(rest[1]) == len(whole[0]) + len(whole[1])
            assert rest[2] == whole[2]
            assert versions == all_versions
    left = 0 if name == "window" and not kinds else kinds.count("l")
    assert whole[2].get("records-left-out", 0) == left
    # Each refused record stands once in the file of them.
    texts = [one.rec for one in whole[1] if one.text]
    assert texts == sorted({one.rec for one in whole[1]})


def test_mapping_that_sorts_has_no_places_and_the_order_of_the_file(tmp_path: Path) -> None:
    lines = "".join(record(index, "gbgc"[index % 4]) for index in range(1_000))
    path = written(tmp_path, "ts,meter_id,a,b,c\n" + lines)
    sql = "SELECT DISTINCT rec, ts, meter_id, a AS kwh FROM csv($path)"
    file = mapped(sql, path)
    assert not file.resumable
    parts, (rows, refused, _) = told(file)
    assert {piece.place for piece in parts} == {None}
    assert [rec for rec, _ in rows] == [n for n in range(1, 1_001) if n % 2]
    assert [one.rec for one in refused] == [n for n in range(1, 1_001) if n % 2 == 0]
    assert [one.line for one in refused] == [one.rec + 1 for one in refused]


def test_trailing_bad_records_lie_before_the_last_place(tmp_path: Path) -> None:
    path = written(tmp_path, "ts,meter_id,a,b,c\n" + record(1, "g") + record(2, "c") * 3)
    parts, _ = told(mapped(MAPPINGS["plain"], path))
    assert [piece.place for piece in parts] == [Place(4, 5)]
    path = written(tmp_path, "ts,meter_id,a,b,c\n" + record(2, "c") * 3)
    parts, _ = told(mapped(MAPPINGS["plain"], path))
    assert [piece.place for piece in parts] == [Place(3, 4)]


@pytest.mark.parametrize("order", ["", " ORDER BY ts"])
def test_thousands_of_bad_records_come_in_pieces(order: str, tmp_path: Path) -> None:
    many = "2024-01-01T00:00:00Z,a\n" * 20_000
    good = "2024-01-01T00:00:00Z,a,1\n"
    path = written(tmp_path, HEAD + good + many + good)
    parts, (rows, refused, notes) = told(mapped(PLAIN + order, path))
    assert max(len(piece.refused) for piece in parts) <= 4_096
    assert [one.rec for one in refused] == list(range(2, 20_002))
    assert sorted(rec for rec, _ in rows) == [1, 20_002]
    assert notes == {}
    if not order:
        assert parts[-1].place == Place(20_002, 20_003)


def test_memory_is_bounded_where_every_record_is_bad(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    with path.open("w") as file:
        file.write(HEAD)
        for _ in range(15):
            file.write("2024-01-01T00:00:00Z,a-meter-with-a-long-name\n" * 10_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with mapped(f"{PLAIN} ORDER BY ts", path) as found:
        assert sum(len(piece.refused) for piece in found) == 150_000
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 80 * 1_024


@pytest.mark.parametrize("order", ["", " ORDER BY ts"])
@pytest.mark.parametrize("bad", ["2024-01-01T00:00:00Z,a", "2024-01-01T00:00:00Z,a,x"])
def test_budget_lets_the_first_ones_be_seen(order: str, bad: str, tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + "2024-01-01T00:00:00Z,a,1\n" + f"{bad}\n" * 5_000)
    found: list[ColumnPiece] = []
    with (
        mapped(PLAIN + order, path, column_rules(refused_max=10)) as file,
        pytest.raises(OperatorError, match="more than 10 records are refused"),
    ):
        found.extend(file)
    assert [one.rec for piece in found for one in piece.refused] == list(range(2, 12))
    with mapped(PLAIN + order, path, column_rules(refused_max=5_000)) as file:
        assert sum(len(piece.refused) for piece in file) == 5_000


def test_row_that_the_database_refuses_has_its_line_and_text(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + "\n2024-01-01T00:00:00Z,a,1\n2024-01-01T00:00:00Z,b,2\n")
    with mapped(PLAIN, path, column_rules()) as file:
        [piece] = list(file)
        refused = piece.refusal(RowError(2, "sink-rejected", "kwh", "no"))
        assert file.head == HEAD.encode()
    assert (refused.rec, refused.line, refused.field) == (2, 4, "kwh")
    assert refused.text == b"2024-01-01T00:00:00Z,b,2\n"
    assert list(piece.block(Settlement()).positions) == [1, 2]


@pytest.mark.parametrize(
    ("rec", "said"),
    [("NULL::INT", "rec is NULL"), ("9 - rec", "rec falls"), ("-rec", "rec falls")],
)
def test_numbers_that_are_not_those_of_the_records_are_told(
    rec: str, said: str, tmp_path: Path
) -> None:
    path = written(tmp_path)
    with (
        mapped(PLAIN.replace("rec", f"{rec} AS rec", 1), path) as file,
        pytest.raises(OperatorError, match=said),
    ):
        list(file)


def outlines(sql: str, path: Path) -> tuple[Sequence[int], Sequence[int], dict[str, int]]:
    _, (rows, refused, notes) = told(mapped(sql, path))
    return [rec for rec, _ in rows], [one.rec for one in refused], notes


def test_records_are_counted_as_those_of_the_file(tmp_path: Path) -> None:
    path = written(tmp_path)
    own = "SELECT rec + 5 AS rec, ts, meter_id, kwh FROM csv($path)"
    assert outlines(own, path) == ([6, 7], [], {})
    zero = "SELECT rec - 1 AS rec, ts, meter_id, kwh FROM csv($path)"
    assert outlines(zero, path) == ([0, 1], [], {})
    without = "SELECT ts, meter_id, kwh FROM csv($path) WHERE kwh = '2'"
    assert outlines(without, path) == ([1], [], {})
    more = "SELECT unnest([1, 2, 3, 4]) AS rec, ts, meter_id, kwh FROM csv($path) LIMIT 4"
    assert outlines(more, path) == ([1, 2, 3, 4], [], {})
    two = (
        "SELECT c.rec, ts, meter_id, kwh FROM csv($path) c CROSS JOIN"
        " (FROM lines($path) WHERE rec = 1) l WHERE kwh = '2'"
    )
    assert outlines(two, path) == ([2], [], {"records-left-out": 1})
    assert outlines(f"{PLAIN} WHERE kwh = '2'", path) == ([2], [], {"records-left-out": 1})


def test_start_is_the_place_of_nothing(tmp_path: Path) -> None:
    with mapped(PLAIN, written(tmp_path), start=START) as file:
        assert [piece.place for piece in file] == [Place(2, 3)]
        assert file.bytes_read > 0
