"""Failures of `connect`; `test_pool` has what a connection does afterwards."""

import asyncio
from pathlib import Path

import pytest
from tests.conftest import TestQuestDB

from utility_ts_analytics.database.pool import ConnectFailed, address_of, connect
from utility_ts_analytics.errors import QuestDBUnavailable

SHORT_S = 0.3


@pytest.mark.questdb
def test_refused_log_in_says_so_and_hides_the_password(questdb: TestQuestDB) -> None:
    uri = f"postgresql://admin:s3cret@127.0.0.1:{questdb.pg_port}/qdb"
    with pytest.raises(ConnectFailed, match="log-in was refused") as caught:
        asyncio.run(connect(uri))
    assert "s3cret" not in str(caught.value)


@pytest.mark.questdb
def test_home_that_is_closed_to_the_process_is_done_without(
    questdb: TestQuestDB, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = Path.exists

    def exists(path: Path) -> bool:
        if path.is_relative_to(tmp_path):
            raise PermissionError
        return looks(path)

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(Path, "exists", exists)

    async def ask() -> object:
        connection = await connect(questdb.pg_uri)
        try:
            return await connection.fetch("SELECT 1", timeout_s=5)
        finally:
            await connection.close()

    assert asyncio.run(ask()) == [(1,)]


@pytest.mark.parametrize(
    ("uri", "cause"),
    [
        ("postgresql://admin:s3cret@127.0.0.1:1/qdb", r"at 127\.0\.0\.1:1: Connection refused;"),
        ("postgresql://admin:s3cret@name.invalid:1/qdb", r"at name\.invalid:1: "),
        ("http://admin:s3cret@127.0.0.1:1/", "the URI is not postgresql://"),
        ("postgresql://admin:s3cret@127.0.0.1:s3cret/qdb", "the URI is not postgresql://"),
    ],
)
def test_failed_connect_names_the_address_and_the_setting_but_not_the_password(
    uri: str, cause: str
) -> None:
    with pytest.raises(QuestDBUnavailable, match=cause) as caught:
        asyncio.run(connect(uri))
    assert str(caught.value).endswith("; check questdb.uri")
    assert "s3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_server_that_says_nothing_fails_the_connect_in_time() -> None:
    async def main() -> None:
        async def say_nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers.append(writer)

        writers: list[asyncio.StreamWriter] = []
        server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ConnectFailed, match=r"no answer within 0\.3 s"):
            await connect(f"postgresql://admin:quest@127.0.0.1:{port}/qdb", timeout_s=SHORT_S)
        server.close()
        for writer in writers:
            writer.transport.abort()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("postgresql://admin:quest@db:1234/qdb", "db:1234"),
        ("postgresql://admin:quest@db/qdb", "db:8812"),
        ("postgresql://", "?:8812"),
        ("postgresql://admin:quest@db:port/qdb", "?"),
    ],
)
def test_address_of_a_uri_holds_neither_user_nor_password(uri: str, address: str) -> None:
    assert address_of(uri) == address
