"""Faults of the network, played by a server with sockets: what is returned, and how soon."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest
import uvloop

from utility_ts_analytics.records.meter_usage import MeterUsage
from utility_ts_analytics.sinks.contract import Delivered, InDoubt, Outcome, RetryLater
from utility_ts_analytics.sinks.ilp.encode import row_encoder
from utility_ts_analytics.sinks.ilp.transport import HttpTransport, TcpTransport, Transport

ROW = MeterUsage(ts=datetime(2026, 1, 1, tzinfo=UTC), meter_id="m-1", kwh=1.0)
LINE = row_encoder("meter_usage")([ROW])
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Server:
    """Answers each connection as the test says, and keeps what it was sent."""

    def __init__(self, answer: bytes, *, hang: bool = False) -> None:
        self.answer = answer
        self.hang = hang
        self.received = b""
        self.connections = 0
        self.released = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        received = b""
        while not received.endswith(LINE * 2):
            chunk = await reader.read(65_536)
            if not chunk:
                break
            received += chunk
            self.received += chunk
        if self.hang:
            await self.released.wait()
        writer.write(self.answer)
        writer.close()


def against(
    server_of: Callable[[], Server], check: Callable[[Server, str], Awaitable[None]]
) -> None:
    async def main() -> None:
        server = server_of()
        listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
        host, port = listening.sockets[0].getsockname()[:2]
        try:
            await check(server, f"{host}:{port}")
        finally:
            server.released.set()
            listening.close()

    uvloop.run(main())  # as the service runs


async def send(transport: Transport, *, timeout_s: float = 5.0) -> Outcome:
    lines = [LINE, LINE]
    outcome = await transport.send(lines, timeout_s=timeout_s)
    assert lines == [LINE, LINE]
    return outcome


def http(status: str, body: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (http("204 No Content"), Delivered),
        (http("500 Internal Server Error", "boom"), InDoubt),
        (http("503 Service Unavailable", '{"code":"unavailable","message":"busy"}'), InDoubt),
        (http("401 Unauthorized", "Unauthorized\r\n"), RetryLater),
        (http("403 Forbidden", "no"), RetryLater),
        (http("404 Not Found"), RetryLater),
        (b"HTTP/1.1 204 No", InDoubt),
        (b"", InDoubt),
    ],
)
def test_http_answer_decides_the_outcome(answer: bytes, expected: type[Outcome]) -> None:
    async def check(server: Server, addr: str) -> None:
        transport = HttpTransport(addr)
        assert isinstance(await send(transport), expected)
        assert server.connections == 1
        assert b"meter_id" in server.received
        await transport.close()

    against(lambda: Server(answer), check)


def test_http_server_that_hangs_is_left_in_time() -> None:
    async def check(server: Server, addr: str) -> None:
        transport = HttpTransport(addr)
        started_s = time.monotonic()
        assert isinstance(await send(transport, timeout_s=0.2), InDoubt)
        assert time.monotonic() - started_s < 4.0
        await transport.close()

    against(lambda: Server(b"", hang=True), check)


def test_http_connection_is_not_used_again_after_a_time_out() -> None:
    """Its answer may still come, and would pass for the next request's."""

    async def check(server: Server, addr: str) -> None:
        transport = HttpTransport(addr)
        assert isinstance(await send(transport, timeout_s=0.2), InDoubt)
        server.hang = False
        assert await send(transport) == Delivered()
        assert server.connections == 2
        await transport.close()

    against(lambda: Server(http("204 No Content"), hang=True), check)


def test_cancelled_http_send_drops_the_connection() -> None:
    async def check(server: Server, addr: str) -> None:
        transport = HttpTransport(addr)
        sending = asyncio.ensure_future(send(transport))
        while not server.received:
            await asyncio.sleep(0.001)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        server.hang = False
        assert await send(transport) == Delivered()
        assert server.connections == 2
        await transport.close()

    against(lambda: Server(http("204 No Content"), hang=True), check)


def test_credentials_go_as_basic_authentication() -> None:
    async def check(server: Server, addr: str) -> None:
        transport = HttpTransport(addr, credentials=("Aladdin", "open sesame"))
        assert await send(transport) == Delivered()
        # RFC 7617 section 2
        assert b"\r\nAuthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n" in server.received
        await transport.close()

    against(lambda: Server(http("204 No Content")), check)


@pytest.mark.parametrize("kind", ["http", "tcp"])
def test_refused_connection_means_nothing_was_stored(kind: str) -> None:
    async def main() -> None:
        listening = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        listening.close()
        await listening.wait_closed()
        addr = f"127.0.0.1:{port}"
        transport: Transport = TcpTransport(addr)
        if kind == "http":
            transport = HttpTransport(addr)
        outcome = await send(transport)
        assert isinstance(outcome, RetryLater)
        assert outcome.code == "sink-unavailable"
        await transport.close()
        await transport.close()

    uvloop.run(main())  # as the service runs


def test_tcp_hands_over_every_byte() -> None:
    async def check(server: Server, addr: str) -> None:
        transport = TcpTransport(addr)
        assert await send(transport) == Delivered()
        await transport.close()
        while not server.received.endswith(b"t\n"):
            await asyncio.sleep(0.001)
        assert server.received == LINE * 2

    against(lambda: Server(b""), check)


def test_tcp_connection_closed_by_the_server_is_replaced() -> None:
    async def check(server: Server, addr: str) -> None:
        transport = TcpTransport(addr)
        assert await send(transport) == Delivered()
        while server.connections < 2:
            assert await send(transport) == Delivered()
            await asyncio.sleep(0.001)
        await transport.close()

    against(lambda: Server(b""), check)


def test_tcp_server_that_stops_reading_is_in_doubt_in_time() -> None:
    async def main() -> None:
        held: list[Streams] = []
        listening = await asyncio.start_server(
            lambda reader, writer: held.append((reader, writer)), "127.0.0.1", 0, limit=1
        )
        port = listening.sockets[0].getsockname()[1]
        transport = TcpTransport(f"127.0.0.1:{port}")
        assert isinstance(await transport.send([LINE * 100_000], timeout_s=0.2), InDoubt)
        await transport.close()
        for _, writer in held:
            writer.close()
        listening.close()

    uvloop.run(main())  # as the service runs
