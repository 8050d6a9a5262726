"""A worker says what state it is in, and a drain stops new requests, bodies and lanes in turn."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

from tests.unit.delivery.lane_rig import Rig, turns

from utility_ts_analytics.asgi.endpoint import IngestEndpoint
from utility_ts_analytics.buffering.block import Failure
from utility_ts_analytics.service.http_server import DRAIN_SIGNAL
from utility_ts_analytics.service.monitoring.database_watch import DatabaseWatch
from utility_ts_analytics.service.shared_worker_state import (
    DRAINING,
    REFUSING,
    SERVING,
    STARTING,
    STOPPED,
    WorkerState,
    WorkerStateFile,
    read_workers,
)
from utility_ts_analytics.service.stream_worker import DrainState, StreamWorker, resident_bytes
from utility_ts_analytics.sinks.contract import Delivered
from utility_ts_analytics.telemetry.layout import offset_of
from utility_ts_analytics.telemetry.registry import BUFFER_BYTES, BUFFER_ROWS_MAX, WORKER_MEMORY

DRAIN_S = 6.0


class CutNotes:
    """Stands for the endpoint: notes when bodies are to be cut."""

    def __init__(self) -> None:
        self.cuts_s: list[float] = []

    def stop_bodies(self, at_s: float) -> None:
        self.cuts_s.append(at_s)


class IdleWatch(DatabaseWatch):
    """A database that is asked once and then left alone."""

    def __init__(self) -> None:
        self.polls = 0

    async def poll(self) -> None:
        self.polls += 1

    async def run(self) -> None:
        await asyncio.Event().wait()


class WorkerRig:
    """One worker around one lane on a held clock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lane = rig = Rig()
        self.lane.task.cancel()  # the worker runs the lane itself
        self.endpoint = CutNotes()
        self.watch = IdleWatch()
        self.database: Failure | None = None
        self.drain = DrainState()
        self.listens = asyncio.Event()
        self.listens.set()
        self.worker = StreamWorker(
            lanes=[rig.lane],
            endpoint=cast("IngestEndpoint", self.endpoint),  # only `stop_bodies` is used
            watch=self.watch,
            refusal=lambda: self.drain.failure() or self.database,
            listening=self._until_it_listens,
            state_file=WorkerStateFile(folder, "meter_usage"),
            drain=self.drain,
            drain_timeout_s=DRAIN_S,
            clock=self.lane.clock,
        )

    async def _until_it_listens(self) -> None:
        await self.listens.wait()

    async def beat(self) -> WorkerState:
        """Let the worker say something, and return it."""
        self.lane.clock.advance(0.5)
        for _ in range(10):
            await asyncio.sleep(0)
        [worker] = read_workers(self.folder)
        return worker


def with_worker(
    folder: Path, check: Callable[[WorkerRig], Awaitable[None]], *, listens: bool = True
) -> None:
    async def main() -> None:
        rig = WorkerRig(folder)
        if not listens:
            rig.listens.clear()
        await rig.worker.startup()
        await asyncio.sleep(0)
        try:
            await check(rig)
        finally:
            rig.lane.sink.open_gate = True
            if rig.lane.sink.sending:
                rig.lane.sink.end_send(Delivered())
            await rig.worker.shutdown()

    asyncio.run(main())


def test_database_is_asked_before_the_first_request(tmp_path: Path) -> None:
    async def check(rig: WorkerRig) -> None:
        assert rig.watch.polls == 1

    with_worker(tmp_path, check)


def test_worker_is_starting_until_it_listens(tmp_path: Path) -> None:
    async def check(rig: WorkerRig) -> None:
        assert [(await rig.beat()).state for _ in range(3)] == [STARTING] * 3
        rig.listens.set()
        assert (await rig.beat()).state == SERVING

    with_worker(tmp_path, check, listens=False)


def test_state_follows_the_refusal(tmp_path: Path) -> None:
    async def check(rig: WorkerRig) -> None:
        assert (await rig.beat()).state == SERVING
        rig.database = Failure("sink-unavailable", "away")
        assert (await rig.beat()).state == REFUSING
        rig.database = None
        assert (await rig.beat()).state == SERVING

    with_worker(tmp_path, check)


def test_what_is_held_and_how_much_memory_is_said(tmp_path: Path) -> None:
    async def check(rig: WorkerRig) -> None:
        await rig.lane.put(7)
        worker = await rig.beat()
        assert worker.held_rows == 7
        assert worker.words[offset_of(BUFFER_BYTES)] > 0
        assert worker.words[offset_of(BUFFER_ROWS_MAX)] == rig.lane.queue.rows_max
        assert worker.words[offset_of(WORKER_MEMORY)] > 10_000_000

    with_worker(tmp_path, check)


def test_drain_signal_refuses_new_requests_and_cuts_bodies_before_the_end(tmp_path: Path) -> None:
    async def check(rig: WorkerRig) -> None:
        began_s = asyncio.get_running_loop().time()
        os.kill(os.getpid(), DRAIN_SIGNAL)
        while not rig.endpoint.cuts_s:
            await asyncio.sleep(0.001)
        failure = rig.worker.refusal()
        assert failure is not None
        assert failure.code == "draining"
        [cut_s] = rig.endpoint.cuts_s
        assert 0 < cut_s - began_s < DRAIN_S
        assert (await rig.beat()).state == DRAINING
        os.kill(os.getpid(), DRAIN_SIGNAL)
        await asyncio.sleep(0.01)
        assert rig.endpoint.cuts_s == [cut_s], "a second signal moves nothing"

    with_worker(tmp_path, check)


def test_drain_limit_gives_rows_back_that_a_request_still_waits_for(tmp_path: Path) -> None:
    async def check(rig: WorkerRig) -> None:
        settlement = await rig.lane.put(7)
        os.kill(os.getpid(), DRAIN_SIGNAL)
        while not rig.endpoint.cuts_s:
            await asyncio.sleep(0.001)
        await turns()
        assert settlement.open_rows == 7
        rig.lane.clock.advance(DRAIN_S)
        await turns()
        assert (settlement.failed_rows, settlement.open_rows) == (7, 0)
        assert settlement.failure is not None
        assert settlement.failure.code == "draining"

    with_worker(tmp_path, check)


def test_shutdown_stores_what_is_held_and_says_stopped(tmp_path: Path) -> None:
    settlements = []

    async def check(rig: WorkerRig) -> None:
        settlements.append(await rig.lane.put(7))

    with_worker(tmp_path, check)
    [settlement] = settlements
    assert (settlement.stored_rows, settlement.open_rows) == (7, 0)
    [worker] = read_workers(tmp_path)
    assert (worker.state, worker.held_rows) == (STOPPED, 0)


def test_memory_that_is_used_is_seen() -> None:
    def growth() -> int:
        before = resident_bytes()
        assert before > 5_000_000
        held = b"x" * 50_000_000
        after = resident_bytes()
        del held
        return after - before

    # Threads of other tests may give memory back in between.
    assert any(growth() > 40_000_000 for _ in range(3))
