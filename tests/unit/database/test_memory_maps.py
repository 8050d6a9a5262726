import asyncio
import socket
from pathlib import Path

import pytest
from tests.conftest import TestQuestDB

from utility_ts_analytics.database.memory_maps import (
    MemoryMaps,
    PartitionedTable,
    read_kept_partitions,
    read_memory_maps,
    read_partitions,
)
from utility_ts_analytics.database.pool import connected

PORT = 8812
LISTENER = "  0: 0100007F:226C 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 4711 1 0"
CLIENT = LISTENER.replace(" 0A ", " 01 ").replace("4711", "4712")


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A proc file system with one process that listens, and one that is a client of it."""
    (tmp_path / "sys/vm").mkdir(parents=True)
    (tmp_path / "sys/vm/max_map_count").write_text("65530\n")
    (tmp_path / "net").mkdir()
    (tmp_path / "net/tcp").write_text(f"sl local\n{CLIENT}\n{LISTENER}\n")
    for pid, inode, maps in (("7", 4712, 3), ("8", 4711, 5)):
        (tmp_path / pid / "fd").mkdir(parents=True)
        (tmp_path / pid / "fd/3").symlink_to(f"socket:[{inode}]")
        (tmp_path / pid / "maps").write_text("a map\n" * maps)
    return tmp_path


def test_maps_are_those_of_the_process_that_listens(proc: Path) -> None:
    assert read_memory_maps(PORT, proc) == MemoryMaps(limit=65_530, used=5)


def test_nobody_listens(proc: Path) -> None:
    assert read_memory_maps(PORT + 1, proc) == MemoryMaps(limit=65_530, used=None)


def test_process_of_another_user_keeps_its_maps_to_itself(proc: Path) -> None:
    (proc / "8/fd/3").unlink()
    (proc / "8/fd").rmdir()
    assert read_memory_maps(PORT, proc) == MemoryMaps(limit=65_530, used=None)


def test_system_without_proc_is_not_known(tmp_path: Path) -> None:
    assert read_memory_maps(PORT, tmp_path / "none") == MemoryMaps(None, None)


def test_this_process_is_found_by_its_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = read_memory_maps(server.getsockname()[1])
    if not Path("/proc/net/tcp").exists():
        pytest.skip("no proc file system here")
    assert found.used is not None
    assert found.used > 10
    assert found.limit == int(Path("/proc/sys/vm/max_map_count").read_text())


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
