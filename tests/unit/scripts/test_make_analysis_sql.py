"""The saved queries are what the builders give."""

from pathlib import Path

import pytest

import make_analysis_sql
from make_analysis_sql import FOLDER, differing, file_texts, main, write


def test_files_are_what_the_builders_give() -> None:
    assert differing(FOLDER) == [], "run scripts/make_analysis_sql.py"


def test_written_folder_differs_in_nothing(tmp_path: Path) -> None:
    names = write(tmp_path)

    assert names == sorted(file_texts())
    assert differing(tmp_path) == []
    assert write(tmp_path) == []


def test_stale_missing_and_changed_files_are_told_and_put_right(tmp_path: Path) -> None:
    write(tmp_path)
    first, second = sorted(file_texts())[:2]
    (tmp_path / first).write_text("SELECT 1;\n")
    (tmp_path / second).unlink()
    (tmp_path / "stale.sql").write_text("SELECT 1;\n")
    (tmp_path / "README.md").write_text("kept")

    assert differing(tmp_path) == sorted([first, second, "stale.sql"])
    assert write(tmp_path) == sorted([first, second, "stale.sql"])
    assert {path.name for path in tmp_path.iterdir()} == {*file_texts(), "README.md"}


def test_check_tells_what_differs_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(make_analysis_sql, "FOLDER", tmp_path)
    (tmp_path / "stale.sql").write_text("SELECT 1;\n")

    assert main(["--check"]) == 1
    assert "sql/analysis/stale.sql: is not what the builders give" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["stale.sql"]
    assert main([]) == 0
    assert main(["--check"]) == 0
