"""What several tests of the load tests need."""

from collections.abc import Iterator

import pytest
from loadtest.database import QuestDBRest
from loadtest.stored import TABLE
from tests.process.running_service import QuestDBPorts


@pytest.fixture
def database(questdb: QuestDBPorts) -> Iterator[QuestDBRest]:
    """The QuestDB of the session, its table empty before and after."""
    with QuestDBRest(questdb.http_port) as rest:
        rest.truncate(TABLE)
        yield rest
        rest.truncate(TABLE)
