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


def on_loop(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run a test that is a coroutine on a loop of its own."""

    @functools.wraps(test)
    def run(*args: object, **kwargs: object) -> None:
        async def awaited() -> None:
            await test(*args, **kwargs)

        asyncio.run(awaited())

    return run


class Server:
    """Keeps what each connection sent, and sends back what it is told to."""

    def __init__(self) -> None:
        self.received: list[bytes] = []
        self.ended = asyncio.Event()
        self.answer = b""
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.received.append(b"")
        index = len(self.received) - 1
        writer.write(self.answer)
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                self.received[index] += data
            writer.write(b"end seen")
            await writer.drain()
        self.ended.set()
        writer.close()


@contextlib.asynccontextmanager
async def proxied(answer: bytes = b"") -> AsyncIterator[tuple[Server, Proxy]]:
    server = Server()
    server.answer = answer
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    proxy = Proxy("127.0.0.1", server.port)
    await proxy.mend()
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield server, proxy
    finally:
        await proxy.close()
        listener.close()


async def opened(proxy: Proxy) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", proxy.port)


async def read_until_broken(reader: asyncio.StreamReader) -> tuple[bytes, bool]:
    """Return what came, and whether the end was a reset."""
    got = b""
    try:
        while data := await reader.read(65536):
            got += data
    except ConnectionResetError:
        return got, True
    return got, False


async def is_silent(reader: asyncio.StreamReader) -> bool:
    try:
        async with asyncio.timeout(SILENCE_S):
            await reader.read(1)
    except TimeoutError:
        return True
    return False


@on_loop
async def test_bytes_and_the_end_of_a_stream_pass_both_ways() -> None:
    async with proxied(b"hello") as (server, proxy):
        reader, writer = await opened(proxy)
        assert await reader.readexactly(5) == b"hello"
        writer.write(b"x" * 300_000)
        writer.write_eof()
        assert await reader.read() == b"end seen"
        assert server.received == [b"x" * 300_000]
        assert proxy.connections_count == 1
        assert proxy.answered_bytes == len(b"helloend seen")
        writer.close()


@pytest.mark.parametrize("reset", [True, False])
@pytest.mark.parametrize("after_bytes", [0, 1, 70_000])
@on_loop
async def test_cut_up_lets_exactly_so_many_bytes_reach_the_server(
    after_bytes: int, reset: bool
) -> None:
    async with proxied() as (server, proxy):
        proxy.cut_after(lambda: Cut("up", after_bytes, reset=reset))
        reader, writer = await opened(proxy)
        writer.write(b"x" * 200_000)
        got, was_reset = await read_until_broken(reader)
        await server.ended.wait()
        assert got in (b"", b"end seen")
        assert server.received == [b"x" * after_bytes]
        assert was_reset or not reset
        writer.close()


@on_loop
async def test_cut_down_lets_exactly_so_many_bytes_of_the_answer_pass() -> None:
    async with proxied(b"HTTP/1.1 200 OK") as (_, proxy):
        proxy.cut_after(lambda: Cut("down", 12))
        reader, writer = await opened(proxy)
        assert (await read_until_broken(reader))[0] == b"HTTP/1.1 200"
        writer.close()


@on_loop
async def test_cut_of_an_open_connection_counts_from_when_it_was_armed() -> None:
    async with proxied(b"hello") as (server, proxy):
        reader, writer = await opened(proxy)
        await reader.readexactly(5)
        writer.write(b"before")
        while server.received != [b"before"]:
            await asyncio.sleep(0)
        proxy.cut_after(lambda: Cut("up", 3))
        writer.write(b"after")
        await server.ended.wait()
        assert server.received == [b"beforeaft"]
        writer.close()


@on_loop
async def test_refusal_resets_what_is_open_refuses_what_comes_and_is_mended_on_the_same_port() -> (
    None
):
    async with proxied(b"hello") as (_, proxy):
        port = proxy.port
        reader, writer = await opened(proxy)
        await reader.readexactly(5)
        await proxy.refuse()
        assert (await read_until_broken(reader))[1]
        writer.close()
        with pytest.raises(ConnectionRefusedError):
            await opened(proxy)
        await proxy.mend()
        assert proxy.port == port
        reader, writer = await opened(proxy)
        assert await reader.readexactly(5) == b"hello"
        writer.close()


@on_loop
async def test_cut_resets_what_is_open_and_takes_new_connections() -> None:
    async with proxied(b"hello") as (_, proxy):
        reader, writer = await opened(proxy)
        await reader.readexactly(5)
        proxy.cut()
        assert (await read_until_broken(reader))[1]
        writer.close()
        reader, writer = await opened(proxy)
        assert await reader.readexactly(5) == b"hello"
        writer.close()


@on_loop
async def test_silent_proxy_accepts_and_holds_everything_until_mended() -> None:
    async with proxied(b"hello") as (server, proxy):
        proxy.hold()
        reader, writer = await opened(proxy)
        writer.write(b"held")
        writer.write_eof()
        assert await is_silent(reader)
        assert b"".join(server.received) == b""
        await proxy.mend()
        assert await reader.read() == b"helloend seen"
        assert server.received == [b"held"]
        writer.close()


@on_loop
async def test_what_is_held_of_a_sender_that_resets_is_dropped_as_by_its_kernel() -> None:
    async with proxied() as (server, proxy):
        proxy.hold()
        _, writer = await opened(proxy)
        writer.write(b"held")
        await writer.drain()
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()
        await asyncio.sleep(SILENCE_S)
        await proxy.mend()
        await server.ended.wait()
        assert server.received == [b""]


@on_loop
async def test_half_close_ends_one_direction_and_leaves_the_other() -> None:
    async with proxied(b"hello") as (server, proxy):
        reader, writer = await opened(proxy)
        await reader.readexactly(5)
        proxy.half_close("up")
        assert await reader.read() == b"end seen"
        writer.write(b"dropped")
        await proxy.mend()
        assert server.received == [b""]
        writer.close()
        reader, writer = await opened(proxy)
        writer.write(b"passes again")
        writer.write_eof()
        await reader.read()
        assert server.received == [b"", b"passes again"]
        writer.close()


@on_loop
async def test_throttled_line_passes_everything_no_faster_than_told() -> None:
    async with proxied() as (server, proxy):
        proxy.slow_down(rate_bytes_per_s=10_000)
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        reader, writer = await opened(proxy)
        writer.write(b"x" * 3_000)
        writer.write_eof()
        assert await reader.read() == b"end seen"
        assert server.received == [b"x" * 3_000]
        assert loop.time() - began_s > 0.25
        writer.close()


@on_loop
async def test_delayed_line_holds_each_piece_back() -> None:
    async with proxied(b"hello") as (_, proxy):
        proxy.slow_down(delay_s=0.2)
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        reader, writer = await opened(proxy)
        await reader.readexactly(5)
        assert loop.time() - began_s > 0.19
        writer.close()


@on_loop
async def test_server_that_is_away_ends_the_connection() -> None:
    async with proxied() as (_, proxy):
        pass
    await proxy.mend()
    try:
        reader, writer = await opened(proxy)
        assert (await read_until_broken(reader))[0] == b""
        writer.close()
    finally:
        await proxy.close()


def test_proxy_in_a_thread_takes_faults_from_another() -> None:
    async def ask(port: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            return await reader.readexactly(5)
        finally:
            writer.close()

    async def run() -> None:
        async with proxied(b"hello") as (server, _):
            with ProxyThread("127.0.0.1", server.port) as thread:
                assert await ask(thread.port) == b"hello"
                await asyncio.to_thread(thread.do, Proxy.refuse)
                with pytest.raises(ConnectionRefusedError):
                    await ask(thread.port)
                await asyncio.to_thread(thread.do, Proxy.mend)
                assert await ask(thread.port) == b"hello"
                assert thread.connections_count == 2

    asyncio.run(run())
