import json
from pathlib import Path

import pytest

import make_notebook


def test_notebook_is_what_the_script_gives() -> None:
    assert make_notebook.main(["--check"]) == 0


def test_notebook_has_every_cell_and_no_outputs() -> None:
    notebook = json.loads(make_notebook.NOTEBOOK.read_text())
    kinds = [cell["cell_type"] for cell in notebook["cells"]]
    assert kinds.count("code") == make_notebook.SOURCE.read_text().count("\n# %%\n")
    assert all(cell.get("outputs", []) == [] for cell in notebook["cells"])


def test_stale_notebook_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(make_notebook, "NOTEBOOK", tmp_path / "first_analyses.ipynb")
    assert make_notebook.main(["--check"]) == 1
    assert "run scripts/make_notebook.py" in capsys.readouterr().out
    assert make_notebook.main([]) == 0
    assert make_notebook.main(["--check"]) == 0
