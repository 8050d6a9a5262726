"""Misbehaving clients: bodies that end early, break or stall; connections that send nothing."""

import asyncio
import contextlib
import http.client
import random
import socket
import struct
import threading
import time
from dataclasses import dataclass
from typing import Literal, Self

from loadtest.client import Answer, Connection, Target
from loadtest.faults.producers import post_version
from loadtest.ledger import Account, Acknowledged, Ledger
from loadtest.readings import Body

Way = Literal["close", "reset", "half-close", "bad-chunk", "short-chunk", "stall"]

WAYS: tuple[Way, ...] = ("close", "reset", "half-close", "bad-chunk", "short-chunk", "stall")

_TIMEOUT_S = 20.0
_CHUNKED_WAYS = {"bad-chunk", "short-chunk"}
_DRIP_S = 0.25


@dataclass(frozen=True, slots=True)
class Fragment:
    """The beginning of a body.

    Attributes:
        content: Some whole lines, and then a part of the next one: maybe all but its newline.
        whole_rows: How many lines are whole, their newline included.
    """

    content: bytes
    whole_rows: int


def fragment(body: bytes, rng: random.Random) -> Fragment:
    """Cut a body of whole lines within one of them."""
    lines = body.splitlines(keepends=True)
    whole_rows = rng.randrange(len(lines))
    following = lines[whole_rows]
    # Just before the newline as often as anywhere else: that line looks whole and is not.
    part = len(following) - 1 if rng.random() < 0.5 else rng.randrange(1, len(following))
    return Fragment(b"".join(lines[:whole_rows]) + following[:part], whole_rows)


class BreakingClient:
    """Sends bodies that break, one after the other, and half of them again as a whole."""

    def __init__(
        self, ledger: Ledger, port: int, rng: random.Random, *, rows: int, patience_s: float = 10.0
    ) -> None:
        self._ledger = ledger
        self._rows = rows
        self._target = Target(port, answer_timeout_s=_TIMEOUT_S)
        self._rng = rng
        self._patience_s = patience_s

    def break_one(self, way: Way) -> None:
        """Send a part of the next body and break off in this way."""
        account = self._ledger.open(self._rows)
        content = account.body(1)
        part = fragment(content, self._rng)
        account.begin(1, part.whole_rows)
        self._ledger.note(way)
        with contextlib.suppress(OSError, http.client.HTTPException):
            self._send(account, Body(0, len(content), self._rows), part, way)
        if self._rng.random() < 0.5:
            self._send_whole(account)

    def _send(self, account: Account, body: Body, part: Fragment, way: Way) -> None:
        with socket.create_connection(("127.0.0.1", self._target.port), _TIMEOUT_S) as connection:
            framing = f"content-length: {body.size}"
            if way in _CHUNKED_WAYS:
                framing = "transfer-encoding: chunked"
            connection.sendall(self._target.head(framing))
            announced = len(part.content) + (way == "short-chunk")
            if way in _CHUNKED_WAYS:
                connection.sendall(b"%x\r\n" % announced)
            connection.sendall(part.content)
            if way == "bad-chunk":
                connection.sendall(b"\r\nno-size\r\n")
            if way == "half-close":
                connection.shutdown(socket.SHUT_WR)
            if way == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if way in ("half-close", "bad-chunk", "stall"):
                self._read_refusal(connection, account, body)

    def _read_refusal(self, connection: socket.socket, account: Account, body: Body) -> None:
        with http.client.HTTPResponse(connection, method="POST") as response:
            response.begin()
            answer = Answer(body, response.status, response.read())
        self._ledger.promise(account, answer)
        if answer.status not in (400, 408, 429, 503):
            self._ledger.note_wrong(f"a body that broke off was answered with {answer.status}")

    def _send_whole(self, account: Account) -> None:
        """Send the body as it should be, until it is acknowledged or patience ends."""
        end_s = time.monotonic() + self._patience_s
        with contextlib.closing(Connection(self._target)) as connection:
            while not isinstance(post_version(connection, account, 1, self._ledger), Acknowledged):
                if time.monotonic() > end_s:
                    return
                threading.Event().wait(0.2)


class SlowConnections:
    """Many connections that send almost nothing, each replaced as soon as the server ends it.

    A third sends nothing, a third never ends its head, a third drips a line that never ends. Runs
    in a thread of its own; use as a context manager.
    """

    def __init__(self, port: int, count: int) -> None:
        self.opened_count = 0
        self._port = port
        self._count = count
        self._loop = asyncio.new_event_loop()
        self._all = self._loop.create_task(self._hold_all())
        self._thread = threading.Thread(target=self._run, name="slow connections")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._loop.call_soon_threadsafe(self._all.cancel)
        self._thread.join()

    def _run(self) -> None:
        with contextlib.closing(self._loop), contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._all)

    async def _hold_all(self) -> None:
        await asyncio.gather(*map(self._hold, range(self._count)))

    async def _hold(self, number: int) -> None:
        """Keep one connection of one kind open."""
        head = Target(self._port).head("content-length: 1000")
        first = (b"", head.removesuffix(b"\r\n"), head + b'{"ts":')[number % 3]
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                self.opened_count += 1
                with contextlib.closing(writer):
                    writer.write(first)
                    while not reader.at_eof():
                        with contextlib.suppress(TimeoutError):
                            async with asyncio.timeout(_DRIP_S):
                                await reader.read(4096)
                        if number % 3 == 2:
                            writer.write(b" ")
            await asyncio.sleep(_DRIP_S)
