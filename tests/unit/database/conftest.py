"""Faults between a test and the real QuestDB: a proxy that can go silent or cut the line."""

import asyncio
import contextlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Self
from urllib.parse import urlsplit, urlunsplit

import pytest
from tests.conftest import TestQuestDB


class Proxy:
    """Carries bytes between clients and one server until told not to."""

    def __init__(self, server_uri: str) -> None:
        self._target = urlsplit(server_uri)
        self._passing = asyncio.Event()
        self._passing.set()
        self._streams: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None
        self._port = 0
        self.connections_count = 0

    @property
    def uri(self) -> str:
        """The server's URI with this proxy's port."""
        user = f"{self._target.username}:{self._target.password}"
        return urlunsplit(self._target._replace(netloc=f"{user}@127.0.0.1:{self._port}"))

    def hold(self) -> None:
        """Keep every byte from now on; connections stay open."""
        self._passing.clear()

    async def cut(self) -> None:
        """Close every connection and refuse new ones."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for stream in self._streams:
            stream.transport.abort()
        self._streams.clear()

    async def mend(self) -> None:
        """Pass bytes and take connections again, on the same port."""
        self._passing.set()
        if self._listener is not None:
            return
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._listener.sockets[0].getsockname()[1]

    async def __aenter__(self) -> Self:
        await self.mend()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.cut()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections_count += 1
        there = await asyncio.open_connection(self._target.hostname, self._target.port)
        self._streams |= {writer, there[1]}
        for source, sink in ((reader, there[1]), (there[0], writer)):
            self._tasks.add(asyncio.ensure_future(self._carry(source, sink)))

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(65536):
                await self._passing.wait()
                sink.write(data)
                await sink.drain()
        sink.transport.abort()


MakeProxy = Callable[[], AbstractAsyncContextManager[Proxy]]


@pytest.fixture
def proxied(questdb: TestQuestDB) -> MakeProxy:
    """Return what opens a proxy in front of the session's QuestDB."""
    return lambda: Proxy(questdb.pg_uri)
