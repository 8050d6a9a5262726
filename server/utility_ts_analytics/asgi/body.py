"""The bytes of one request body, timed and counted while they arrive.

Granian hands over one message per frame and never says why a body ended early: only
`more_body = False` means complete (a lost connection and a bad chunk look alike). Granian has no
timeout for bodies, so every wait is timed here.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import ClassVar

from utility_ts_analytics.asgi.protocol import Message, Receive
from utility_ts_analytics.asgi.upload import Deadline, Progress
from utility_ts_analytics.errors import BodyTimeout, BodyTooLarge, TruncatedBody

_LONG_WORK_S = 0.25
"""When the work on one message takes longer than this, seconds, further messages are asked for
meanwhile: they tell when the client is gone. Doing so always would cost every small post 60 us."""
_AHEAD_BYTES_MAX = 64 * 1024
"""Bytes of messages held ahead if the body is compressed, so that the work on each may be long; of
other bodies one message is enough. One message more than this bound may come."""
_MESSAGE_BYTES = 512
"""The most memory that a message takes beside its content."""
_DISCARD_S = 2.0
"""How long the rest of a body is read and dropped after an early answer. Without this, 3 of 10
clients that do not wait for `100 Continue` lose the answer (measured on Granian 2.8.7)."""
_DISCARD_BYTES_MAX = 256 * 1024 * 1024
"""How much of the rest is read; over loopback this is about 0.1 s of the worker's CPU."""
_DISCARDS_MAX = 64
"""How many rests one worker reads at a time. Without that, a client still gets its answer if the
body fits into the buffers of the connection, or if it reads after a failed send."""


def uncounted(_bytes: int) -> None:
    """Count no bytes."""


class RequestBody:
    """Reads one body. Used by one task on one event loop.

    Attributes:
        deadline: A context manager around all work on the body; others can end that work by it.
        progress: How much useful content the body has brought.
        received_bytes: Bytes read so far, as sent.
        complete: Whether the whole body was read.
        compressed: Whether each byte of the body may be much work. Set by the owner.
        started: Whether any of the body was asked for.

    Args:
        receive: ASGI's receive of this request.
        bytes_max: Longest body as sent, bytes; 0 = no limit.
        limit_name: The setting that `bytes_max` comes from, for the error.
        body_idle_timeout_s: Longest wait for the next bytes, seconds.
        body_min_rate_bytes: Least rate, bytes per second, averaged over `body_idle_timeout_s` of
            waiting for the client; time in which we do not read does not count. 0 = off.
        count_bytes: Gets the length of each message as it comes.
    """

    received_bytes = 0
    complete = False
    compressed = False
    started = False
    _window_s = 0.0
    _window_bytes = 0
    _asked_s: float | None = None  # since when `whole` waits
    _came_s: float | None = None  # when the last message came, while it is worked on
    _asked: asyncio.Future[Message] | None = None
    _lost = False
    _discards: ClassVar[int] = 0  # under way in this process, which has one event loop

    def __init__(
        self,
        receive: Receive,
        *,
        bytes_max: int,
        limit_name: str,
        body_idle_timeout_s: float,
        body_min_rate_bytes: int,
        count_bytes: Callable[[int], None] = uncounted,
    ) -> None:
        self.deadline = Deadline()
        self.progress = Progress(body_min_rate_bytes, body_idle_timeout_s)
        self._receive = receive
        self._bytes_max = bytes_max
        self._limit_name = limit_name
        self._body_idle_timeout_s = body_idle_timeout_s
        self._body_min_rate_bytes = body_min_rate_bytes
        self._count_bytes = count_bytes
        self._ahead: deque[Message] = deque()

    def check_length_or_raise(self, content_length: int | None) -> None:
        """Judge the Content-Length before any of the body is asked for.

        Raises:
            BodyTooLarge: The length is over the limit.
        """
        if content_length is not None and 0 < self._bytes_max < content_length:
            raise self._too_large()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body piece by piece, as it arrives; no piece is empty. Only within `deadline`.

        Raises:
            TruncatedBody: The body ended before its framing said so.
            BodyTimeout: Too little came. Where nothing came for too long, `deadline` raises it.
            BodyTooLarge: The body is over the limit; the piece that exceeds it is not yielded.
        """
        self.progress.begin()
        while not self.complete:
            chunk = await self._next()
            if chunk:
                yield chunk

    async def whole(self, length: int) -> bytes | None:
        """Return the body if its first message is all of it; None leaves everything unread.

        Granian says only in a second, empty message that there is no more. To wait for that would
        cost another change of threads, 12 us. The wait is bounded as by `chunks`, by the tick that
        calls `look` instead of by a timer.

        Args:
            length: The Content-Length. There is no Transfer-Encoding, which would override it.

        Raises:
            TruncatedBody, BodyTimeout: As `chunks`.
        """
        self.progress.begin()
        self.started, self._asked_s = True, asyncio.get_running_loop().time()
        self._lost = True  # until it is here: a receive that is cancelled may have swallowed bytes
        message = await self._message()
        self._asked_s = None
        self._check_not_lost(message)
        content: bytes = message.get("body", b"")
        if len(content) < length:
            self._ahead.append(message)
            return None
        self.complete = True
        return content

    def unread(self, content: bytes) -> None:
        """Take back what `whole` has returned: it is to be read by `chunks`."""
        self.complete = False
        self._ahead.append({"type": "http.request", "body": content, "more_body": False})

    def look(self, now_s: float) -> None:
        """Ask for one more message if the work on the last one takes long. Call it regularly.

        Args:
            now_s: The loop's time, seconds.
        """
        if self._asked_s is not None and now_s >= self._asked_s + self._body_idle_timeout_s:
            self._time_out(now_s)
        if self._came_s is not None and now_s >= self._came_s + _LONG_WORK_S:
            self._ask_ahead()

    def forget_client(self) -> None:
        """Stop asking for messages, which would keep the connection open.

        To be called when the request is answered.
        """
        asked, self._asked = self._asked, None
        if asked is not None:
            asked.cancel()

    async def discard_rest(self) -> None:
        """Read and drop the rest of the body, so that an early answer arrives.

        Bounded in time, in bytes and in how many do so at once (docs/decisions/0007).
        """
        if self.complete or self._lost or RequestBody._discards >= _DISCARDS_MAX:
            return
        RequestBody._discards += 1
        left_bytes = _DISCARD_BYTES_MAX
        try:
            async with asyncio.timeout(_DISCARD_S):
                while left_bytes > 0:
                    message = await self._message()
                    if message["type"] != "http.request" or not message.get("more_body", False):
                        return
                    left_bytes -= len(message.get("body", b""))
        except TimeoutError:
            return
        finally:
            RequestBody._discards -= 1

    async def _next(self) -> bytes:
        loop = asyncio.get_running_loop()
        asked_s = loop.time()
        self.started, self._came_s = True, None
        self._lost = True  # until it is here: a receive that is cancelled may have swallowed bytes
        # `asyncio.timeout` takes four times as long, for each message.
        idle_s = self._body_idle_timeout_s
        timer = loop.call_later(idle_s, self._time_out, asked_s + idle_s)
        try:
            message = await self._message()
        finally:
            timer.cancel()
        self._check_not_lost(message)
        chunk: bytes = message.get("body", b"")
        self.complete = not message.get("more_body", False)
        self._came_s = loop.time()
        self._count(len(chunk), self._came_s - asked_s)
        return chunk

    def _check_not_lost(self, message: Message) -> None:
        if message["type"] != "http.request":
            raise TruncatedBody("the connection ended before the body was complete")
        self._lost = False

    def _time_out(self, at_s: float) -> None:
        self.deadline.set(at_s, partial(_nothing_came, self._body_idle_timeout_s))

    async def _message(self) -> Message:
        """Return the next message; it may be here, or asked for, already."""
        if self._ahead:
            return self._ahead.popleft()
        asked, self._asked = self._asked, None
        message = await (self._receive() if asked is None else asked)
        self._count_bytes(len(message.get("body", b"")))
        return message

    def _ask_ahead(self) -> None:
        ahead_bytes = sum(len(one.get("body", b"")) + _MESSAGE_BYTES for one in self._ahead)
        if self._asked is None and ahead_bytes <= (_AHEAD_BYTES_MAX if self.compressed else 0):
            self._asked = asyncio.ensure_future(self._receive())
            self._asked.add_done_callback(self._keep_ahead)

    def _keep_ahead(self, asked: asyncio.Future[Message]) -> None:
        """Keep a message for later; end the work if the client is gone."""
        if asked is not self._asked or asked.cancelled():
            return  # `_message` waits for it, or the request is answered
        self._asked = None
        message = asked.result()
        self._count_bytes(len(message.get("body", b"")))
        if message["type"] != "http.request":
            self._lost = True
            self.deadline.set(asyncio.get_running_loop().time(), _client_gone)
        else:
            self._ahead.append(message)
            self._ask_ahead()

    def _count(self, size_bytes: int, waited_s: float) -> None:
        self.received_bytes += size_bytes
        if 0 < self._bytes_max < self.received_bytes:
            raise self._too_large()
        self._window_s += waited_s
        self._window_bytes += size_bytes
        if self._window_s >= self._body_idle_timeout_s:
            least_bytes = self._body_min_rate_bytes * self._window_s
            if self._window_bytes < least_bytes and not self.complete:
                raise BodyTimeout(
                    f"the body came in below {self._body_min_rate_bytes} bytes per second"
                    " (body_min_rate_bytes)"
                )
            self._window_s, self._window_bytes = 0.0, 0

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"the body is over {self._bytes_max} bytes ({self._limit_name})")


def _nothing_came(for_s: float) -> BodyTimeout:
    wait_ms = round(for_s * 1000)
    return BodyTimeout(f"no byte of the body came for {wait_ms} ms (body_idle_timeout_ms)")


def _client_gone() -> TruncatedBody:
    return TruncatedBody("the connection ended before the request was answered")
