"""The runner, where atheris is to be had: a fault is found, named and handed over as an input."""

from pathlib import Path

import pytest
from loadtest.fuzz import command
from loadtest.fuzz.command import TABLE, FuzzReport, fuzz, least_inputs


def test_rows_fit_their_heading() -> None:
    report = FuzzReport("ndjson", 1000, 5, 40, 70, [], "")
    assert report.row().count("|") == TABLE.heading().splitlines()[0].count("|")
    assert not report.failed
    assert FuzzReport("ndjson", 1, 5, 40, 70, [b"x"], "").failed
    assert FuzzReport("ndjson", 0, 5, 0, 0, [], "Traceback").failed


def test_shortest_inputs_are_kept_within_their_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "CORPUS", tmp_path)
    assert command.keep("ndjson", [b"bb", b"a", b"c" * 90, b"a", b""], bytes_max=20) == 2
    assert command.kept_inputs("ndjson") == [b"a", b"bb"]


def test_run_counts_inputs_and_leaves_a_corpus(tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="python -m loadtest fuzz needs requirements/fuzz.txt")
    report = fuzz("ndjson", tmp_path, seconds=1, seed=1)
    assert not report.failed, report.output
    assert report.inputs > 100
    assert report.places > 10
    assert least_inputs("ndjson", tmp_path)
