"""What runs in one worker of a stream: lanes, health, signs of life, and the drain."""

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from utility_ts_analytics.asgi.ingest import IngestEndpoint
from utility_ts_analytics.buffering.block import Failure
from utility_ts_analytics.clock import Clock
from utility_ts_analytics.service.beacon import DRAINING, REFUSING, SERVING, STOPPED, Beacon
from utility_ts_analytics.service.delivery_lane import DeliveryLane
from utility_ts_analytics.service.http_server import DRAIN_SIGNAL
from utility_ts_analytics.service.memory import resident_bytes
from utility_ts_analytics.telemetry.logs import report_left_out
from utility_ts_analytics.telemetry.registry import BUFFER_ROWS_MAX, WORKER_MEMORY

_BEAT_S = 0.5
_BODY_SHARE_OF_DRAIN = 2 / 3
"""Unfinished bodies get this share of the drain, so that the rest is left to store their rows."""

_DRAINING = Failure("draining", "the service is stopping; send the request again", 1)

_log = structlog.get_logger("worker")


class Watch(Protocol):
    """Watches the database in the background."""

    async def poll(self) -> None:
        """Ask once; bounded in time, never raises for trouble with the database."""
        ...

    async def run(self) -> None:
        """Poll until cancelled; never raises for trouble with the database."""
        ...


@dataclass(slots=True)
class DrainState:
    """Whether this worker is stopping; shared by the intake's refusal and the lifecycle."""

    until_s: float | None = None

    def failure(self) -> Failure | None:
        """Return why new requests are refused, or None."""
        return _DRAINING if self.until_s is not None else None


@dataclass(slots=True)
class StreamWorker:
    """The `asgi.app.Lifecycle` of one worker of a stream.

    Attributes:
        lanes: What stores the rows.
        endpoint: Told to cut bodies when a drain begins.
        watch: The database's health.
        refusal: Why requests are refused just now; what the intake asks too.
        beacon: Where signs of life go.
        drain: Shared with the intake.
        drain_timeout_s: From the signal to stop until what is left is given back, seconds.
        clock: Time.
    """

    lanes: Sequence[DeliveryLane]
    endpoint: IngestEndpoint
    watch: Watch
    refusal: Callable[[], Failure | None]
    beacon: Beacon
    drain: DrainState
    drain_timeout_s: float
    clock: Clock
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _drain_tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def startup(self) -> None:
        """Start lanes and watchers. The database need not be there."""
        self.beacon.measures.held = self._held
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(DRAIN_SIGNAL, self._begin_drain)
        for lane in self.lanes:
            await lane.start(self._lane_ended)
        await self.watch.poll()  # so that the first requests are judged by what is the case
        self._tasks = [
            asyncio.create_task(self.watch.run()),
            asyncio.create_task(self._beat()),
        ]

    async def shutdown(self) -> None:
        """Wait until the lanes have drained; every request has ended by now."""
        self._begin_drain()
        await asyncio.gather(*self._drain_tasks)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(lane.close() for lane in self.lanes))
        self._say(STOPPED)

    def _begin_drain(self) -> None:
        if self.drain.until_s is not None:
            return
        self.drain.until_s = self.clock.monotonic_s() + self.drain_timeout_s
        loop = asyncio.get_running_loop()
        self.endpoint.cut_bodies(loop.time() + self.drain_timeout_s * _BODY_SHARE_OF_DRAIN)
        # Not first in `shutdown`: that comes when every request has ended, and a request whose
        # rows cannot be stored ends only when its lane gives them back.
        self._drain_tasks = [
            loop.create_task(lane.drain(self.drain_timeout_s)) for lane in self.lanes
        ]

    def _lane_ended(self, task: asyncio.Task[None]) -> None:
        """A lane ends only in a drain; anything else is our fault, and this worker is replaced."""
        if self.drain.until_s is None:
            error = None if task.cancelled() else task.exception()
            _log.critical("a lane ended; the worker stops", error=repr(error))
            os._exit(1)

    async def _beat(self) -> None:
        while True:
            self._say(self._state())
            report_left_out()
            await self.clock.sleep(_BEAT_S)

    def _state(self) -> int:
        if self.drain.until_s is not None:
            return DRAINING
        return REFUSING if self.refusal() is not None else SERVING

    def _say(self, state: int) -> None:
        rows_max = sum(lane.queue.rows_max for lane in self.lanes)
        gauges = ((BUFFER_ROWS_MAX, rows_max), (WORKER_MEMORY, resident_bytes()))
        self.beacon.say(state, self.clock.monotonic_s(), gauges)

    def _held(self) -> tuple[int, int]:
        # Asked three times per request: a plain loop takes a third of the time of two `sum`.
        rows = size_bytes = 0
        for lane in self.lanes:
            queue = lane.queue
            rows += queue.put_rows - queue.settled_rows
            size_bytes += queue.held_bytes
        return rows, size_bytes
