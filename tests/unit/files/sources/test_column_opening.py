"""Inputs as columns: opened by their kind or a mapping, their refused records loaded again."""

import json
from collections.abc import Callable
from pathlib import Path, PurePath

import pyarrow as pa
import pyarrow.parquet
import pytest
from tests.unit.files.piece_rig import SPEC

from utility_ts_analytics.config import Config
from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.books.refused_files import RefusedFile
from utility_ts_analytics.files.file_kinds import FileKind
from utility_ts_analytics.files.inputs import Input
from utility_ts_analytics.files.options import LoadOptions
from utility_ts_analytics.files.pieces import START, Place
from utility_ts_analytics.files.replaced.replaced_rows import VersionTaker
from utility_ts_analytics.files.sources.opening import Opening

ROWS = [
    {"ts": f"2024-01-01T{hour:02}:00:00Z", "meter_id": "007", "kwh": "bad" if hour == 3 else "1.5"}
    for hour in range(6)
]
NUMBERS = [{**row, "kwh": "bad" if row["kwh"] == "bad" else 1.5} for row in ROWS]
FIELDS = "j->>'ts' AS ts, j->>'meter_id' AS meter_id, num(j->>'kwh') AS kwh, j->>'kwh' AS kwh_text"
COLUMNS = "ts, meter_id, num(kwh) AS kwh, kwh AS kwh_text"


def opening(mapping: Path | None = None, kind: FileKind | None = None) -> Opening:
    options = LoadOptions([], "meter_usage", mapping=mapping, kind=kind, dry_run=True)
    return Opening(Config(), options, wall_ns=2 * 10**18)


def entry_of(path: Path) -> Input:
    return Input(path, PurePath(path.name), path.stat().st_size)


def read(
    path: Path, by: Opening, refused: Path | None = None, place: Place = START
) -> tuple[int, int]:
    """Return stored and refused rows; the refused ones go to the folder, named as a load does."""
    entry = entry_of(path)
    rows = count = 0
    with by.open_input(entry, place, VersionTaker(SPEC, lambda *_: None)) as source:
        file = None
        for piece in source:
            rows += piece.row_count
            count += len(piece.refused)
            if refused is not None and piece.refused:
                if file is None:
                    file = RefusedFile(refused / by.refused_name(entry), "own", source.head)
                file.write(piece.refused)
        if file is not None:
            file.finish()
    return rows, count


def csv_text(separator: str = ",") -> bytes:
    lines = [list(ROWS[0]), *(list(row.values()) for row in ROWS)]
    return "".join(separator.join(line) + "\n" for line in lines).encode()


def parquet(folder: Path) -> bytes:
    path = folder / "made.parquet"
    pyarrow.parquet.write_table(pa.Table.from_pylist(ROWS), path)
    content = path.read_bytes()
    path.unlink()
    return content


@pytest.mark.parametrize(
    ("name", "content", "select", "refused_name"),
    [
        ("a.csv", lambda _: csv_text(), None, "a.csv"),
        ("a.dat", lambda _: csv_text("|"), None, "a.dat"),
        ("a.json", lambda _: json.dumps(NUMBERS, indent=1).encode(), None, "a.json.ndjson"),
        ("a.parquet", parquet, None, "a.parquet.ndjson"),
        ("a.csv", lambda _: csv_text(";"), f"{COLUMNS} FROM csv($path, sep := ';')", "a.csv"),
        (
            "a.txt",
            lambda _: csv_text(),
            "cell(line, 1) AS ts, cell(line, 2) AS meter_id, num(cell(line, 3)) AS kwh,"
            " cell(line, 3) AS kwh_text FROM lines($path) WHERE line LIKE '2024%'",
            "a.txt",
        ),
        (
            "a.jsonl",
            lambda _: "".join(json.dumps(row) + "\n" for row in ROWS).encode(),
            f"{FIELDS} FROM ndjson($path)",
            "a.jsonl",
        ),
        (
            "a.json",
            lambda _: json.dumps(ROWS, indent=1).encode(),
            f"{FIELDS} FROM json_array($path)",
            "a.json.ndjson",
        ),
        ("a.parquet", parquet, f"{COLUMNS} FROM parquet($path)", "a.parquet.ndjson"),
    ],
)
def test_refused_records_are_corrected_and_loaded_again_in_the_same_way(
    tmp_path: Path,
    name: str,
    content: Callable[[Path], bytes],
    select: str | None,
    refused_name: str,
) -> None:
    path = tmp_path / name
    path.write_bytes(content(tmp_path))
    mapping = None
    if select is not None:
        mapping = tmp_path / "m.sql"
        mapping.write_text(f"SELECT rec, {select}")
    refused = tmp_path / "refused"
    assert read(path, opening(mapping), refused) == (5, 1)
    kept = refused / refused_name
    assert b"bad" in kept.read_bytes()
    assert read(kept, opening(mapping), tmp_path / "again") == (0, 1)
    assert (tmp_path / "again" / refused_name).read_bytes() == kept.read_bytes()
    bad = b'"bad"' if mapping is None and name == "a.json" else b"bad"
    kept.write_bytes(kept.read_bytes().replace(bad, b"2.5"))
    again = opening(mapping)
    assert again.why_not(kept, None, named=False) is None
    assert read(kept, again) == (1, 0)


def test_document_that_is_no_array_names_the_function_that_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"data": [1]}')
    with pytest.raises(OperatorError, match=r"a\.json: it is one JSON document.*json_document"):
        read(path, opening())


def test_kind_that_was_said_and_is_not_there_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(csv_text())
    for kind in ("parquet", "arrow", "espi", "nem12", "json"):
        with pytest.raises(OperatorError, match=r"cannot read .*a\.csv"):
            read(path, opening(kind=kind))


def test_rows_before_a_place_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(csv_text())
    assert read(path, opening(), place=Place(2, 3)) == (3, 1)
    assert read(path, opening(), place=Place(6, 7)) == (0, 0)


def test_file_whose_name_is_not_utf_8_is_read_by_our_tables_only(tmp_path: Path) -> None:
    path = tmp_path / "Z\udce4hler.csv"
    path.write_bytes(csv_text())
    mapping = tmp_path / "mapping.sql"
    mapping.write_text(f"SELECT rec, {COLUMNS} FROM csv($path) WHERE name_of($path) LIKE 'Z%'")
    assert read(path, opening(mapping)) == (5, 1)
    mapping.write_text(f"SELECT {COLUMNS} FROM read_csv($path, all_varchar := true)")
    with pytest.raises(OperatorError, match="its name is not UTF-8"):
        read(path, opening(mapping))
