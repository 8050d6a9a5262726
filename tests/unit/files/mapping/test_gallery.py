"""Every mapping of the gallery says what it is for, has a sample, is in the docs, and is tried."""

import re
from pathlib import Path

import pytest
from tests.process.file_cases import all_cases

from utility_ts_analytics.files.mapping.statement import load_statement
from utility_ts_analytics.records.streams import STREAMS

ROOT = Path(__file__).parents[4]
MAPPINGS = sorted((ROOT / "mappings").glob("*.sql"))
each_mapping = pytest.mark.parametrize("path", MAPPINGS, ids=lambda path: path.stem)


@each_mapping
def test_mapping_is_one_select_whose_head_names_stream_sample_and_decisions(path: Path) -> None:
    head = [line for line in path.read_text().splitlines() if line.startswith("--")]
    text = " ".join(line.removeprefix("--").strip() for line in head)
    stream = re.search(r"Stream: (\w+)", text)
    sample = re.search(r"Sample: (samples/[\w./-]+\w/?)", text)
    assert stream is not None
    assert stream[1] in STREAMS
    assert sample is not None
    assert (path.parent / sample[1]).exists()
    assert "Decided: " in text
    assert load_statement(path).calls


def test_every_mapping_is_tried_by_a_case() -> None:
    tried = {case.mapping for case in all_cases()}
    assert [path.name for path in MAPPINGS if path not in tried] == []


def test_the_docs_list_every_mapping_and_no_other() -> None:
    docs = (ROOT / "docs" / "MAPPINGS.md").read_text()
    assert set(re.findall(r"\(\.\./mappings/([\w-]+)\.sql\)", docs)) == {
        path.stem for path in MAPPINGS
    }
