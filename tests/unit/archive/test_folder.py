"""Where files are, one run per shard, and files that are whole or not there."""

import os
from datetime import date
from pathlib import Path

import pytest

from utility_ts_analytics.archive.folder import (
    day_of,
    day_path,
    export_path,
    held_archive,
    is_data_file,
    lock_path,
    make_day_folder,
    new_path,
    replace_text,
    spill_folder,
    state_path,
    whole_path,
    writing,
)
from utility_ts_analytics.errors import OperatorError


def test_second_run_of_a_shard_is_refused_and_another_shard_is_not(tmp_path: Path) -> None:
    with held_archive(tmp_path, "main"):
        with pytest.raises(OperatorError, match="another run holds the shard main"):
            held_archive(tmp_path, "main").__enter__()
        with held_archive(tmp_path, "east"):
            pass
    with held_archive(tmp_path, "main"):
        pass


def test_folder_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"no such folder; make it \(mkdir\), or mount"):
        held_archive(tmp_path / "nothing", "main").__enter__()
    with pytest.raises(OperatorError, match="must not hold"):
        held_archive(tmp_path / "a[1]", "main").__enter__()


def test_small_file_is_replaced_or_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    replace_text(path, b"one")
    replace_text(path, b"two")
    assert path.read_bytes() == b"two"
    with pytest.raises(OSError, match="No such file"):
        replace_text(tmp_path / "gone" / "state.json", b"x")
    assert [file.name for file in tmp_path.iterdir()] == ["state.json"]


def test_trouble_with_the_disk_says_what_to_do(tmp_path: Path) -> None:
    for number, advice in ((28, "make room"), (13, "the right to write"), (5, "run it again")):
        with pytest.raises(OperatorError, match=advice), writing(tmp_path):
            raise OSError(number, os.strerror(number))


def test_day_folders_are_made_with_those_above(tmp_path: Path) -> None:
    make_day_folder(tmp_path / "meter_usage" / "day=2024-03-01")
    assert (tmp_path / "meter_usage" / "day=2024-03-01").is_dir()


ROOT = Path("archive")
DAY = date(2024, 2, 29)


def test_files_are_where_the_contract_says() -> None:
    path = day_path(ROOT, "meter_usage", DAY, "main")
    assert str(path) == "archive/meter_usage/day=2024-02-29/main.parquet"
    assert str(whole_path(ROOT, "meters", "main")) == "archive/meters/main.parquet"
    assert day_of(path.parent) == DAY


@pytest.mark.parametrize("name", ["day=2024-02-30", "day=2024-2-3", "xday=2024-02-03", ".spill"])
def test_other_folders_are_no_days(name: str) -> None:
    assert day_of(ROOT / name) is None


def test_what_is_being_written_is_no_data() -> None:
    path = day_path(ROOT, "meter_usage", DAY, "main")
    assert is_data_file(path)
    hidden = (
        new_path(path),
        export_path(ROOT, "meter_usage", "main"),
        state_path(ROOT, "meter_usage", "main"),
        lock_path(ROOT, "main"),
        spill_folder(ROOT, "main"),
    )
    assert not any(is_data_file(path) for path in hidden)
    assert all(path.name.startswith(".") for path in hidden)
    assert new_path(path).parent == path.parent  # so that a rename is one step
