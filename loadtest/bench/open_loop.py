"""Sends requests at instants fixed in advance, whether or not earlier ones have been answered.

A closed loop asks less of a slow server and so never sees its worst. Here the latency of a request
runs from the instant at which it was due, so waiting for a connection counts too.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from loadtest.bench.figures import percentile

_CONNECTIONS_MAX = 200
"""QuestDB leaves connections beyond 256 without an answer."""


@dataclass(frozen=True, slots=True)
class Latencies:
    """The times of one run, seconds.

    Attributes:
        answered_s: From when each request was due until its answer was complete.
        late_s: How long after that instant each was begun: the generator's own delay.
        connections: That were needed.
        elapsed_s: From the first instant to the last answer.
    """

    answered_s: Sequence[float]
    late_s: Sequence[float]
    connections: int
    elapsed_s: float

    def answered_ms(self, share: float) -> float:
        """Return a percentile of the latency, milliseconds; 0.99 is p99."""
        return percentile(self.answered_s, share) * 1000


def arrivals(count: int, rate_per_s: float, *, seed: int) -> list[float]:
    """Return `count` instants, seconds from the start, as from many senders unknown to each other.

    Poisson: the gaps are exponential with a mean of `1 / rate_per_s`.
    """
    generator = random.Random(seed)
    at_s, instants = 0.0, []
    for _ in range(count):
        at_s += generator.expovariate(rate_per_s)
        instants.append(at_s)
    return instants


async def send_at(
    instants: Sequence[float],
    request: Callable[[int], bytes],
    *,
    port: int,
    status: int,
    connections: int,
) -> Latencies:
    """Send request `n`, a whole HTTP/1.1 request, at instant `n`, and wait for all answers.

    Args:
        instants: Ascending, seconds from now.
        request: Returns the bytes of request `n`.
        port: On the loopback address.
        status: Of a right answer.
        connections: Opened ahead; more are opened as needed.

    Raises:
        RuntimeError: An answer has another status, a connection broke, or more connections than
            any server here can take would be needed.
    """
    loop = asyncio.get_running_loop()
    pool = _Pool(port)
    await pool.open(connections)
    started_s = loop.time()
    late_s: list[float] = []

    async def exchange(number: int, due_s: float) -> float:
        late_s.append(loop.time() - due_s)
        connection = await pool.take()
        answer = await connection.exchange(request(number))
        pool.put(connection)
        if not answer.startswith(b"HTTP/1.1 %d " % status):
            raise RuntimeError(f"cannot measure: {answer[:300].decode(errors='replace')}")
        return loop.time() - due_s

    try:
        async with asyncio.timeout(instants[-1] + 60.0), asyncio.TaskGroup() as group:
            tasks = []
            for number, instant in enumerate(instants):
                due_s = started_s + instant
                if due_s > loop.time():
                    await asyncio.sleep(due_s - loop.time())
                tasks.append(group.create_task(exchange(number, due_s)))
        answered_s = [task.result() for task in tasks]
        return Latencies(answered_s, late_s, pool.size, loop.time() - started_s)
    finally:
        pool.close()


class _Connection(asyncio.Protocol):
    """One kept-alive connection; one exchange at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._received = bytearray()
        self._answer: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # TCP has both directions; uvloop's transports are no subclass that could be asked for.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        size = answer_size(self._received)
        if size is not None and len(self._received) >= size and self._answer is not None:
            answer = bytes(self._received[:size])
            del self._received[:size]
            self._answer.set_result(answer)
            self._answer = None

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(RuntimeError(f"cannot measure: connection lost: {error}"))

    async def exchange(self, request: bytes) -> bytes:
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        self._transport.close()


def answer_size(received: bytes | bytearray) -> int | None:
    """Return how long an HTTP answer is, head and body; None while its head is not complete.

    An answer without Content-Length ends with its head: QuestDB's 204 is one.
    """
    head, end, _ = bytes(received).partition(b"\r\n\r\n")
    if not end:
        return None
    _, _, length = head.lower().partition(b"\r\ncontent-length:")
    return len(head) + 4 + int(length.split(b"\r\n", 1)[0] or 0)


class _Pool:
    """Idle connections, the one idle for longest first, so that all workers get their share."""

    def __init__(self, port: int) -> None:
        self.size = 0
        self._port = port
        self._idle: deque[_Connection] = deque()

    async def open(self, count: int) -> None:
        self._idle.extend([await self._new() for _ in range(count)])

    async def take(self) -> _Connection:
        return self._idle.popleft() if self._idle else await self._new()

    def put(self, connection: _Connection) -> None:
        self._idle.append(connection)

    def close(self) -> None:
        for connection in self._idle:
            connection.close()

    async def _new(self) -> _Connection:
        if self.size == _CONNECTIONS_MAX:
            raise RuntimeError(
                f"cannot measure: {self.size} requests are waiting, it does not keep up"
            )
        self.size += 1
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(_Connection, "127.0.0.1", self._port)
        return connection
