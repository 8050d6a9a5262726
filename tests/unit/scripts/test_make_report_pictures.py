from pathlib import Path
from typing import Protocol

import pytest

import make_report_pictures


class Database(Protocol):
    @property
    def pg_uri(self) -> str: ...
    @property
    def http_addr(self) -> str: ...


@pytest.mark.questdb
def test_pictures_are_what_the_report_draws_of_the_sample(
    sample_questdb: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--uri", sample_questdb.pg_uri, "--http", sample_questdb.http_addr]
    code = make_report_pictures.main([*where, "--check"])
    assert (code, capsys.readouterr().out) == (0, "")


def test_pictures_that_differ_or_are_missing_are_named(tmp_path: Path) -> None:
    (tmp_path / "same.svg").write_text("a")
    (tmp_path / "old.svg").write_text("b")
    wanted = {"same.svg": "a", "old.svg": "c", "new.svg": "d"}
    assert make_report_pictures.differing(wanted, tmp_path) == ["new.svg", "old.svg"]


def test_pictures_are_shown_and_small() -> None:
    pages = ("README.md", "docs/ANALYSES.md")
    shown = "".join((make_report_pictures.PROJECT / page).read_text() for page in pages)
    for key in make_report_pictures.KEYS:
        assert f"images/report-{key}.svg" in shown
        size = (make_report_pictures.FOLDER / f"report-{key}.svg").stat().st_size
        assert size < 60_000
