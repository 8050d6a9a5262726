"""The verdict of a run that locust was started for by hand."""

from pathlib import Path

import msgspec
import pytest
from loadtest.profiles.catalogue import PROFILES
from loadtest.profiles.journal import Entry, JournalWriter
from loadtest.profiles.plain import client_verdict
from tests.unit.loadtest.profiles.test_figures import RIGHT as SLOW

RIGHT = msgspec.structs.replace(SLOW, ended_s=100.3)


def judged(path: Path, *entries: Entry) -> int:
    with JournalWriter(path / "journal") as journal:
        for entry in entries:
            journal.write(entry)
    return client_verdict(path / "journal", PROFILES["steady"])


def test_right_answers_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert judged(tmp_path, RIGHT, RIGHT) == 0
    assert "steady: 20 rows accepted" in capsys.readouterr().out


def test_wrong_answer_fails_with_its_cause(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert judged(tmp_path, RIGHT, msgspec.structs.replace(RIGHT, fault="accepted 9")) == 1
    assert "expected at most 0 of 2, seen 1 (accepted 9)" in capsys.readouterr().out


def test_run_without_answers_fails(tmp_path: Path) -> None:
    assert judged(tmp_path) == 1
