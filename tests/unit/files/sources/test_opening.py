"""Which inputs are read how: by their content first, by their names where that leaves a choice."""

import gzip
import json
import subprocess
import sys
import zipfile
from pathlib import Path, PurePath

import pyarrow as pa
import pyarrow.parquet
import pytest
from tests.unit.files.piece_rig import SPEC

from utility_ts_analytics.config import Config
from utility_ts_analytics.errors import ConfigError, OperatorError
from utility_ts_analytics.files import sources
from utility_ts_analytics.files.file_kinds import FileKind
from utility_ts_analytics.files.inputs import Input
from utility_ts_analytics.files.options import LoadOptions
from utility_ts_analytics.files.pieces import START, PieceSource
from utility_ts_analytics.files.replaced.replaced_rows import VersionTaker
from utility_ts_analytics.files.sources.mapped_file import MappedFile
from utility_ts_analytics.files.sources.ndjson_files import JsonArrayFile, NdjsonFile
from utility_ts_analytics.files.sources.opening import Opening
from utility_ts_analytics.files.sources.stream_bytes import STDIN, CopiedStream
from utility_ts_analytics.files.sources.table_file import TableFile

ROW = {"ts": "2024-01-01T00:00:00Z", "meter_id": "m", "kwh": 1.0}
LINE = json.dumps(ROW).encode() + b"\n"
CSV = b"ts,meter_id,kwh\n2024-01-01T00:00:00Z,m,1\n"
SELECT = "SELECT rec, ts, meter_id, num(kwh) AS kwh FROM csv($path)"


def opening(**options: object) -> Opening:
    return Opening(Config(), LoadOptions([], "meter_usage", **options), wall_ns=10**18 * 2)  # type: ignore[arg-type]


def file_input(path: Path, member: str | None = None) -> Input:
    return Input(path, PurePath(member or path.name), path.stat().st_size, member)


def opened(entry: Input, by: Opening) -> PieceSource:
    return by.open_input(entry, START, VersionTaker(SPEC, lambda *_: None))


def rows(entry: Input, by: Opening) -> int:
    with opened(entry, by) as source:
        return sum(piece.row_count for piece in source)


def parquet_bytes(folder: Path) -> bytes:
    path = folder / "made.parquet"
    pyarrow.parquet.write_table(pa.Table.from_pylist([ROW]), path)
    content = path.read_bytes()
    path.unlink()
    return content


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.ndjson", LINE * 2, NdjsonFile),
        ("a.JSONL.GZ", gzip.compress(LINE), NdjsonFile),
        ("a.ndjson", gzip.compress(LINE), NdjsonFile),  # as browsers save it
        ("a.json", LINE * 2, NdjsonFile),
        ("a.json", b"[" + LINE + b"]", JsonArrayFile),
        ("a.json", json.dumps([ROW], indent=2).encode(), JsonArrayFile),
        ("export", LINE * 2, NdjsonFile),
        ("a.csv", CSV, TableFile),
        ("a.csv.gz", CSV, TableFile),
        ("a.csv", gzip.compress(CSV), TableFile),
        ("a.dat", CSV.replace(b",", b"|"), TableFile),
        ("a.tsv", CSV.replace(b",", b"\t"), TableFile),
    ],
)
def test_content_is_read_as_what_it_is(
    tmp_path: Path, name: str, content: bytes, kind: type
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    by = opening()
    assert by.why_not(path, None, named=False) is None
    with opened(file_input(path), by) as source:
        assert isinstance(source, kind)
    assert rows(file_input(path), by) >= 1


@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.ndjson", "a"])
def test_parquet_is_parquet_whatever_its_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(parquet_bytes(tmp_path))
    assert rows(file_input(tmp_path / name), opening()) == 1


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.txt", b"some text\n", "is of no known kind: its name must end in"),
        ("a.csv", b"%PDF-1.4", "is a PDF"),
        ("a.xml", b"<html><body>", "is a web page"),
        ("a.parquet", CSV, "does not begin as its name says"),
        ("a.csv.reasons", CSV, "is what a load has written beside refused records"),
        ("a.csv.0123abcd.partial", CSV, "is what a load has written"),
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_what_cannot_be_read_is_told_with_the_way_out(
    tmp_path: Path, name: str, content: bytes, reason: str, named: bool
) -> None:
    (tmp_path / name).write_bytes(content)
    assert reason in (opening().why_not(tmp_path / name, None, named=named) or "")


def test_kind_that_was_said_holds_for_all_but_our_own_files(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(CSV)
    said = opening(kind="csv")
    assert said.why_not(tmp_path / "a.txt", None, named=False) is None
    assert rows(file_input(tmp_path / "a.txt"), said) == 1
    assert said.why_not(tmp_path / "a.txt.reasons", None, named=True) is not None


def test_mapping_is_tried_on_what_was_named_and_on_text_in_folders(tmp_path: Path) -> None:
    (tmp_path / "m.sql").write_text(SELECT)
    mapped = opening(mapping=tmp_path / "m.sql")
    for name, in_folder in (("a.txt", True), ("a.bin", False), ("a.csv.gz", True)):
        path = tmp_path / name
        path.write_bytes(CSV)
        assert mapped.why_not(path, None, named=True) is None
        assert (mapped.why_not(path, None, named=False) is None) is in_folder
        with opened(file_input(path), mapped) as source:
            assert isinstance(source, MappedFile)
        assert rows(file_input(path), mapped) == 1


def test_member_of_a_zip_file_is_read_and_its_refused_records_have_a_place(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("in/a.csv", CSV)
        archive.writestr("b.ndjson.gz", gzip.compress(LINE * 3))
    by = opening()
    for member, count, refused in (("in/a.csv", 1, "in/a.csv"), ("b.ndjson.gz", 3, "b.ndjson")):
        entry = Input(path, PurePath("export.zip") / member, 1, member)
        assert rows(entry, by) == count
        assert by.refused_name(entry) == PurePath("export.zip") / refused


def test_fault_of_an_input_is_why_it_cannot_be_opened(tmp_path: Path) -> None:
    entry = Input(tmp_path / "a.zip", PurePath("a.zip/b.csv"), 0, "b.csv", "is encrypted")
    with pytest.raises(OperatorError, match=r"cannot read .*a\.zip/b\.csv: it is encrypted"):
        opened(entry, opening())


def test_streams_are_copied_where_they_are_read_more_than_once() -> None:
    entry = Input(STDIN, PurePath("stdin"), None)
    assert isinstance(opened(entry, opening()), NdjsonFile)
    assert isinstance(opened(entry, opening(kind="csv")), CopiedStream)
    assert opening().refused_name(entry) == PurePath("stdin.ndjson")


@pytest.mark.parametrize("said", [None, "csv"])
def test_missing_packages_are_named_before_anything_is_read(
    said: FileKind | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`None` in `sys.modules` makes an import fail."""
    monkeypatch.setitem(sys.modules, "utility_ts_analytics.files.sources.column_opening", None)
    monkeypatch.delattr(sources, "column_opening", raising=False)
    (tmp_path / "a.csv").write_bytes(CSV)
    (tmp_path / "a.ndjson").write_bytes(LINE)
    (tmp_path / "a.txt").write_bytes(b"text\n")
    with pytest.raises(ConfigError, match=r"utility-ts-analytics\[files\]"):
        opening(kind=said).why_not(tmp_path / "a.csv", None, named=True)
    assert opening().why_not(tmp_path / "a.ndjson", None, named=True) is None
    assert opening().why_not(tmp_path / "a.txt", None, named=True) is not None
    assert rows(file_input(tmp_path / "a.ndjson"), opening()) == 1


WITHOUT_FILES = """
import sys
for name in ("duckdb", "pyarrow", "nemreader", "pandas", "python_calamine"):
    sys.modules[name] = None
from utility_ts_analytics.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("name", "content", "more", "code"),
    [
        ("a.ndjson", LINE, [], 0),
        ("a.zip", None, [], 0),
        ("a.csv", CSV, [], 2),
        ("a.json", b"[]", [], 2),
        ("a.ndjson", LINE, ["--mapping", "m.sql"], 2),
    ],
)
def test_base_install_loads_ndjson_and_says_what_the_rest_needs(
    tmp_path: Path, name: str, content: bytes | None, more: list[str], code: int
) -> None:
    if content is None:
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("b.ndjson", LINE)
    else:
        (tmp_path / name).write_bytes(content)
    (tmp_path / "m.sql").write_text(SELECT)
    (tmp_path / "c.toml").write_text("")
    done = subprocess.run(
        [
            *(sys.executable, "-c", WITHOUT_FILES, "load", name, "--into", "meter_usage"),
            *("--dry-run", "--config", "c.toml", *more),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert ("utility-ts-analytics[files]" in done.stderr) == (code == 2)
    assert "Traceback" not in done.stderr


def test_command_line_imports_nothing_that_only_a_load_of_columns_needs() -> None:
    """A server would hold it all its life."""
    heavy = "{'numpy', 'duckdb', 'pyarrow'} & set(sys.modules)"
    code = f"import sys, utility_ts_analytics.cli.main; sys.exit(repr({heavy}) if {heavy} else 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_mapping_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        opening(mapping=tmp_path / "gone.sql")
