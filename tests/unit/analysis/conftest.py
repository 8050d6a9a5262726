"""A QuestDB that knows what was committed when, once for all tests of analyses."""

from collections.abc import Iterator

import pytest
from tests.conftest import TestQuestDB
from tests.unit.analysis.logging_questdb import LoggingQuestDB

PART_COMMITS = 1000


@pytest.fixture(scope="session")
def logging_questdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestQuestDB]:
    server = LoggingQuestDB(tmp_path_factory.mktemp("logging_questdb"), PART_COMMITS)
    server.start()
    yield server
    server.stop()
