"""The bytes of one request body, timed and counted while they arrive.

Granian hands over one message per frame and never says why a body ended early: only
`more_body = False` means complete (a cut connection and a bad chunk look alike). There is no body
timeout below this module, so every wait is timed here.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import ClassVar

from utility_ts_analytics.asgi.cut import Cut
from utility_ts_analytics.asgi.progress import Progress
from utility_ts_analytics.asgi.types import Message, Receive
from utility_ts_analytics.errors import (
    BodyTimeout,
    BodyTooLarge,
    TruncatedBody,
)

_LONG_WORK_S = 0.25
"""Once the work on what came has taken so long, seconds, further messages are asked for beside it:
they say when the client is gone. Not always: that would cost every small post 60 us."""
_AHEAD_BYTES_MAX = 192 * 1024
"""Of messages that came so, where the body is compressed and so the work on each may be long; of
other bodies one is enough. One more than that may come."""
_MESSAGE_BYTES = 512
"""What a message weighs beside its content, at the most."""
_DISCARD_S = 2.0
"""How long the rest of a body is read and dropped after an early answer; without this, 3 of 10
clients that do not wait for `100 Continue` lose the answer (measured on Granian 2.8.7)."""
_DISCARD_BYTES_MAX = 256 * 1024 * 1024
"""How much of it; at the full speed of a loop-back this is about 0.1 s of the worker's CPU."""
_DISCARDS_MAX = 64
"""How many at a time in one worker. The answers beyond go out all the same, and clients whose body
fits into the buffers of the connection, or who read after a failed send, still get them."""


class RequestBody:
    """Reads one body. Used by one task on one loop.

    Attributes:
        cut: Around all work on the body: ends it from outside, whatever it waits for.
        progress: What the body has been good for.
        compressed: Whether each byte of it may be much work.

    Args:
        receive: ASGI's receive of this request.
        bytes_max: Longest body as sent, bytes; 0 = no limit.
        limit_name: The setting that `bytes_max` comes from, for the error.
        idle_timeout_s: Longest wait for the next bytes, seconds.
        min_rate_bytes: Least rate in bytes per second, averaged over `idle_timeout_s` of waiting
            for the client; time in which we do not read does not count. 0 = off.
    """

    _discards: ClassVar[int] = 0  # under way in this process, which has one event loop

    def __init__(
        self,
        receive: Receive,
        *,
        bytes_max: int,
        limit_name: str,
        idle_timeout_s: float,
        min_rate_bytes: int,
    ) -> None:
        self.cut = Cut()
        self.progress = Progress(min_rate_bytes, idle_timeout_s)
        self.received_bytes = 0
        self.complete = False
        self.compressed = False
        self.started = False
        self._receive = receive
        self._bytes_max = bytes_max
        self._limit_name = limit_name
        self._idle_timeout_s = idle_timeout_s
        self._min_rate_bytes = min_rate_bytes
        self._window_s = 0.0
        self._window_bytes = 0
        self._came_s: float | None = None  # when the last message came, while it is worked on
        self._asked: asyncio.Future[Message] | None = None
        self._ahead: deque[Message] = deque()
        self._lost = False

    def check_length_or_raise(self, content_length: int | None) -> None:
        """Judge an announced length before any of the body is asked for.

        Raises:
            BodyTooLarge: It is over the limit.
        """
        if content_length is not None and 0 < self._bytes_max < content_length:
            raise self._too_large()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body piece by piece, as it arrives; pieces are never empty. Within `cut` only.

        Raises:
            TruncatedBody: The body ended before its framing said so.
            BodyTimeout: Too little came. Where nothing came for too long, `cut` raises it.
            BodyTooLarge: More came than is allowed; the part over the limit is not yielded.
        """
        self.progress.begin()
        while not self.complete:
            chunk = await self._next()
            if chunk:
                yield chunk

    def look_ahead(self, now_s: float) -> None:
        """Ask for one message more, if the last one has been worked on for long.

        Args:
            now_s: The loop's time, seconds. To be called every now and then during that work.
        """
        if self._came_s is not None and now_s >= self._came_s + _LONG_WORK_S:
            self._ask_ahead()

    def forget_client(self) -> None:
        """Ask for no message any more: a request that is still asked for keeps a connection open.

        To be called when the request is answered.
        """
        if self._asked is not None:
            self._asked.cancel()

    async def discard_rest(self) -> None:
        """Read and drop what still comes, so that an early answer arrives.

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
        message: Message | None = None
        # `asyncio.timeout` would take four times as long, for each message of each small post.
        silence = loop.call_later(self._idle_timeout_s, self._end_of_patience, loop)
        try:
            message = await self._message()
        finally:
            silence.cancel()
            # A receive that is cancelled may have swallowed bytes.
            self._lost = message is None or message["type"] != "http.request"
        if self._lost:
            raise TruncatedBody("the connection ended before the body was complete")
        chunk: bytes = message.get("body", b"")
        self.complete = not message.get("more_body", False)
        self._came_s = loop.time()
        self._count(len(chunk), self._came_s - asked_s)
        return chunk

    def _end_of_patience(self, loop: asyncio.AbstractEventLoop) -> None:
        self.cut.at(loop.time(), self._silent)

    def _silent(self) -> BodyTimeout:
        wait_ms = round(self._idle_timeout_s * 1000)
        return BodyTimeout(f"no byte of the body came for {wait_ms} ms (body_idle_timeout_ms)")

    async def _message(self) -> Message:
        """Return the next message, which may have come or been asked for already."""
        if self._ahead:
            return self._ahead.popleft()
        asked, self._asked = self._asked, None
        if asked is None:
            return await self._receive()
        return await asked

    def _ask_ahead(self) -> None:
        ahead_bytes = sum(len(one.get("body", b"")) + _MESSAGE_BYTES for one in self._ahead)
        if self._asked is None and ahead_bytes <= (_AHEAD_BYTES_MAX if self.compressed else 0):
            self._asked = asyncio.ensure_future(self._receive())
            self._asked.add_done_callback(self._looked)

    def _looked(self, asked: asyncio.Future[Message]) -> None:
        """Keep what came; end the work if it is that the client is gone."""
        if asked is not self._asked or asked.cancelled():
            return  # it is being waited for, or nobody wants it any more
        self._asked = None
        message = asked.result()
        if message["type"] != "http.request":
            self._lost = True
            self.cut.at(asyncio.get_running_loop().time(), _client_gone)
        else:
            self._ahead.append(message)
            self._ask_ahead()

    def _count(self, size_bytes: int, waited_s: float) -> None:
        self.received_bytes += size_bytes
        if 0 < self._bytes_max < self.received_bytes:
            raise self._too_large()
        self._window_s += waited_s
        self._window_bytes += size_bytes
        if self._window_s >= self._idle_timeout_s:
            if self._window_bytes < self._min_rate_bytes * self._window_s and not self.complete:
                raise BodyTimeout(
                    f"the body came in below {self._min_rate_bytes} bytes per second"
                    " (body_min_rate_bytes)"
                )
            self._window_s, self._window_bytes = 0.0, 0

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"the body is over {self._bytes_max} bytes ({self._limit_name})")


def _client_gone() -> TruncatedBody:
    return TruncatedBody("the connection ended before the request was answered")
