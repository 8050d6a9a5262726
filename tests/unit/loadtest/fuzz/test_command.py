"""The runner, where atheris is to be had."""

from pathlib import Path

import pytest
from loadtest.fuzz import command


def test_shortest_inputs_are_kept_within_their_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "CORPUS", tmp_path)
    command.keep("ndjson", [b"bb", b"a", b"c" * 90, b"a", b""], bytes_max=20)
    assert command.kept_inputs("ndjson") == [b"a", b"bb"]


def test_run_leaves_a_corpus_and_a_fault_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("atheris", reason="python -m loadtest fuzz needs requirements/fuzz.txt")
    assert command.fuzz("ndjson", tmp_path, seconds=1, seed=1)
    assert command.least_inputs("ndjson", tmp_path)
    (tmp_path / "hang").mkdir()
    monkeypatch.setattr(command, "_MEMORY_MIB_MAX", 1)
    assert not command.fuzz("ndjson", tmp_path / "hang", seconds=1, seed=1)
