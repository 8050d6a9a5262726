"""The container file by hadolint, and its promises one by one."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.infra.promql import INFRA

FILE = INFRA / "Containerfile"
TEXT = FILE.read_text()
ROOT = INFRA.parent
HADOLINT = Path(sys.executable).parent / "hadolint"


def lint(text: str) -> list[str]:
    """Return the codes that hadolint finds."""
    ran = subprocess.run(
        [HADOLINT, "--no-color", "--format", "json", "-"],
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return [str(found["code"]) for found in json.loads(ran.stdout)]


def pins(name: str) -> dict[str, str]:
    """Return the versions that a file of requirements pins."""
    text = (ROOT / "requirements" / name).read_text()
    return dict(re.findall(r"^([\w-]+)==(\S+) \\$", text, re.MULTILINE))


def test_hadolint_has_nothing_to_say() -> None:
    assert lint(TEXT) == []


def test_hadolint_can_find_something() -> None:
    assert lint("FROM python\nRUN cd / && apt-get install curl\n") != []


def test_last_stage_runs_as_a_user_and_carries_no_compiler() -> None:
    last = TEXT[TEXT.rindex("\nFROM ") :]
    assert re.search(r"^USER (\d+):\d+$", last, re.MULTILINE)
    assert "build-essential" not in last
    assert TEXT.count("build-essential") == 1


def test_what_is_copied_gets_past_the_ignore_file() -> None:
    allowed = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    copied = {
        name
        for line in re.findall(r"^COPY (?!--from)(.+)$", TEXT, re.MULTILINE)
        for name in line.split()[:-1]
    }
    assert copied == set(allowed)
    assert all((ROOT / name).exists() for name in copied)


def test_everything_that_the_wheel_is_made_of_is_copied() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = settings["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = [
        "pyproject.toml",
        settings["project"]["readme"],
        *settings["project"]["license-files"],
        *wheel["packages"],
        *wheel["force-include"],
        wheel["hooks"]["custom"]["path"],
    ]
    copied = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    missing = [
        name for name in needed if not any(Path(name).is_relative_to(path) for path in copied)
    ]
    assert missing == []


def test_pins_are_those_that_the_tests_run_with() -> None:
    tested = pins("run.txt")
    for name in ("serve.txt", "build.txt"):
        assert pins(name).items() <= tested.items(), name
    project = (ROOT / "pyproject.toml").read_text()
    needed = ast.literal_eval(re.findall(r"^dependencies = (\[.*?\])", project, re.M | re.S)[0])
    names = {re.split(r"[<>=]", need)[0].replace("-", "_") for need in needed}
    assert names <= {name.replace("-", "_") for name in pins("serve.txt")}
