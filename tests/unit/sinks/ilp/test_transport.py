"""Faults of the network, played by a server with sockets: what is returned, and how soon."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

import pytest
import uvloop

from utility_ts_analytics.database.access import HttpAccess
from utility_ts_analytics.records.streams import MeterUsage
from utility_ts_analytics.sinks.contract import Delivered, InDoubt, Outcome, RetryLater
from utility_ts_analytics.sinks.ilp.encode import row_encoder
from utility_ts_analytics.sinks.ilp.transport import HttpTransport, TcpTransport, Transport

ROW = MeterUsage(ts=datetime(2026, 1, 1, tzinfo=UTC), meter_id="m-1", kwh=1.0)
LINE = row_encoder("meter_usage")([ROW])
RIGHT_TABLE = '{"dataset":[[6,"ts",true,true]],"count":1}'
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def http(status: str, body: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


RIGHT = http("200 OK", RIGHT_TABLE)
COMMITTED = http("204 No Content")


class Server:
    """Answers each connection as the test says, and keeps what it was sent.

    Attributes:
        looks: What `/exec` answers of the table, one after the other; the last one for ever.
        makes_tables: What it says of `line.auto.create.new.tables`.
    """

    def __init__(self, answer: bytes, *, hang: bool = False, looks: Sequence[bytes] = ()) -> None:
        self.answer = answer
        self.makes_tables = True
        self.hang = hang
        self.looks = list(looks or [RIGHT])
        self.received = b""
        self.asked = b""
        self.connections = 0
        self.released = asyncio.Event()

    def look(self, request: bytes) -> bytes:
        if b"PARAMETERS" in request:
            setting = str(self.makes_tables).lower()
            return http("200 OK", f'{{"dataset":[["{setting}"]],"count":1}}')
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        received = b""
        while chunk := await reader.read(65_536):
            received += chunk
            if received.startswith(b"GET /exec?") and received.endswith(b"\r\n\r\n"):
                self.asked += received
                writer.write(self.look(received))
                received = b""
                continue
            self.received += chunk
            if not received.endswith(LINE * 2):
                continue
            if self.hang:
                await self.released.wait()
            writer.write(self.answer)
            received = b""
            if self.answer != COMMITTED:
                break
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


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (COMMITTED, Delivered),
        (http("200 OK", "<html>"), InDoubt),
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
        transport = HttpTransport(addr, "meter_usage")
        assert isinstance(await send(transport), expected)
        assert server.connections == 1
        assert b"meter_id" in server.received
        await transport.close()

    against(lambda: Server(answer), check)


@pytest.mark.parametrize(
    ("look", "code"),
    [
        (http("200 OK", '{"dataset":[],"count":0}'), "schema-missing"),
        (http("200 OK", '{"dataset":[[6,"timestamp",true,false]],"count":1}'), "schema-missing"),
        (http("403 Forbidden"), "sink-unavailable"),
        (http("200 OK", "<html>"), "sink-unavailable"),
    ],
)
def test_nothing_is_sent_to_a_table_that_is_not_there_or_not_right(look: bytes, code: str) -> None:
    async def check(server: Server, addr: str) -> None:
        transport = HttpTransport(addr, "meter_usage")
        for _ in range(2):
            outcome = await send(transport)
            assert isinstance(outcome, RetryLater)
            assert outcome.code == code
        assert server.received == b""
        server.looks = [RIGHT]
        assert await send(transport) == Delivered()
        await transport.close()

    against(lambda: Server(COMMITTED, looks=[look]), check)


@pytest.mark.parametrize("after", ['{"dataset":[],"count":0}', RIGHT_TABLE.replace("6", "7")])
def test_rows_committed_to_a_table_that_is_gone_are_not_stored(after: str) -> None:
    async def check(server: Server, addr: str) -> None:
        transport = HttpTransport(addr, "meter_usage")
        assert await send(transport) == Delivered()
        server.looks = [http("200 OK", after)]
        outcome = await send(transport)
        assert isinstance(outcome, RetryLater)
        assert outcome.code == "schema-missing"
        server.looks = [RIGHT.replace(b"6", b"7")]
        assert await send(transport) == Delivered()
        assert server.connections == 1
        await transport.close()

    against(lambda: Server(COMMITTED), check)


def test_commit_without_a_look_afterwards_is_in_doubt() -> None:
    async def check(server: Server, addr: str) -> None:
        transport = HttpTransport(addr, "meter_usage")
        assert isinstance(await send(transport), InDoubt)
        await transport.close()

    against(lambda: Server(COMMITTED, looks=[RIGHT, b"HTTP/1.1 200"]), check)


def test_connection_and_its_look_serve_until_it_is_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(server: Server, addr: str) -> None:
        server.makes_tables = False
        transport = HttpTransport(addr, "meter_usage")
        for idle_s_max, connections in ((600.0, 1), (600.0, 1), (-1.0, 2), (600.0, 2)):
            monkeypatch.setattr(f"{HttpTransport.__module__}.IDLE_S_MAX", idle_s_max)
            assert await send(transport) == Delivered()
            assert server.asked.count(b"GET /exec") == 2 * server.connections == 2 * connections
        await transport.close()

    against(lambda: Server(COMMITTED), check)


def test_http_server_that_hangs_is_left_in_time() -> None:
    async def check(server: Server, addr: str) -> None:
        transport = HttpTransport(addr, "meter_usage")
        started_s = time.monotonic()
        assert isinstance(await send(transport, timeout_s=0.2), InDoubt)
        assert time.monotonic() - started_s < 4.0
        await transport.close()

    against(lambda: Server(b"", hang=True), check)


def test_http_connection_is_not_used_again_after_a_time_out() -> None:
    """Its answer may still come, and would pass for the next request's."""

    async def check(server: Server, addr: str) -> None:
        transport = HttpTransport(addr, "meter_usage")
        assert isinstance(await send(transport, timeout_s=0.2), InDoubt)
        server.hang = False
        assert await send(transport) == Delivered()
        assert server.connections == 2
        await transport.close()

    against(lambda: Server(COMMITTED, hang=True), check)


def test_cancelled_http_send_drops_the_connection() -> None:
    async def check(server: Server, addr: str) -> None:
        transport = HttpTransport(addr, "meter_usage")
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

    against(lambda: Server(COMMITTED, hang=True), check)


def test_login_goes_with_every_request() -> None:
    async def check(server: Server, addr: str) -> None:
        access = HttpAccess(authorization="Bearer mF_9.B5f-4.1JqM")
        transport = HttpTransport(addr, "meter_usage", access=access)
        assert await send(transport) == Delivered()
        for sent in (server.received, server.asked):
            assert b"\r\nAuthorization: Bearer mF_9.B5f-4.1JqM\r\n" in sent
        await transport.close()

    against(lambda: Server(COMMITTED), check)


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
            transport = HttpTransport(addr, "meter_usage")
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
