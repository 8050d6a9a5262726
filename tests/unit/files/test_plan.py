"""Plans: every problem at once, and no file written over."""

import zipfile
from pathlib import Path

import pytest

from utility_ts_analytics.config import Config, parse_config
from utility_ts_analytics.errors import ConfigError
from utility_ts_analytics.files.books.journal import FileRecord, Journal, identify
from utility_ts_analytics.files.options import LoadOptions
from utility_ts_analytics.files.plan import (
    LoadPlan,
    check_refused_files,
    make_plan,
    same_in_every_run,
)


def plan(*paths: Path, refused: Path | None = None, dry_run: bool = False) -> LoadPlan:
    options = LoadOptions(paths, "meter_usage", refused=refused, dry_run=dry_run)
    return make_plan(Config(), options, wall_ns=0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "a.ndjson.gz"
    path.parent.mkdir()
    path.write_bytes(b"")
    return path


def test_refused_rows_go_to_the_name_of_the_input_as_what_it_becomes(
    file: Path, tmp_path: Path
) -> None:
    contents = {"b.csv": b"x", "c.parquet": b"PAR1", "deep/d.dat": b"x", "e.json": b"[]"}
    for name, content in contents.items():
        path = file.parent / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    with zipfile.ZipFile(file.parent / "f.zip", "w") as archive:
        archive.writestr("in/g.csv", b"x")
    made = plan(file.parent, Path("-"), refused=tmp_path / "out")
    names = [made.refused_path(entry) for entry in made.inputs]
    assert [path.relative_to(tmp_path / "out").as_posix() for path in names if path] == [
        "a.ndjson",
        "b.csv",
        "c.parquet.ndjson",
        "e.json.ndjson",
        "f.zip/in/g.csv",
        "deep/d.dat",
        "stdin.ndjson",
    ]
    assert made.bytes_total is None
    assert plan(file.parent).bytes_total == 9


def test_refused_rows_never_go_to_an_input_or_to_one_file(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "a.jsonl"
    other.write_bytes(b"")
    same = tmp_path / "b" / "a.jsonl"
    same.parent.mkdir()
    same.write_bytes(b"")
    with pytest.raises(ConfigError) as raised:
        plan(other, same, refused=tmp_path / "out")
    assert "would both be" in raised.value.problems[0]
    with pytest.raises(ConfigError) as raised:
        plan(other, refused=tmp_path)
    assert "is an input itself" in raised.value.problems[0]


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        plan(tmp_path / "gone.csv", tmp_path / "x", refused=tmp_path, dry_run=True)
    assert len(raised.value.problems) == 3
    with pytest.raises(ConfigError, match="there is nothing to load"):
        plan(tmp_path)


def test_stream_that_goes_to_kafka_is_not_loaded(file: Path) -> None:
    config = parse_config({"meter_usage": {"sink": {"kind": "kafka", "fallback": "none"}}}, {})
    with pytest.raises(ConfigError, match="a load writes into QuestDB"):
        make_plan(config, LoadOptions((file,), "meter_usage"), wall_ns=0)
    make_plan(config, LoadOptions((file,), "meter_usage", dry_run=True), wall_ns=0)


def test_file_of_an_earlier_load_is_not_written_over(file: Path, tmp_path: Path) -> None:
    made = plan(file, refused=tmp_path / "out")
    check_refused_files(made, None)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.ndjson").write_bytes(b"")
    with pytest.raises(ConfigError, match="there from an earlier load"):
        check_refused_files(made, None)
    with Journal(tmp_path / "journal", ["x"], {}, restart=False) as journal:
        with pytest.raises(ConfigError, match="there from an earlier load"):
            check_refused_files(made, journal)
        journal.write(FileRecord(identify(file), done=True))
        check_refused_files(made, journal)


def test_target_changes_with_whatever_changes_rows(tmp_path: Path) -> None:
    mapping = tmp_path / "m.sql"
    mapping.write_text("a")
    options = LoadOptions([Path("a")], "meter_usage", mapping=mapping)
    before = same_in_every_run(Config(), options)
    assert before["table"] == "meter_usage"
    mapping.write_text("b")
    after = same_in_every_run(Config(), options)
    assert {name for name in before if before[name] != after[name]} == {"mapping"}


def test_members_that_cannot_be_read_are_inputs_and_have_no_refused_rows(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", "ts")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a.csv", "ts")
    made = plan(tmp_path / "a.zip", refused=tmp_path / "out")
    assert [entry.fault for entry in made.inputs] == [None, "is in there twice"]
    out = [made.refused_path(entry) for entry in made.inputs]
    assert out == [tmp_path / "out" / "a.zip" / "a.csv", None]


def test_refused_rows_of_a_member_stay_in_their_folder_whatever_it_is_called(
    tmp_path: Path,
) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("/etc/b.csv", "ts")
        archive.writestr("../../c.csv", "ts")
    made = plan(tmp_path / "a.zip", refused=tmp_path / "out")
    assert [made.refused_path(entry) for entry in made.inputs] == [
        tmp_path / "out" / "a.zip" / "etc" / "b.csv"
    ]


def test_zip_file_named_twice_is_loaded_once_and_an_empty_one_told(tmp_path: Path) -> None:
    """One load of a zip file by two names is one load; without anything known, it is told."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", "ts")
    (tmp_path / "b.zip").symlink_to(tmp_path / "a.zip")
    assert len(plan(tmp_path / "a.zip", tmp_path / "b.zip", tmp_path).inputs) == 1
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("a.txt", "ts")
    with pytest.raises(ConfigError, match="no file of a known kind was found"):
        plan(tmp_path / "c.zip")
