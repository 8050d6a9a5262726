"""Every wait of a body is timed, every byte counted, and only the framing's end is the end."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import uvloop

from utility_ts_analytics.asgi.body import RequestBody
from utility_ts_analytics.errors import BodyTimeout, BodyTooLarge, Draining, TruncatedBody

Step = bytes | float | str


def scripted(steps: list[Step], *, end: bool = True) -> Callable[[], Awaitable[dict[str, Any]]]:
    """Return a receive that hands over chunks, waits seconds, or disconnects."""
    left = list(steps)

    async def receive() -> dict[str, Any]:
        while left and isinstance(left[0], float):
            await asyncio.sleep(left.pop(0))  # type: ignore[arg-type]
        if left:
            step = left.pop(0)
            if isinstance(step, str):
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": step, "more_body": True}
        if not end:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": b"", "more_body": False}

    return receive


def body_of(
    steps: list[Step], *, end: bool = True, bytes_max: int = 0, idle_s: float = 5.0, rate: int = 0
) -> RequestBody:
    return RequestBody(
        scripted(steps, end=end),
        bytes_max=bytes_max,
        limit_name="max_body_bytes",
        body_idle_timeout_s=idle_s,
        body_min_rate_bytes=rate,
    )


async def read(body: RequestBody) -> bytes:
    with body.deadline:
        return b"".join([chunk async for chunk in body.chunks()])


def test_a_complete_body_is_handed_over_unchanged() -> None:
    body = body_of([b"ab", b"", b"c"])
    assert asyncio.run(read(body)) == b"abc"
    assert body.complete
    assert body.received_bytes == 3


def test_a_disconnect_is_never_taken_for_the_end() -> None:
    body = body_of([b"ab", "disconnect"])
    with pytest.raises(TruncatedBody):
        asyncio.run(read(body))
    assert not body.complete


def test_the_limit_names_its_setting_and_holds_for_what_arrives() -> None:
    with pytest.raises(BodyTooLarge, match=r"4 bytes \(max_body_bytes\)"):
        asyncio.run(read(body_of([b"abc", b"de"], bytes_max=4)))
    assert asyncio.run(read(body_of([b"abc", b"d"], bytes_max=4))) == b"abcd"


@pytest.mark.parametrize(("length", "refused"), [(None, False), (4, False), (5, True)])
def test_an_announced_length_is_judged_before_anything_is_read(
    length: int | None, refused: bool
) -> None:
    body = body_of([b"x"], bytes_max=4)
    if refused:
        with pytest.raises(BodyTooLarge):
            body.check_length_or_raise(length)
    else:
        body.check_length_or_raise(length)
    assert not body.started


def test_silence_ends_in_a_timeout() -> None:
    with pytest.raises(BodyTimeout, match="body_idle_timeout_ms"):
        asyncio.run(read(body_of([b"a"], end=False, idle_s=0.02)))


def test_a_trickle_below_the_minimum_rate_ends_in_a_timeout() -> None:
    steps: list[Step] = [piece for _ in range(50) for piece in (0.01, b"x")]
    with pytest.raises(BodyTimeout, match="body_min_rate_bytes"):
        asyncio.run(read(body_of(steps, idle_s=0.05, rate=10_000)))


def test_time_in_which_the_service_does_not_read_does_not_count_against_the_client() -> None:
    async def read_slowly(body: RequestBody) -> int:
        count = 0
        async for _ in body.chunks():
            await asyncio.sleep(0.02)
            count += 1
        return count

    body = body_of([b"x"] * 10, idle_s=0.05, rate=10_000)
    assert asyncio.run(read_slowly(body)) == 10


def test_a_cut_ends_a_wait_that_is_already_under_way() -> None:
    async def run() -> None:
        body = body_of([b"a"], end=False)
        loop = asyncio.get_running_loop()
        loop.call_later(0.02, lambda: body.deadline.set(loop.time(), lambda: Draining("stops", 1)))
        await read(body)

    with pytest.raises(Draining):
        asyncio.run(run())


def test_a_cut_is_no_idle_timeout_although_the_timer_of_the_loop_fires_early() -> None:
    async def run(wait_s: float) -> None:
        body = body_of([], end=False)
        body.deadline.set(asyncio.get_running_loop().time() + wait_s, lambda: Draining("stops", 1))
        await read(body)

    for number in range(20):  # in two of five cases it does, by up to half a millisecond
        with pytest.raises(Draining):
            uvloop.run(run(0.002 + number * 0.0001))


def test_the_earlier_of_two_cuts_holds() -> None:
    async def run(first_s: float, second_s: float) -> None:
        body = body_of([], end=False)
        body.deadline.set(asyncio.get_running_loop().time() + first_s, lambda: Draining("first", 1))
        body.deadline.set(
            asyncio.get_running_loop().time() + second_s, lambda: BodyTimeout("second")
        )
        await read(body)

    with pytest.raises(Draining):
        asyncio.run(run(0.01, 5.0))
    with pytest.raises(BodyTimeout, match="second"):
        asyncio.run(run(5.0, 0.01))


@contextlib.asynccontextmanager
async def looked_after(body: RequestBody) -> AsyncIterator[None]:
    """Ask for what comes beside the work every few milliseconds, as `Admission` does."""

    async def look() -> None:
        while True:
            await asyncio.sleep(0.005)
            body.look(asyncio.get_running_loop().time())

    looking = asyncio.create_task(look())
    try:
        yield
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


def test_client_that_leaves_ends_the_work_on_what_it_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever the work waits for: here, for something that never comes."""
    monkeypatch.setattr("utility_ts_analytics.asgi.body._LONG_WORK_S", 0.01)

    async def work_for_ever(body: RequestBody) -> None:
        async with asyncio.timeout(5.0), looked_after(body):
            with body.deadline:
                async for _ in body.chunks():
                    await asyncio.Event().wait()

    body = body_of([b"a", 0.05, "disconnect"])
    with pytest.raises(TruncatedBody, match="before the request was answered"):
        asyncio.run(work_for_ever(body))
    assert not body.complete


def test_client_that_leaves_after_its_body_is_noticed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("utility_ts_analytics.asgi.body._LONG_WORK_S", 0.01)
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": b"a", "more_body": False},
        {"type": "http.disconnect"},
    ]

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def work_for_ever() -> None:
        body = RequestBody(
            receive, bytes_max=0, limit_name="", body_idle_timeout_s=5.0, body_min_rate_bytes=0
        )
        async with asyncio.timeout(5.0), looked_after(body):
            with body.deadline:
                assert [chunk async for chunk in body.chunks()] == [b"a"]
                await asyncio.Event().wait()

    with pytest.raises(TruncatedBody, match="before the request was answered"):
        asyncio.run(work_for_ever())


def test_what_came_beside_long_work_is_the_next_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("utility_ts_analytics.asgi.body._LONG_WORK_S", 0.01)

    async def read_slowly(body: RequestBody) -> list[bytes]:
        chunks = []
        async with looked_after(body):
            with body.deadline:
                async for chunk in body.chunks():
                    await asyncio.sleep(0.05)
                    chunks.append(chunk)
        body.forget_client()
        return chunks

    assert asyncio.run(read_slowly(body_of([b"a", b"b", b"c"]))) == [b"a", b"b", b"c"]


def test_answered_request_asks_for_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that is still asked for keeps the connection open."""
    monkeypatch.setattr("utility_ts_analytics.asgi.body._LONG_WORK_S", 0.01)

    async def run() -> None:
        body = body_of([b"a"], end=False)
        async with looked_after(body):
            with body.deadline:
                async for _ in body.chunks():
                    await asyncio.sleep(0.05)
                    break
        assert len(asyncio.all_tasks()) == 2
        body.forget_client()
        await asyncio.sleep(0.03)
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(run())


def endless(chunk: bytes) -> Callable[[], Awaitable[dict[str, Any]]]:
    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"type": "http.request", "body": chunk, "more_body": True}

    return receive


def endless_body(chunk: bytes) -> RequestBody:
    return RequestBody(
        endless(chunk), bytes_max=0, limit_name="", body_idle_timeout_s=5.0, body_min_rate_bytes=0
    )


def test_dropping_ends_after_so_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("utility_ts_analytics.asgi.body._DISCARD_BYTES_MAX", 1_000)

    async def run() -> None:
        async with asyncio.timeout(1.0):  # well below the time that bounds it otherwise
            await endless_body(b"x" * 400).discard_rest()

    asyncio.run(run())


def test_dropping_ends_after_so_much_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("utility_ts_analytics.asgi.body._DISCARD_S", 0.02)
    asyncio.run(asyncio.wait_for(endless_body(b"").discard_rest(), 1.0))


def test_only_so_many_bodies_are_dropped_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("utility_ts_analytics.asgi.body._DISCARDS_MAX", 2)

    async def run() -> None:
        first = [asyncio.ensure_future(endless_body(b"").discard_rest()) for _ in range(2)]
        await asyncio.sleep(0)
        await endless_body(b"").discard_rest()
        assert not any(one.done() for one in first)
        for one in first:
            one.cancel()
        await asyncio.gather(*first, return_exceptions=True)
        freed = asyncio.ensure_future(endless_body(b"").discard_rest())
        await asyncio.sleep(0.01)
        assert not freed.done()
        freed.cancel()

    asyncio.run(run())


def test_the_rest_is_dropped_after_an_early_answer() -> None:
    left: list[Step] = [b"a", b"b", b"c"]
    body = body_of(left)

    async def run() -> None:
        with body.deadline:
            async for _ in body.chunks():
                break
        await body.discard_rest()
        assert await body._receive() == {"type": "http.request", "body": b"", "more_body": False}

    asyncio.run(run())
