"""What a run leaves behind."""

from pathlib import Path

import msgspec
from loadtest.bench.results import FOLDER, Result, result_of, save
from tests.unit.loadtest.bench.bench_rig import figures, result

ROOT = Path(__file__).parents[4]


def test_saved_run_is_read_back_whole(tmp_path: Path) -> None:
    run = result(figures(), figures("validation", "block"))
    path = save(run, tmp_path / "new")
    assert path.name == "2026-01-02T03-04-05-01234567.json"
    assert msgspec.json.decode(path.read_bytes(), type=Result) == run


def test_machine_commit_and_packages_are_recorded() -> None:
    run = result_of([figures()], quick=True)
    assert {"cpu", "cores", "system", "python"} <= set(run.machine)
    assert run.commit
    assert run.packages["msgspec"] != "missing"
    assert "questdb" in run.packages


def test_results_are_left_out_of_git() -> None:
    name = FOLDER.relative_to(ROOT).as_posix()
    assert f"/{name}/" in (ROOT / ".gitignore").read_text().splitlines()
