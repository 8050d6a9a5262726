"""`scripts/check` and `scripts/test`: what each way runs, and that help names it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[3] / "scripts"
WHOLE = "pytest -n 4 --dist loadfile --no-loadscope-reorder"
UNIT = "pytest tests/unit -m not questdb and not kafka and not process -n 2 --dist loadfile"


def run(script: Path, *arguments: str, ci: bool = False) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    return subprocess.run(
        [script, *arguments],
        env={**environment, "CI": "true"} if ci else environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with the real `scripts/test`; what it calls only prints its name and arguments."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    shutil.copy(SCRIPTS / "test", tmp_path / "scripts")
    for name in ("scripts/check", "scripts/ensure-venv", ".venv/bin/pytest"):
        stub = tmp_path / name
        stub.write_text('#!/usr/bin/env bash\necho "$(basename "$0")" "$@"\n')
        stub.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "ci", "steps"),
    [
        ([], False, ["check", WHOLE]),
        ([], True, ["check", "ensure-venv examples", WHOLE]),
        (["unit"], False, ["ensure-venv test", UNIT]),
        (["unit", "-x"], False, ["ensure-venv test", f"{UNIT} -x"]),
        (
            ["tests/unit/a.py", "-k", "b"],
            False,
            ["ensure-venv test", "pytest tests/unit/a.py -k b"],
        ),
    ],
)
def test_every_way_runs_what_it_says(
    checkout: Path, arguments: list[str], ci: bool, steps: list[str]
) -> None:
    told = run(checkout / "scripts" / "test", *arguments, ci=ci)
    assert (told.stdout.splitlines(), told.returncode) == (steps, 0), told.stderr


@pytest.mark.parametrize(("script", "ways"), [("check", ["--fix"]), ("test", ["unit", "PATH"])])
def test_help_names_every_way_its_time_and_an_example(script: str, ways: list[str]) -> None:
    told = run(SCRIPTS / script, "--help")
    assert told.returncode == 0
    assert [way for way in ways if way not in told.stdout] == []
    assert f"Example: scripts/{script} " in told.stdout
    assert re.search(r"\d+ (?:minutes|seconds)", told.stdout)


def test_unknown_option_of_check_is_refused_before_anything_runs() -> None:
    told = run(SCRIPTS / "check", "--fixx")
    assert told.returncode == 2
    assert "usage: scripts/check" in told.stdout
