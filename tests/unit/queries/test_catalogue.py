"""Every topic is in the catalogue, every saved query runs, every one is explained."""

import importlib
import pkgutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import pytest

from utility_ts_analytics import queries
from utility_ts_analytics.queries.catalogue import TOPICS, saved_queries
from utility_ts_analytics.queries.saved import SavedQuery

ANALYSES = Path(__file__).parents[3] / "docs" / "ANALYSES.md"


class Database(Protocol):
    """What these tests ask of the `sample_questdb` fixture."""

    def query(self, sql: str) -> Sequence[Sequence[object]]: ...


def topics() -> dict[str, tuple[SavedQuery, ...]]:
    """The modules of the package that have saved queries, found without the catalogue."""
    found = {}
    for info in pkgutil.iter_modules(queries.__path__):
        module = importlib.import_module(f"{queries.__name__}.{info.name}")
        if hasattr(module, "SAVED"):
            found[info.name] = module.SAVED
    return found


def test_catalogue_has_every_topic_once() -> None:
    assert sorted(map(id, TOPICS)) == sorted(map(id, topics().values()))


def test_no_two_queries_have_one_name() -> None:
    counts = Counter(query.name for query in saved_queries())

    assert [name for name, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("query", saved_queries(), ids=lambda query: query.name)
def test_query_says_its_columns(query: SavedQuery) -> None:
    assert "column" in query.notes, "give SavedQuery the notes_of its builder"


def test_page_has_one_section_per_topic_that_names_each_of_its_queries() -> None:
    for topic, saved in topics().items():
        _, found, rest = ANALYSES.read_text().partition(f"\n## {topic}\n")
        assert found, f"docs/ANALYSES.md has no section {topic}"
        section = rest.partition("\n## ")[0]
        for query in saved:
            assert query.question in section, query.name
            assert f"`{query.name}.sql`" in section, query.name


@pytest.mark.questdb
@pytest.mark.parametrize("query", saved_queries(), ids=lambda query: query.name)
def test_file_as_saved_is_answered_with_rows(sample_questdb: Database, query: SavedQuery) -> None:
    """Header, semicolon and all, as people paste it."""
    assert sample_questdb.query(query.file_text())
