"""Which files a load takes: folders searched in order, each file once, every problem named."""

import os
from pathlib import Path, PurePath

import pytest

from utility_ts_analytics.ingest.inputs import STDIN, Inputs, find_inputs


def found(*paths: Path) -> Inputs:
    return find_inputs(paths, lambda path: path.suffix == ".csv")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (
        "b.csv",
        "a.csv",
        "z/c.csv",
        "m/n/d.csv",
        "notes.txt",
        ".hidden.csv",
        ".git/e.csv",
    ):
        path = tmp_path / "year" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "year"


def test_folder_is_searched_in_sorted_order_and_says_what_it_leaves_out(folder: Path) -> None:
    inputs = found(folder)
    assert [entry.below.as_posix() for entry in inputs.files] == [
        "a.csv",
        "b.csv",
        "m/n/d.csv",
        "z/c.csv",
    ]
    assert [entry.size_bytes for entry in inputs.files] == [5, 5, 9, 7]
    assert inputs.skipped == (folder / "notes.txt",)
    assert inputs.problems == ()


def test_file_named_twice_is_taken_once_where_it_comes_first(folder: Path) -> None:
    link = folder / "link.csv"
    link.symlink_to(folder / "a.csv")
    inputs = found(folder / "z" / "c.csv", folder, folder / "a.csv")
    assert [entry.path.name for entry in inputs.files] == ["c.csv", "a.csv", "b.csv", "d.csv"]
    assert inputs.files[0].below == PurePath("c.csv")


def test_standard_input_is_no_file_that_can_be_read_again() -> None:
    [entry] = found(STDIN).files
    assert (entry.path, entry.size_bytes, entry.is_file) == (STDIN, None, False)


def test_pipe_is_taken_but_has_no_size(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    [entry] = found(tmp_path / "pipe.csv").files
    assert not entry.is_file


def test_every_problem_is_named(folder: Path) -> None:
    (folder / "dangling.csv").symlink_to(folder / "gone")
    inputs = found(folder / "missing", folder / "notes.txt", folder / "dangling.csv")
    assert inputs.files == ()
    assert [problem.partition(": ")[0] for problem in inputs.problems] == [
        f"cannot read {folder}/missing",
        f"cannot read {folder}/notes.txt",
        f"cannot read {folder}/dangling.csv",
    ]
    reasons = [problem.partition(": ")[2] for problem in inputs.problems]
    assert reasons[0] == reasons[2] == "No such file or directory"
    assert "its name must end in .ndjson" in reasons[1]
    assert "--format" in reasons[1]
