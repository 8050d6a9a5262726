"""The proxy of the fault suite: each fault is what it says, and `mend` ends it."""

import asyncio
import contextlib
import functools
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from loadtest.faults.proxy import Cut, Proxy, ProxyThread

PATIENCE_S = 10.0
SILENCE_S = 0.1
"""How long nothing has to come until it counts as silence; too short only hides a failure."""

End = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def on_loop(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run a test that is a coroutine on a loop of its own."""

    @functools.wraps(test)
    def run(*args: object, **kwargs: object) -> None:
        async def awaited() -> None:
            await test(*args, **kwargs)

        asyncio.run(awaited())

    return run


class Server:
    """Sends `answer` at once, and keeps what each connection sends."""

    def __init__(self, answer: bytes) -> None:
        self.received: list[bytes] = []
        self.ended = asyncio.Event()
        self._answer = answer

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.received.append(b"")
        index = len(self.received) - 1
        writer.write(self._answer)
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                self.received[index] += data
            writer.write(b"end seen")
            await writer.drain()
        self.ended.set()
        writer.close()


@contextlib.asynccontextmanager
async def proxied(answer: bytes = b"") -> AsyncIterator[tuple[Server, Proxy]]:
    server = Server(answer)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    proxy = Proxy("127.0.0.1", listener.sockets[0].getsockname()[1])
    await proxy.mend()
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield server, proxy
    finally:
        await proxy.close()
        listener.close()


@contextlib.asynccontextmanager
async def opened(port: int, sends: bytes = b"", *, ends: bool = False) -> AsyncIterator[End]:
    """Connect, send this and perhaps the end, and close afterwards."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sends)
    if ends:
        writer.write_eof()
    yield reader, writer
    writer.close()


async def read_until_broken(reader: asyncio.StreamReader) -> tuple[bytes, bool]:
    """Return what came, and whether the end was a reset."""
    got = b""
    try:
        while data := await reader.read(65536):
            got += data
    except ConnectionResetError:
        return got, True
    return got, False


async def works(port: int) -> bool:
    async with opened(port) as (reader, _):
        return await reader.readexactly(5) == b"hello"


@on_loop
async def test_bytes_and_the_end_of_a_stream_pass_both_ways() -> None:
    async with (
        proxied(b"hello") as (server, proxy),
        opened(proxy.port, b"x" * 300_000, ends=True) as (reader, _),
    ):
        assert await reader.read() == b"helloend seen"
        assert server.received == [b"x" * 300_000]
        assert (proxy.connections_count, proxy.answered_bytes) == (1, len(b"helloend seen"))


@pytest.mark.parametrize("reset", [True, False])
@pytest.mark.parametrize("after_bytes", [0, 1, 70_000])
@on_loop
async def test_cut_up_lets_exactly_so_many_bytes_reach_the_server(
    after_bytes: int, reset: bool
) -> None:
    async with proxied() as (server, proxy):
        proxy.cut_after(lambda: Cut("up", after_bytes, reset=reset))
        async with opened(proxy.port, b"x" * 200_000) as (reader, _):
            got, was_reset = await read_until_broken(reader)
            await server.ended.wait()
        assert got in (b"", b"end seen")
        assert server.received == [b"x" * after_bytes]
        assert was_reset or not reset


@on_loop
async def test_cut_down_lets_exactly_so_many_bytes_of_the_answer_pass() -> None:
    async with proxied(b"HTTP/1.1 200 OK") as (_, proxy):
        proxy.cut_after(lambda: Cut("down", 12))
        async with opened(proxy.port) as (reader, _):
            assert (await read_until_broken(reader))[0] == b"HTTP/1.1 200"


@on_loop
async def test_cut_of_an_open_connection_counts_from_when_it_was_armed() -> None:
    async with proxied() as (server, proxy), opened(proxy.port, b"before") as (_, writer):
        while server.received != [b"before"]:
            await asyncio.sleep(0)
        proxy.cut_after(lambda: Cut("up", 3))
        writer.write(b"after")
        await server.ended.wait()
        assert server.received == [b"beforeaft"]


@pytest.mark.parametrize("refuses", [True, False])
@on_loop
async def test_refusal_and_cut_reset_what_is_open_and_only_a_refusal_what_comes(
    refuses: bool,
) -> None:
    async with proxied(b"hello") as (_, proxy):
        port = proxy.port
        async with opened(port) as (reader, _):
            await reader.readexactly(5)
            if refuses:
                await proxy.refuse()
            else:
                proxy.cut()
            assert (await read_until_broken(reader))[1]
        if refuses:
            with pytest.raises(ConnectionRefusedError):
                await works(port)
            await proxy.mend()
        assert await works(port)
        assert proxy.port == port


@on_loop
async def test_silent_proxy_accepts_and_holds_everything_until_mended() -> None:
    async with proxied(b"hello") as (server, proxy):
        proxy.hold()
        async with opened(proxy.port, b"held", ends=True) as (reader, _):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(SILENCE_S):
                    await reader.read(1)
            assert b"".join(server.received) == b""
            await proxy.mend()
            assert await reader.read() == b"helloend seen"
        assert server.received == [b"held"]


@on_loop
async def test_what_is_held_of_a_sender_that_resets_is_dropped_as_by_its_kernel() -> None:
    async with proxied() as (server, proxy):
        proxy.hold()
        async with opened(proxy.port, b"held") as (_, writer):
            await writer.drain()
            linger = struct.pack("ii", 1, 0)
            connected = writer.get_extra_info("socket")
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()
        await asyncio.sleep(SILENCE_S)
        await proxy.mend()
        await server.ended.wait()
        assert server.received == [b""]


@on_loop
async def test_half_close_ends_one_direction_and_leaves_the_other() -> None:
    async with proxied(b"hello") as (server, proxy):
        async with opened(proxy.port) as (reader, writer):
            await reader.readexactly(5)
            proxy.half_close("up")
            assert await reader.read() == b"end seen"
            writer.write(b"dropped")
            await proxy.mend()
        async with opened(proxy.port, b"passes again", ends=True) as (reader, _):
            await reader.read()
        assert server.received == [b"", b"passes again"]


@pytest.mark.parametrize(
    ("slowness", "seconds"), [({"rate_bytes_per_s": 10_000}, 0.25), ({"delay_s": 0.2}, 0.19)]
)
@on_loop
async def test_slow_line_passes_everything_no_faster_than_told(
    slowness: dict[str, int], seconds: float
) -> None:
    async with proxied() as (server, proxy):
        proxy.slow_down(**slowness)
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        async with opened(proxy.port, b"x" * 3_000, ends=True) as (reader, _):
            assert await reader.read() == b"end seen"
        assert server.received == [b"x" * 3_000]
        assert loop.time() - began_s > seconds


@on_loop
async def test_server_that_is_away_ends_the_connection() -> None:
    async with proxied() as (_, proxy):
        pass
    await proxy.mend()
    try:
        async with opened(proxy.port) as (reader, _):
            assert (await read_until_broken(reader))[0] == b""
    finally:
        await proxy.close()


@on_loop
async def test_proxy_in_a_thread_takes_faults_from_another() -> None:
    async with proxied(b"hello") as (_, first):
        with ProxyThread("127.0.0.1", first.port) as thread:
            assert await works(thread.port)
            await asyncio.to_thread(thread.do, Proxy.refuse)
            with pytest.raises(ConnectionRefusedError):
                await works(thread.port)
            await asyncio.to_thread(thread.do, Proxy.mend)
            assert await works(thread.port)
            assert thread.connections_count == 2
