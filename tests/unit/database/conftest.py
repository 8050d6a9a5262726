"""Faults between a test and the real QuestDB: a proxy that can go silent or cut the line."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Self
from urllib.parse import urlsplit, urlunsplit

import pytest
from loadtest.faults.proxy import Proxy
from tests.conftest import TestQuestDB


class PgwireProxy:
    """Carries bytes between clients and one server until told not to."""

    def __init__(self, server_uri: str) -> None:
        self._target = urlsplit(server_uri)
        self._proxy = Proxy(str(self._target.hostname), int(self._target.port or 0))

    @property
    def uri(self) -> str:
        """The server's URI with this proxy's port."""
        user = f"{self._target.username}:{self._target.password}"
        return urlunsplit(self._target._replace(netloc=f"{user}@127.0.0.1:{self._proxy.port}"))

    @property
    def connections_count(self) -> int:
        return self._proxy.connections_count

    def hold(self) -> None:
        """Keep every byte from now on; connections stay open."""
        self._proxy.hold()

    async def cut(self) -> None:
        """Close every connection and refuse new ones."""
        await self._proxy.refuse()

    async def mend(self) -> None:
        """Pass bytes and take connections again, on the same port."""
        await self._proxy.mend()

    async def __aenter__(self) -> Self:
        await self._proxy.mend()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._proxy.close()


MakeProxy = Callable[[], AbstractAsyncContextManager[PgwireProxy]]


@pytest.fixture
def proxied(questdb: TestQuestDB) -> MakeProxy:
    """Return what opens a proxy in front of the session's QuestDB."""
    return lambda: PgwireProxy(questdb.pg_uri)
