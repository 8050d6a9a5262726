"""Pages and their links: every relative link leads somewhere, every page is in the index."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import utility_ts_analytics
from utility_ts_analytics.telemetry.registry import METRICS

ROOT = Path(__file__).resolve().parent.parent
README_LINES_MAX = 120

_CODE = re.compile(r"^( *)```.*?^\1```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_FILE = re.compile(r"`([a-z_]+/[a-z_/]+\.py)`")


def anchors(text: str) -> set[str]:
    """The names that headings can be linked by, as the hosting platforms make them."""
    headings = (re.sub(r"\]\([^)]*\)", "", head) for head in _HEADING.findall(_CODE.sub("", text)))
    return {re.sub(r"[^\w\- ]", "", head).strip().lower().replace(" ", "-") for head in headings}


def dead_links(page: Path, text: str) -> Iterator[str]:
    """The relative links of a page that lead to no file or to no heading."""
    for link in _LINK.findall(_CODE.sub("", text)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if path and not target.exists():
            yield f"{link}: no such file"
        elif anchor and anchor not in anchors(target.read_text() if path else text):
            yield f"{link}: no such heading"


def pages() -> list[Path]:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout, so there is no list of its files")
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*.md"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout.splitlines()
    return [ROOT / name for name in listed if (ROOT / name).exists()]


def test_every_relative_link_leads_somewhere() -> None:
    found = [
        f"{page.relative_to(ROOT)}: {dead}"
        for page in pages()
        for dead in dead_links(page, page.read_text())
    ]
    assert found == []


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("[a](README.md), [b](#top), [c](https://example.org/x.md), ![d](docs/images)", 0),
        ("```\n[a](gone.md)\n```", 0),
        ("[a](gone.md)", 1),
        ("[a](#gone)", 1),
        ("[a](README.md#gone)", 1),
        ("![a](gone.svg)", 1),
    ],
)
def test_dead_link_is_found(text: str, count: int) -> None:
    assert len(list(dead_links(ROOT / "page.md", f"# Top\n{text}"))) == count


def test_index_lists_every_page_once() -> None:
    index = (ROOT / "docs" / "index.md").read_text()
    listed = [link for link in _LINK.findall(index) if re.fullmatch(r"[A-Z]+\.md", link)]
    assert sorted(listed) == sorted(path.name for path in (ROOT / "docs").glob("[A-Z]*.md"))


def test_files_that_the_architecture_names_are_there() -> None:
    """Files of the package, or those that are named from the root."""
    names = _FILE.findall((ROOT / "docs" / "ARCHITECTURE.md").read_text())
    package = ROOT / "server" / "utility_ts_analytics"
    assert len(names) > 100
    assert [n for n in names if not (package / n).exists() and not (ROOT / n).exists()] == []


def test_architecture_lists_every_room() -> None:
    package = ROOT / "server" / "utility_ts_analytics"
    page = (ROOT / "docs" / "ARCHITECTURE.md").read_text()
    rooms = {path.parent.name for path in package.glob("*/__init__.py")}
    named = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    assert rooms <= named


def test_tests_that_the_security_page_names_are_there() -> None:
    named = set(re.findall(r"`(test_\w+\.py)`", (ROOT / "docs" / "SECURITY.md").read_text()))
    assert len(named) > 20
    assert named - {path.name for path in (ROOT / "tests").rglob("test_*.py")} == set()


def test_readme_is_a_screen_and_a_half() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= README_LINES_MAX


def test_changelog_begins_with_this_version() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text()
    versions = re.findall(r"^## (\S+)", changes, re.MULTILINE)
    assert versions[0] in {"Unreleased", utility_ts_analytics.__version__}
    assert utility_ts_analytics.__version__ in versions


def test_dry_run_of_the_tutorial_prints_what_the_page_says() -> None:
    page = (ROOT / "docs" / "TUTORIAL.md").read_text()
    [(command, output)] = re.findall(
        r"```\n(\S+ load .+ --dry-run)\n```\n\n```\n(.*?)```", page, re.S
    )
    done = subprocess.run(
        [sys.executable, "-m", "utility_ts_analytics", *command.split()[1:]],
        cwd=ROOT,
        env={"INGESTION_CONFIG": "ingestion-config.example.toml"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.returncode) == (output, 1)


def test_metrics_that_pages_name_exist() -> None:
    known = {metric.name for metric in METRICS}
    named = {
        (page.name, name)
        for page in pages()
        if page.parent.name != "decisions"
        for name in re.findall(r"`(ingestion_\w+)[`{]", page.read_text())
    }
    assert len(named) > 20
    assert {pair for pair in named if pair[1] not in known} == set()
