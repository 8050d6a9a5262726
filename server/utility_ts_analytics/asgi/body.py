"""The bytes of one request body, timed and counted while they arrive.

Granian hands over one message per frame and never says why a body ended early: only
`more_body = False` means complete (a cut connection and a bad chunk look alike). There is no body
timeout below this module, so every wait is timed here.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import ClassVar

from utility_ts_analytics.asgi.types import Receive
from utility_ts_analytics.errors import (
    BodyTimeout,
    BodyTooLarge,
    ClientError,
    TruncatedBody,
)

_DISCARD_S = 2.0
"""How long the rest of a body is read and dropped after an early answer; without this, 3 of 10
clients that do not wait for `100 Continue` lose the answer (measured on Granian 2.8.7)."""
_DISCARD_BYTES_MAX = 256 * 1024 * 1024
"""How much of it; at the full speed of a loop-back this is about 0.1 s of the worker's CPU."""
_DISCARDS_MAX = 64
"""How many at a time in one worker. The answers beyond go out all the same, and clients whose body
fits into the buffers of the connection, or who read after a failed send, still get them."""


class RequestBody:
    """Reads one body. Used by one task; `cut` may be called by another on the same loop.

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
        self.received_bytes = 0
        self.complete = False
        self.started = False
        self._receive = receive
        self._bytes_max = bytes_max
        self._limit_name = limit_name
        self._idle_timeout_s = idle_timeout_s
        self._min_rate_bytes = min_rate_bytes
        self._window_s = 0.0
        self._window_bytes = 0
        self._asked_s: float | None = None
        self._cut_at_s: float | None = None
        self._cut_error: Callable[[], ClientError] | None = None
        self._timeout: asyncio.Timeout | None = None
        self._lost = False

    def check_length_or_raise(self, content_length: int | None) -> None:
        """Judge an announced length before any of the body is asked for.

        Raises:
            BodyTooLarge: It is over the limit.
        """
        if content_length is not None and 0 < self._bytes_max < content_length:
            raise self._too_large()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body piece by piece, as it arrives; pieces are never empty.

        Raises:
            TruncatedBody: The body ended before its framing said so.
            BodyTimeout: Nothing came for too long, or too little.
            BodyTooLarge: More came than is allowed; the part over the limit is not yielded.
            ClientError: What `cut` was told: the body is not waited for any longer.
        """
        while not self.complete:
            chunk = await self._next()
            if chunk:
                yield chunk

    def is_too_slow(self, now_s: float, patience_s: float) -> bool:
        """Tell whether the client has been below the minimum rate for `patience_s` seconds.

        Only the time in which we waited for it counts, and only while we do. Where no minimum rate
        is set, less than one byte per second is too slow.

        Args:
            now_s: The loop's time, seconds.
            patience_s: Shorter than the idle time-out: for a worker that has no place left.
        """
        if self._asked_s is None:
            return False
        waited_s = self._window_s + now_s - self._asked_s
        return waited_s >= patience_s and self._window_bytes < waited_s * max(
            1, self._min_rate_bytes
        )

    def cut(self, at_s: float, error: Callable[[], ClientError]) -> None:
        """Stop waiting for this body at loop time `at_s`, seconds, and end it with a new `error`.

        An error that was raised and is kept holds the frames it went through, and with them the
        connection.
        """
        if self._cut_at_s is not None and self._cut_at_s <= at_s:
            return
        self._cut_at_s, self._cut_error = at_s, error
        if self._timeout is not None:
            when = self._timeout.when()
            self._timeout.reschedule(at_s if when is None else min(at_s, when))

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
                    message = await self._receive()
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
        deadline_s = asked_s + self._idle_timeout_s
        if self._cut_at_s is not None:
            deadline_s = min(deadline_s, self._cut_at_s)
        self.started = True
        self._asked_s = asked_s
        try:
            async with asyncio.timeout_at(deadline_s) as self._timeout:
                message = await self._receive()
        except TimeoutError:
            self._lost = True  # the cancelled receive may have swallowed bytes
            raise self._timed_out(asked_s + self._idle_timeout_s) from None
        finally:
            self._timeout = self._asked_s = None
        if message["type"] != "http.request":
            self._lost = True
            raise TruncatedBody("the connection ended before the body was complete")
        chunk: bytes = message.get("body", b"")
        self.complete = not message.get("more_body", False)
        self._count(len(chunk), loop.time() - asked_s)
        return chunk

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

    def _timed_out(self, idle_at_s: float) -> ClientError:
        # Not asked of the clock: uvloop's timers fire up to half a millisecond early.
        cut_error, cut_at_s = self._cut_error, self._cut_at_s
        if cut_error is not None and cut_at_s is not None and cut_at_s <= idle_at_s:
            return cut_error()
        wait_ms = round(self._idle_timeout_s * 1000)
        return BodyTimeout(f"no byte of the body came for {wait_ms} ms (body_idle_timeout_ms)")

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"the body is over {self._bytes_max} bytes ({self._limit_name})")
