import asyncio

import pytest
from tests.conftest import TestQuestDB

from utility_ts_analytics.database.partitions import (
    PartitionedTable,
    read_kept_partitions,
    read_partitions,
)
from utility_ts_analytics.database.pool import connected

pytestmark = pytest.mark.questdb


async def ask(questdb: TestQuestDB) -> tuple[list[PartitionedTable], int | None]:
    async with connected(questdb.pg_uri) as connection:
        tables = await read_partitions(connection, timeout_s=10.0)
        return tables, await read_kept_partitions(connection, timeout_s=10.0)


def test_each_day_is_one_partition_and_texts_take_two_maps(questdb: TestQuestDB) -> None:
    questdb.truncate("meter_usage", "generation_output")
    values = ", ".join(f"('2024-01-0{day}', 'm-1', 'p', 1.0)" for day in (1, 2, 5, 2))
    questdb.query(f"INSERT INTO meter_usage (ts, meter_id, premise_id, kwh) VALUES {values}")
    questdb.wait_applied("meter_usage")
    tables, kept = asyncio.run(ask(questdb))
    found = {table.name: table for table in tables}
    # As measured: 9 columns, of which premise_id is a VARCHAR; 8 columns.
    assert found["meter_usage"] == PartitionedTable("meter_usage", 3, 10)
    assert found["generation_output"] == PartitionedTable("generation_output", 0, 8)
    assert [table.maps for table in tables] == sorted((t.maps for t in tables), reverse=True)
    assert kept == 100, "the embedded QuestDB does not keep every partition of a query mapped"
    questdb.truncate("meter_usage")
