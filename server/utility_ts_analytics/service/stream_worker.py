"""One worker of a stream: its lanes, the watch over the database, beats, and the drain."""

import asyncio
import gc
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from utility_ts_analytics.asgi.endpoint import IngestEndpoint
from utility_ts_analytics.buffering.block import Failure
from utility_ts_analytics.clock import Clock
from utility_ts_analytics.delivery.lane import Lane
from utility_ts_analytics.service.http_server import DRAIN_SIGNAL
from utility_ts_analytics.service.monitoring.broker_watch import BrokerWatch
from utility_ts_analytics.service.monitoring.database_watch import DatabaseWatch
from utility_ts_analytics.service.shared_worker_state import (
    DRAINING,
    REFUSING,
    SERVING,
    STOPPED,
    WorkerStateFile,
)
from utility_ts_analytics.telemetry.logs import report_left_out
from utility_ts_analytics.telemetry.registry import BUFFER_ROWS_MAX, WORKER_MEMORY

_BEAT_S = 0.5
_BODY_SHARE_OF_DRAIN = 2 / 3
"""Of `drain_timeout_s`: time for unfinished bodies; the rest is left to store their rows."""

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_STATM = Path("/proc/self/statm")

_DRAINING = Failure("draining", "the service is stopping; send the request again", 1)

_log = structlog.get_logger("worker")


@dataclass(slots=True)
class DrainState:
    """Whether this worker is stopping; shared by its intake and its lifecycle."""

    begun: bool = False

    def failure(self) -> Failure | None:
        """Return why new requests are refused; None while they are not."""
        return _DRAINING if self.begun else None


@dataclass(slots=True)
class StreamWorker:
    """The `asgi.protocol.Lifecycle` of one worker of a stream.

    Attributes:
        lanes: Store the rows.
        endpoint: Cuts unfinished bodies when a drain begins.
        watch: Polls where the rows go: QuestDB or Kafka.
        refusal: Returns why requests are refused at the moment, as the intake does.
        listening: Returns once this worker takes connections; no beat says so before.
        state_file: Gets beats, gauges and counts.
        drain: Shared with the intake.
        drain_timeout_s: From the signal to stop until undelivered rows are given back, seconds.
        clock: For beats.
    """

    lanes: Sequence[Lane]
    endpoint: IngestEndpoint
    watch: DatabaseWatch | BrokerWatch
    refusal: Callable[[], Failure | None]
    listening: Callable[[], Awaitable[None]]
    state_file: WorkerStateFile
    drain: DrainState
    drain_timeout_s: float
    clock: Clock
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _drain_tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def startup(self) -> None:
        """Start lanes and watchers. The database need not be there."""
        self.state_file.measures.held = self._held
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(DRAIN_SIGNAL, self._begin_drain)
        for lane in self.lanes:
            await lane.start(self._lane_ended)
        # What is there now stays: a full collection over all modules would take 30 ms, again and
        # again, while every request waits.
        gc.collect()
        gc.freeze()
        await self.watch.poll()  # so that the first requests are judged by the actual state
        self._tasks = [
            asyncio.create_task(self.watch.run()),
            asyncio.create_task(self._beat()),
        ]

    async def shutdown(self) -> None:
        """Wait until the lanes have drained. Every request has ended before this is called."""
        self._begin_drain()
        await asyncio.gather(*self._drain_tasks)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(lane.close() for lane in self.lanes))
        self._publish(STOPPED)

    def _begin_drain(self) -> None:
        if self.drain.begun:
            return
        self.drain.begun = True
        loop = asyncio.get_running_loop()
        self.endpoint.stop_bodies(loop.time() + self.drain_timeout_s * _BODY_SHARE_OF_DRAIN)
        # Not first in `shutdown`: that comes when every request has ended, and a request whose
        # rows cannot be stored ends only when its lane gives them back.
        self._drain_tasks = [
            loop.create_task(lane.drain(self.drain_timeout_s)) for lane in self.lanes
        ]

    def _lane_ended(self, task: asyncio.Task[None]) -> None:
        """Exit if a lane ends outside of a drain: that is a defect, and the worker is replaced."""
        if not self.drain.begun:
            error = None if task.cancelled() else task.exception()
            _log.critical("a lane ended; the worker stops", error=repr(error))
            os._exit(1)

    async def _beat(self) -> None:
        await self.listening()
        while True:
            self._publish(self._state())
            report_left_out()
            await self.clock.sleep(_BEAT_S)

    def _state(self) -> int:
        if self.drain.begun:
            return DRAINING
        return REFUSING if self.refusal() is not None else SERVING

    def _publish(self, state: int) -> None:
        rows_max = sum(lane.queue.rows_max for lane in self.lanes)
        gauges = ((BUFFER_ROWS_MAX, rows_max), (WORKER_MEMORY, resident_bytes()))
        self.state_file.publish(state, self.clock.monotonic_s(), gauges)

    def _held(self) -> tuple[int, int]:
        # Called three times per request: a plain loop takes a third of the time of two `sum`.
        rows = size_bytes = 0
        for lane in self.lanes:
            queue = lane.queue
            rows += queue.put_rows - queue.settled_rows
            size_bytes += queue.held_bytes
        return rows, size_bytes


def resident_bytes() -> int:
    """Return the resident memory of this process, bytes; 0 where the kernel does not say."""
    try:
        return int(_STATM.read_bytes().split()[1]) * _PAGE_BYTES
    except OSError:
        return 0
