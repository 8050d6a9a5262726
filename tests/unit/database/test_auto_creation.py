"""Which of QuestDB's settings make tables and columns by themselves."""

import asyncio

import pytest
from tests.conftest import TestQuestDB

from utility_ts_analytics.database.auto_creation import auto_creation
from utility_ts_analytics.database.pool import connected

pytestmark = pytest.mark.questdb


def asked(uri: str) -> tuple[str, ...]:
    async def main() -> tuple[str, ...]:
        async with connected(uri) as connection:
            return await auto_creation(connection, timeout_s=5.0)

    return asyncio.run(main())


def test_server_as_ours_is_set_up_is_not_warned_of(questdb: TestQuestDB) -> None:
    assert asked(questdb.pg_uri) == ()


def test_each_setting_that_is_on_is_named_with_its_variable(stock_questdb: TestQuestDB) -> None:
    columns, tables = asked(stock_questdb.pg_uri)
    assert "line.auto.create.new.columns=false" in columns
    assert "QDB_LINE_AUTO_CREATE_NEW_COLUMNS=false" in columns
    assert "line.auto.create.new.tables=false" in tables
    assert "QDB_LINE_AUTO_CREATE_NEW_TABLES=false" in tables
