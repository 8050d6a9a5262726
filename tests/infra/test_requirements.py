"""Every pinned package has hashes and no address, and nothing is installed without them."""

import re
import subprocess
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "requirements").glob("*.txt"))
PACKAGE = re.compile(r"[A-Za-z0-9._-]+==\S+ \\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_line_is_a_package_with_its_hashes(path: Path) -> None:
    rest = PACKAGE.sub("", path.read_text())
    assert [line for line in rest.splitlines() if not re.match(r"# |-r [a-z]+\.txt$", line)] == []


def test_every_installation_of_them_asks_for_the_hashes() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "*.md", "scripts", "infra", ".ci"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    calls = [
        call
        for name in listed.stdout.split()
        for call in re.findall(
            r"pip install[^`&\n]*requirement[^`&\n]*", (ROOT / name).read_text(errors="ignore")
        )
    ]
    assert len(calls) >= 6
    assert [call for call in calls if "--require-hashes" not in call] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_set_is_complete_by_itself(path: Path) -> None:
    """With hashes asked for, pip takes no package that is not in the set."""
    pinned = {canonicalize_name(name) for name in _names(path)}
    missing = set()
    for name in pinned:
        try:
            needed = metadata.requires(name) or []
        except metadata.PackageNotFoundError:  # of a set that is not installed for the tests
            continue
        for requirement in map(Requirement, needed):
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                missing |= {canonicalize_name(requirement.name)} - pinned
    assert missing <= {"pip"}, "every virtual environment has pip"


def _names(path: Path) -> list[str]:
    text = path.read_text()
    others = [path.parent / name for name in re.findall(r"^-r (\S+)$", text, re.MULTILINE)]
    own = re.findall(r"^([A-Za-z0-9._-]+)==", text, re.MULTILINE)
    return [*own, *(name for other in others for name in _names(other))]
