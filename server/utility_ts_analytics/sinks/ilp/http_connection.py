"""One kept-alive HTTP/1.1 connection to QuestDB, for one request at a time."""

import asyncio
import socket
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import httptools

from utility_ts_analytics.database.resets import reset_at_end

_ANSWER_BYTES_MAX = 65_536
"""Longest part of an answer that is kept: the first line of an error says what is wrong."""

_SEND_BUFFER_BYTES = 1_048_576
"""Bounds how much one system call copies on the event loop: about 0.2 ms."""

CLOSES_EARLY = "it closes the connection behind each answer: is it QuestDB?"
"""Reason of an error: the server has closed the connection before the next request."""

_TLS_PIECE_BYTES = 262_144
"""Bounds how much is encrypted on the event loop at a time: about 0.2 ms."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said.

    Attributes:
        status: Of HTTP.
        content: The body, cut after 64 KiB; bytes that are no UTF-8 are replaced.
    """

    status: int
    content: str


class HttpConnection(asyncio.Protocol):
    """A connection. An answer may come before the whole request was sent."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._answered: asyncio.Future[Answer] | None = None
        self._content = bytearray()
        self._encrypts = False
        self._room = asyncio.Event()

    @classmethod
    async def open(
        cls, host: str, port: int, context: ssl.SSLContext | None = None
    ) -> "HttpConnection":
        """Connect.

        Args:
            host: Name or IP literal; the server's certificate has to be for it.
            port: Of the server.
            context: For TLS; None speaks plain HTTP.

        Raises:
            OSError: That failed, or the certificate is refused; no request was sent.
        """
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(cls, host, port, ssl=context)
        return connection

    @property
    def usable(self) -> bool:
        """Whether another request can go over it, as far as is known here."""
        return self._transport is not None and not self._transport.is_closing()

    async def exchange(self, head: bytes, body: Sequence[bytes | memoryview]) -> Answer:
        """Send a request and return its answer.

        Args:
            head: Up to and with the empty line.
            body: In parts, of the length that the head says. Must not change meanwhile.

        Raises:
            OSError: The connection ended, or what came was not HTTP. It is not usable any more.
            asyncio.CancelledError: The same goes for the connection.
        """
        if self._answered is not None:
            raise AssertionError("a connection carries one request at a time")
        if self._transport is None or not self.usable:
            raise ConnectionError(CLOSES_EARLY)
        self._answered = asyncio.get_running_loop().create_future()
        self._content.clear()
        try:
            if self._encrypts:
                await self._send_in_pieces(self._transport, [head, *body])
            else:
                self._transport.writelines([head, *body])
            return await self._answered
        except BaseException:
            self.abort()
            raise
        finally:
            self._answered = None

    def abort(self) -> None:
        """Close at once; unsent bytes are dropped, also those in the kernel. Idempotent."""
        if self._transport is not None:
            self._transport.abort()

    async def _send_in_pieces(
        self, transport: asyncio.Transport, parts: Sequence[bytes | memoryview]
    ) -> None:
        """Send all, or stop where an answer or the end of the connection comes first."""
        for piece in _pieces(parts):
            transport.write(piece)
            await asyncio.sleep(0)
            await self._room.wait()
            if self._asked() is None:
                return

    # The event loop calls these

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._encrypts = transport.get_extra_info("sslcontext") is not None
        self._room.set()
        reset_at_end(transport)
        transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES
        )
        # A cast: uvloop's transports are of no class that could be asked for.
        self._transport = cast(asyncio.Transport, transport)

    def pause_writing(self) -> None:
        """Send no more for now: the kernel takes less than it is given."""
        self._room.clear()

    def resume_writing(self) -> None:
        """Continue sending."""
        self._room.set()

    def data_received(self, data: bytes) -> None:
        """Feed the parser."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(ConnectionError(f"the answer is not HTTP: {error}"))
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the request under way."""
        self._transport = None
        self._room.set()
        self._fail(exc if isinstance(exc, OSError) else ConnectionError("the connection ended"))

    # The parser calls these

    def on_body(self, part: bytes) -> None:
        """Keep a part of the answer, up to the bound."""
        self._content += part[: _ANSWER_BYTES_MAX - len(self._content)]

    def on_message_complete(self) -> None:
        """Return the answer to the caller; an answer without a request ends the connection."""
        status = self._parser.get_status_code()
        asked = self._asked()
        if asked is None or not self._parser.should_keep_alive():
            self.abort()
        if asked is not None:
            asked.set_result(Answer(status, self._content.decode(errors="replace")))
            self._room.set()

    def _fail(self, error: OSError) -> None:
        asked = self._asked()
        if asked is not None:
            asked.set_exception(error)

    def _asked(self) -> "asyncio.Future[Answer] | None":
        """Return the future of the open request; None if there is none, or it is answered."""
        if self._answered is None or self._answered.done():
            return None
        return self._answered


def _pieces(parts: Sequence[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    """Yield the parts, those that are too long in pieces."""
    for part in parts:
        view = memoryview(part)
        for start in range(0, len(view), _TLS_PIECE_BYTES):
            yield view[start : start + _TLS_PIECE_BYTES]
