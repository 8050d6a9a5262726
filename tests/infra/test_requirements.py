"""Every pinned package has hashes and no address, and nothing is installed without them."""

import re
import subprocess
from pathlib import Path

import pytest

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
