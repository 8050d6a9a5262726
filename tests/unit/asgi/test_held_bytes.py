"""What requests hold of one kind stays within the bound, and one alone always comes in."""

import asyncio
import contextlib
import weakref
from collections.abc import Callable, Container, Coroutine
from typing import Any

import pytest

from utility_ts_analytics.asgi import held_bytes
from utility_ts_analytics.asgi.body import RequestBody
from utility_ts_analytics.asgi.held_bytes import HeldBytes, HeldShare
from utility_ts_analytics.errors import Overloaded


def nobody(body: RequestBody, among: Container[RequestBody]) -> bool:
    assert body not in among
    return False


def of_ten(*, wait_s: float = 0.0) -> HeldBytes:
    return HeldBytes(10, "arrays (channel_capacity_bytes)", nobody, wait_s=wait_s)


def a_body() -> RequestBody:
    async def receive() -> Any:
        raise AssertionError

    return RequestBody(
        receive, bytes_max=0, limit_name="", body_idle_timeout_s=1.0, body_min_rate_bytes=0
    )


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(10):
            await test()

    asyncio.run(bounded())


def test_one_request_alone_may_hold_more_than_the_bound() -> None:
    async def test() -> None:
        held = of_ten()
        with held.share(a_body()) as share:
            await share.hold(8)
            await share.hold(8)
            assert (held.held_bytes, share.held_bytes) == (16, 16)
        assert held.held_bytes == 0

    run(test)


def test_request_that_finds_no_room_is_refused_and_the_others_are_not() -> None:
    async def test() -> None:
        held = of_ten()
        with held.share(a_body()) as first:
            await first.hold(6)
            with held.share(a_body(), "other") as second:
                await second.hold(4)
                with pytest.raises(Overloaded, match="channel_capacity_bytes"):
                    await second.hold(1)
                with pytest.raises(Overloaded):
                    await first.hold(1)
            await first.hold(4)
            with held.share(a_body()) as third, pytest.raises(Overloaded):
                await third.hold(1)
            assert held.held_bytes == 10

    run(test)


def test_room_is_given_back_however_the_request_ends() -> None:
    async def test() -> None:
        held = of_ten()

        async def broken() -> None:
            with held.share(a_body()) as share:
                await share.hold(5)
                raise ValueError("broken")

        with pytest.raises(ValueError, match="broken"):
            await broken()
        assert held.held_bytes == 0

    run(test)


def test_request_that_held_nothing_is_forgotten_at_its_end() -> None:
    async def test() -> None:
        held, body = of_ten(), a_body()
        gone = weakref.ref(body)
        with held.share(body) as share:
            await share.hold(0)  # an empty piece: zstd about to open a window
        del body, share
        assert gone() is None

    run(test)


def test_who_may_wait_gets_room_in_the_order_of_asking() -> None:
    async def test() -> None:
        held, order = of_ten(wait_s=5.0), []

        async def waiting(name: str, size_bytes: int) -> None:
            with held.share(a_body()) as share:
                await share.hold(size_bytes)
                order.append(name)
                assert held.held_bytes <= 10

        with held.share(a_body()) as first:
            await first.hold(8)
            tasks = [asyncio.create_task(waiting(*one)) for one in (("large", 9), ("small", 2))]
            await asyncio.sleep(0.02)
            assert order == []
        await asyncio.gather(*tasks)
        assert order == ["large", "small"]

    run(test)


def test_wait_ends_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_bytes, "_LEAVING_S", 0.01)

    async def test() -> None:
        held = of_ten(wait_s=0.05)
        with held.share(a_body()) as first, held.share(a_body(), "other") as second:
            await first.hold(8)
            with pytest.raises(Overloaded):
                await second.hold(8)
            await second.hold(2)

    run(test)


def test_request_that_brings_nothing_gives_way_and_its_room_is_the_next_ones() -> None:
    async def test() -> None:
        shares: list[HeldShare] = []

        def make_way(body: RequestBody, among: Container[RequestBody]) -> bool:
            assert lagging in among
            assert body is not lagging
            asyncio.get_running_loop().call_later(0.02, lambda: shares[0].release())
            return True

        held, lagging = HeldBytes(10, "arrays", make_way), a_body()
        with held.share(lagging) as first, held.share(a_body()) as second:
            shares.append(first)
            await first.hold(10)
            await second.hold(10)
            assert (first.held_bytes, second.held_bytes) == (0, 10)

    run(test)


def test_time_of_the_wait_does_not_count_against_the_client() -> None:
    async def test() -> None:
        held, body, loop = of_ten(wait_s=5.0), a_body(), asyncio.get_running_loop()
        body.progress.begin()
        with held.share(a_body()) as first, held.share(body) as second:
            await first.hold(8)
            loop.call_later(0.05, first.release)
            await second.hold(8)
        assert body.progress.lags_s(loop.time()) < 0.04

    run(test)


def test_one_holder_leaves_a_quarter_to_others_and_does_not_stand_in_their_way() -> None:
    async def test() -> None:
        held = of_ten(wait_s=5.0)
        with contextlib.ExitStack() as shares:
            for _ in range(4):
                await shares.enter_context(held.share(a_body(), "crowd")).hold(2)
            more = [shares.enter_context(held.share(a_body(), "crowd")) for _ in range(3)]
            waiting = [asyncio.ensure_future(share.hold(1)) for share in more]
            await asyncio.sleep(0.01)
            async with asyncio.timeout(1.0):
                await shares.enter_context(held.share(a_body(), "other")).hold(2)
            assert not any(task.done() for task in waiting)
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    run(test)
