"""A place is held while a request lasts, and goes to another where its client is too slow."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from utility_ts_analytics.asgi import admission
from utility_ts_analytics.asgi.admission import Admission
from utility_ts_analytics.asgi.body import RequestBody
from utility_ts_analytics.buffering import intake
from utility_ts_analytics.buffering.intake import Intake
from utility_ts_analytics.buffering.queue import BlockQueue
from utility_ts_analytics.errors import BodyTimeout, ClientError, Draining, Overloaded


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "_PATIENCE_S", 0.1)
    monkeypatch.setattr(admission, "_EMPTY_PATIENCE_S", 0.05)
    monkeypatch.setattr(admission, "_LOOK_AGAIN_S", 0.0)


class Uploads:
    """Bodies of clients that send nothing more, each read by a task of its own."""

    def __init__(self, places: int, rows_max: int = 10) -> None:
        self.queue = BlockQueue(rows_max=rows_max, bytes_max=1_000)
        self.intake = Intake([self.queue], max_concurrent_requests=places, refusal=lambda: None)
        self.admission = Admission(self.intake)

    def start(
        self, holder: str = "", *, taken_rows: int = 0, useful_bytes: int = 0
    ) -> "asyncio.Task[ClientError | None]":
        return asyncio.create_task(self._upload(holder, taken_rows, useful_bytes))

    async def _upload(self, holder: str, taken_rows: int, useful_bytes: int) -> ClientError | None:
        body = silent_body()
        try:
            with self.admission.admitted_or_raise(body, holder) as session:
                session.settlement.take(taken_rows)
                body.progress.useful_bytes = useful_bytes
                with body.deadline:
                    async for _ in body.chunks():
                        pass
        except ClientError as error:
            return error
        return None


def silent_body() -> RequestBody:
    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    return RequestBody(
        receive, bytes_max=0, limit_name="", body_idle_timeout_s=30.0, body_min_rate_bytes=1_000
    )


async def started(uploads: Sequence["asyncio.Task[ClientError | None]"]) -> None:
    await asyncio.sleep(0)
    assert not any(upload.done() for upload in uploads)


def run(test: Callable[[], Any]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(10):
            await test()

    asyncio.run(bounded())


def test_place_is_free_again_after_the_request() -> None:
    async def test() -> None:
        uploads = Uploads(places=1)
        first = uploads.start()
        await started([first])
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        assert (uploads.intake.sessions, uploads.queue.producers) == (0, 0)
        await started([uploads.start()])

    run(test)


def test_request_without_a_place_is_told_when_to_come_back() -> None:
    async def test() -> None:
        uploads = Uploads(places=1)
        await started([uploads.start()])
        error = await uploads.start()
        assert isinstance(error, Overloaded)
        assert int(error.headers["retry-after"]) >= 1
        assert uploads.intake.sessions == 1

    run(test)


def test_slow_upload_gives_way_to_one_other_and_is_answered() -> None:
    async def test() -> None:
        uploads = Uploads(places=2)
        slow = [uploads.start(), uploads.start()]
        await started(slow)
        await asyncio.sleep(0.06)
        later = [uploads.start(), uploads.start(), uploads.start()]
        await asyncio.wait(slow)
        for one in slow:
            error = one.result()
            assert isinstance(error, BodyTimeout)
            assert "max_concurrent_requests" in error.detail
        assert isinstance(await later[2], Overloaded)
        assert not later[0].done()
        assert not later[1].done()
        assert uploads.intake.sessions == 2

    run(test)


def test_upload_with_rows_on_their_way_keeps_its_place() -> None:
    async def test() -> None:
        uploads = Uploads(places=1)
        await started([uploads.start(taken_rows=1)])
        await asyncio.sleep(0.06)
        assert isinstance(await uploads.start(), Overloaded)

    run(test)


def test_nobody_gives_way_where_rows_and_not_places_are_short(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(intake, "_ROOM_AWAITED_S_MAX", 0.01)

    async def test() -> None:
        uploads = Uploads(places=5)
        slow = uploads.start()
        await started([slow])
        await uploads.queue.reserve(10, 0)
        waiting = asyncio.ensure_future(uploads.queue.reserve(1, 0))
        await asyncio.sleep(0.06)
        assert isinstance(await uploads.start(), Overloaded)
        assert not slow.done()
        waiting.cancel()

    run(test)


def test_look_in_vain_is_not_repeated_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "_LOOK_AGAIN_S", 1.0)

    async def test() -> None:
        uploads = Uploads(places=1)
        await started([uploads.start()])
        assert isinstance(await uploads.start(), Overloaded)
        await asyncio.sleep(0.06)
        assert isinstance(await uploads.start(), Overloaded)
        await asyncio.sleep(1.0)
        await started([uploads.start()])

    run(test)


PLENTY = 10**9
"""Useful bytes of an upload that makes progress."""


def test_upload_that_makes_progress_keeps_its_place() -> None:
    async def test() -> None:
        uploads = Uploads(places=1)
        first = uploads.start(useful_bytes=PLENTY)
        await started([first])
        await asyncio.sleep(0.12)
        assert isinstance(await uploads.start(), Overloaded)
        assert not first.done()

    run(test)


def test_upload_that_brings_something_may_lag_for_longer_than_one_that_brings_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def test() -> None:
        monkeypatch.setattr(admission, "_PATIENCE_S", 9.0)
        uploads = Uploads(places=2)
        some = uploads.start(useful_bytes=1)
        nothing = uploads.start()
        await started([some, nothing])
        await asyncio.sleep(0.06)
        await started([uploads.start()])
        assert isinstance(await nothing, BodyTimeout)
        assert not some.done()
        monkeypatch.setattr(admission, "_PATIENCE_S", 0.05)
        await asyncio.sleep(0.06)
        await started([uploads.start()])
        assert isinstance(await some, BodyTimeout)

    run(test)


def test_holder_with_more_places_gives_way_at_once_to_one_with_fewer() -> None:
    async def test() -> None:
        uploads = Uploads(places=3)
        honest = uploads.start("honest")
        crowd = [uploads.start("crowd"), uploads.start("crowd")]
        await started([honest, *crowd])
        newcomer = uploads.start("newcomer")
        assert isinstance(await crowd[0], BodyTimeout)
        await started([newcomer, honest, crowd[1]])

    run(test)


def test_crowd_of_another_holder_throws_out_no_upload_that_makes_progress() -> None:
    async def test() -> None:
        uploads = Uploads(places=3)
        honest = uploads.start("honest", useful_bytes=PLENTY)
        await started([honest, uploads.start("crowd"), uploads.start("crowd")])
        for _ in range(5):
            uploads.start("crowd")
            await asyncio.sleep(0.06)
        assert not honest.done()
        assert uploads.intake.sessions == 3

    run(test)


def test_last_places_are_not_for_who_has_all_the_others() -> None:
    async def test() -> None:
        uploads = Uploads(places=32)
        crowd = [uploads.start("crowd", useful_bytes=PLENTY) for _ in range(30)]
        await started(crowd)
        refusal = await uploads.start("crowd")
        assert isinstance(refusal, Overloaded)
        assert "30 requests of this client" in refusal.detail
        others = [uploads.start("other", useful_bytes=PLENTY) for _ in range(2)]
        await started([*others, *crowd])
        assert isinstance(await uploads.start("third"), Overloaded)

    run(test)


def test_holder_at_its_bound_has_its_own_slowest_upload_ended() -> None:
    async def test() -> None:
        uploads = Uploads(places=16)
        crowd = [uploads.start("crowd") for _ in range(15)]
        await started(crowd)
        await asyncio.sleep(0.06)
        await started([uploads.start("crowd")])
        assert isinstance(await crowd[0], BodyTimeout)

    run(test)


def test_look_in_vain_of_a_crowd_stands_in_nobody_elses_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(admission, "_LOOK_AGAIN_S", 60.0)

    async def test() -> None:
        uploads = Uploads(places=3)
        await started([uploads.start("crowd") for _ in range(3)])
        assert isinstance(await uploads.start("crowd"), Overloaded)
        await started([uploads.start("newcomer")])

    run(test)


def test_upload_whose_body_is_read_does_not_give_way() -> None:
    async def test() -> None:
        uploads = Uploads(places=1)
        body = silent_body()
        with uploads.admission.admitted_or_raise(body):
            body.progress.begin()
            body.progress.end()
            await asyncio.sleep(0.12)
            assert isinstance(await uploads.start(), Overloaded)

    run(test)


def test_drain_cuts_bodies_admitted_before_and_after_it() -> None:
    async def test() -> None:
        uploads = Uploads(places=2)
        before = uploads.start()
        await started([before])
        uploads.admission.stop_bodies(asyncio.get_running_loop().time())
        after = uploads.start()
        assert isinstance(await before, Draining)
        assert isinstance(await after, Draining)

    run(test)
