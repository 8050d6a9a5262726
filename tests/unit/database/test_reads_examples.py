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
PAGES = {"docs/PYTHON.md": 2, "README.md": 1}
EXAMPLES = [
    pytest.param(*found.groups(), id=f"{page}-{number}")
    for page in PAGES
    for number, found in enumerate(EXAMPLE.finditer((ROOT / page).read_text()))
]


def test_every_example_is_found() -> None:
    assert len(EXAMPLES) == sum(PAGES.values())


@pytest.mark.questdb
@pytest.mark.parametrize(("code", "output"), EXAMPLES)
def test_example_prints_what_the_page_says(
    sample_questdb: TestQuestDB, code: str, output: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-"],
        input=code.replace(ADDRESS, sample_questdb.pg_uri),
        cwd=ROOT,
        env={
            "PYTHONPATH": str(ROOT / "server"),
            "INGESTION__QUESTDB__URI": sample_questdb.pg_uri,
            "INGESTION__QUESTDB__ILP_HTTP_ADDR": f"127.0.0.1:{sample_questdb.http_port}",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.stdout, done.stderr) == (output, "")
