"""Requests that do not wait for one another, and how their latency is told."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from loadtest.bench.open_loop import Latencies, arrivals, percentile_ms, send_at

OK = b"HTTP/1.1 204 No Content\r\n\r\n"
Answer = Callable[[int], Awaitable[bytes]]


@contextlib.asynccontextmanager
async def server(answer: Answer) -> AsyncIterator[int]:
    """Answer the n-th line that comes, over whatever connection, with what `answer` returns."""
    numbers = itertools.count()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            while await reader.readline():
                writer.write(await answer(next(numbers)))

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        yield int(listening.sockets[0].getsockname()[1])


def send(answer: Answer, instants: list[float], *, connections: int = 1) -> Latencies:
    async def main() -> Latencies:
        async with server(answer) as port:
            return await send_at(
                instants, lambda _: b"\n", port=port, status=204, connections=connections
            )

    return asyncio.run(main())


def test_arrivals_are_seeded_ascending_and_at_the_rate() -> None:
    instants = arrivals(2000, 100.0, seed=1)
    assert instants == arrivals(2000, 100.0, seed=1) != arrivals(2000, 100.0, seed=2)
    assert instants == sorted(instants)
    assert instants[-1] == pytest.approx(20.0, rel=0.15)


def test_later_requests_do_not_wait_for_earlier_answers() -> None:
    """The first is answered only once all have come: a closed loop would never end."""

    async def main() -> Latencies:
        all_came = asyncio.Event()

        async def answer(number: int) -> bytes:
            if number == 4:
                all_came.set()
            await all_came.wait()
            return OK

        async with asyncio.timeout(10), server(answer) as port:
            instants = [0.0, 0.01, 0.02, 0.03, 0.04]
            return await send_at(instants, lambda _: b"\n", port=port, status=204, connections=1)

    latencies = asyncio.run(main())
    assert latencies.connections == 5
    assert latencies.answered_s[0] >= 0.035  # counted from its own instant
    assert latencies.answered_s[4] < latencies.answered_s[0]


def test_latency_counts_from_when_a_request_was_due() -> None:
    async def answer(_: int) -> bytes:
        return OK

    # Both were due in the past, by a second and more.
    latencies = send(answer, [-2.0, -1.0])
    assert latencies.answered_s[0] >= 2.0
    assert latencies.answered_s[1] >= 1.0
    assert min(latencies.late_s) >= 1.0


def test_another_status_is_no_figure() -> None:
    async def answer(_: int) -> bytes:
        return b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 2\r\n\r\nno"

    with pytest.raises(ExceptionGroup) as caught:
        send(answer, [0.0])
    assert "429" in str(caught.value.exceptions[0])


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([5.0], 0.5, 5.0),
        ([4.0, 1.0, 3.0, 2.0], 0.5, 2.0),
        ([4.0, 1.0, 3.0, 2.0], 0.51, 3.0),
        ([float(n) for n in range(1, 101)], 0.99, 99.0),
        ([float(n) for n in range(1, 11)], 0.99, 10.0),
    ],
)
def test_percentile_is_the_smallest_value_that_enough_do_not_exceed(
    values: list[float], share: float, expected: float
) -> None:
    assert percentile_ms(values, share) == expected * 1000
