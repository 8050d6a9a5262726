"""A connection that QuestDB closes in a pause, and one that connects again."""

import asyncio
import os
from collections.abc import Iterator

import pytest

from utility_ts_analytics.database.embedded_questdb.server import EmbeddedQuestDB
from utility_ts_analytics.database.embedded_questdb.server_settings import Ports
from utility_ts_analytics.database.lasting import lasting
from utility_ts_analytics.database.pool import ConnectFailed, connected

pytestmark = pytest.mark.questdb

IDLE_MS = 500


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URI of a QuestDB that closes connections after half a second of silence."""
    environ = {**os.environ, "QDB_PG_NET_CONNECTION_TIMEOUT": str(IDLE_MS)}
    place = tmp_path_factory.mktemp("impatient")
    server = EmbeddedQuestDB(place, ports=Ports.free(), heap_mib=256, environ=environ)
    with server as running:
        yield running.pg_uri


async def pause() -> None:
    await asyncio.sleep(4 * IDLE_MS / 1_000)


def test_pause_ends_a_plain_connection(impatient: str) -> None:
    async def ask() -> None:
        async with connected(impatient) as connection:
            await connection.fetch("SELECT 1", timeout_s=5)
            await pause()
            await connection.fetch("SELECT 1", timeout_s=5)

    with pytest.raises(ConnectFailed, match="the connection is closed"):
        asyncio.run(ask())


def test_pause_does_not_end_a_lasting_one(impatient: str) -> None:
    async def ask() -> list[object]:
        answers: list[object] = []
        async with lasting(impatient) as connection:
            for number in range(3):
                rows = await connection.fetch("SELECT $1::int", number, timeout_s=5)
                answers += [row[0] for row in rows]
                await pause()
        return answers

    assert asyncio.run(ask()) == [0, 1, 2]


def test_server_that_is_gone_is_told(impatient: str) -> None:
    async def ask() -> None:
        async with lasting("postgresql://admin:quest@127.0.0.1:1/qdb") as connection:
            await connection.fetch("SELECT 1", timeout_s=5)

    with pytest.raises(ConnectFailed, match=r"cannot connect to QuestDB at 127\.0\.0\.1:1"):
        asyncio.run(ask())
