"""The runner, where atheris is to be had: a fault is found, named and handed over as an input."""

from pathlib import Path

import pytest
from loadtest.fuzz import catalogue
from loadtest.fuzz.command import TABLE, FuzzReport, fuzz, least_inputs, main


def test_rows_fit_their_heading() -> None:
    report = FuzzReport("lines", 1000, 5, 40, 70, [], "")
    assert report.row().count("|") == TABLE.heading().splitlines()[0].count("|")
    assert not report.failed
    assert FuzzReport("lines", 1, 5, 40, 70, [b"x"], "").failed
    assert FuzzReport("lines", 0, 5, 0, 0, [], "Traceback").failed


def test_names_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    assert capsys.readouterr().out.split() == list(catalogue.TARGETS)


def test_shortest_inputs_are_kept_within_their_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "CORPUS", tmp_path)
    assert catalogue.keep("lines", [b"bb", b"a", b"c" * 90, b"a", b""], bytes_max=20) == 2
    assert catalogue.kept_inputs("lines") == [b"a", b"bb"]


def test_run_counts_inputs_and_leaves_a_corpus(tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="python -m loadtest fuzz needs requirements/fuzz.txt")
    report = fuzz("lines", tmp_path, seconds=1, seed=1)
    assert not report.failed, report.output
    assert report.inputs > 100
    assert report.places > 10
    assert least_inputs("lines", tmp_path)
