"""The examples for Python in the docs run as written, and print what the page says they print."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import TestQuestDB

ROOT = Path(__file__).parents[3]
ADDRESS = "postgresql://admin:quest@localhost:8812/qdb"
EXAMPLE = re.compile(r"```python\n(.*?)```\n\n```text\n(.*?)```", re.DOTALL)


@pytest.mark.questdb
@pytest.mark.parametrize("page", ["docs/ANALYSES.md", "README.md"])
def test_example_prints_what_the_page_says(sample_questdb: TestQuestDB, page: str) -> None:
    examples = [
        match.groups()
        for match in EXAMPLE.finditer((ROOT / page).read_text())
        if ADDRESS in match[1]
    ]
    assert len(examples) == 1
    code, output = examples[0]

    done = subprocess.run(
        [sys.executable, "-"],
        input=code.replace(ADDRESS, sample_questdb.pg_uri),
        env={"PYTHONPATH": str(ROOT / "server")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.stdout, done.stderr) == (output, "")
