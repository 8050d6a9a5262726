"""Which inputs are read how."""

import sys
from pathlib import Path, PurePath

import pytest

from utility_ts_analytics import service
from utility_ts_analytics.config import Config
from utility_ts_analytics.errors import ConfigError
from utility_ts_analytics.ingest.column_pieces import ColumnFile
from utility_ts_analytics.ingest.file_kinds import FileKind
from utility_ts_analytics.ingest.inputs import Input
from utility_ts_analytics.ingest.ndjson_pieces import NdjsonFile
from utility_ts_analytics.ingest.pieces import START
from utility_ts_analytics.service.load_opening import Opening
from utility_ts_analytics.service.load_plan import LoadOptions


def opening(**options: object) -> Opening:
    return Opening(Config(), LoadOptions([], "meter_usage", **options), wall_ns=0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.ndjson", "ndjson"),
        ("a.JSONL.GZ", "ndjson"),
        ("-", "ndjson"),
        ("a.csv.zst", "csv"),
        ("a.parquet", "parquet"),
        ("a.txt", None),
        ("a.csv.reasons", None),
        ("a.csv.partial", None),
    ],
)
def test_kind_is_that_of_the_name(name: str, kind: str | None) -> None:
    assert opening().kind(Path(name)) == kind


def test_kind_that_was_said_holds_for_all_but_our_own_files() -> None:
    said = opening(kind="nem12")
    assert said.kind(Path("a.txt")) == "nem12"
    assert said.kind(Path("a.ndjson")) == "nem12"
    assert said.kind(Path("a.txt.reasons")) is None


def test_plain_ndjson_is_read_by_the_decoder_and_the_rest_as_columns(tmp_path: Path) -> None:
    for name, kind in (("a.ndjson", NdjsonFile), ("a.csv", ColumnFile)):
        path = tmp_path / name
        path.write_text("ts,meter_id,kwh\n")
        with opening().open_input(Input(path, PurePath(name), 1), START) as source:
            assert isinstance(source, kind)


@pytest.mark.parametrize("said", [None, "csv"])
def test_missing_packages_are_named_before_anything_is_read(
    said: FileKind | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`None` in `sys.modules` makes an import fail."""
    monkeypatch.setitem(sys.modules, "utility_ts_analytics.service.load_columns", None)
    monkeypatch.delattr(service, "load_columns", raising=False)
    opened = opening(kind=said)
    with pytest.raises(ConfigError, match=r"utility-ts-analytics\[files\]"):
        opened.kind(tmp_path / "a.csv")
    assert opening().kind(Path("a.ndjson")) == "ndjson"
    assert opening().kind(Path("a.txt")) is None


def test_mapping_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        opening(mapping=tmp_path / "gone.toml")
