"""Sends requests at instants fixed in advance, whether or not earlier ones have been answered.

A closed loop asks less of a slow server and so never sees its worst. Here the latency of a request
runs from the instant at which it was due, so waiting for a connection counts too.
"""

import asyncio
import random
import re
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

_CONNECTIONS_MAX = 200
"""QuestDB leaves connections beyond 256 without an answer."""
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)

_End = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def percentile_ms(values_s: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` (0..1) of them do not exceed, ms."""
    return float(np.quantile(values_s, share, method="inverted_cdf")) * 1000


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
        ExceptionGroup: An answer has another status, a connection broke, or more connections than
            any server here can take would be needed.
    """
    loop = asyncio.get_running_loop()
    opened: list[_End] = []
    # The one idle for longest first, so that all workers get their share.
    idle: deque[_End] = deque()

    async def connect() -> _End:
        if len(opened) == _CONNECTIONS_MAX:
            raise RuntimeError(f"cannot measure: {len(opened)} requests are waiting")
        opened.append(await asyncio.open_connection("127.0.0.1", port))
        return opened[-1]

    idle.extend([await connect() for _ in range(connections)])
    started_s = loop.time()
    late_s: list[float] = []

    async def exchange(number: int, due_s: float) -> float:
        late_s.append(loop.time() - due_s)
        end = idle.popleft() if idle else await connect()
        reader, writer = end
        writer.write(request(number))
        head = await reader.readuntil(b"\r\n\r\n")
        # An answer without Content-Length ends with its head: QuestDB's 204 is one.
        length = _LENGTH.search(head)
        content = await reader.readexactly(int(length[1]) if length else 0)
        idle.append(end)
        if not head.startswith(b"HTTP/1.1 %d " % status):
            raise RuntimeError(f"cannot measure: {(head + content)[:300].decode(errors='replace')}")
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
        return Latencies(answered_s, late_s, len(opened), loop.time() - started_s)
    finally:
        for _, writer in opened:
            writer.close()
