"""One worker process of `consume`: starts its parts, publishes its state, drains at a signal."""

import asyncio
import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from utility_ts_analytics.buffering.block import Failure
from utility_ts_analytics.clock import Clock
from utility_ts_analytics.consume.reader import Reader
from utility_ts_analytics.delivery.lane import Lane
from utility_ts_analytics.service.monitoring.database_watch import DatabaseWatch
from utility_ts_analytics.service.shared_worker_state import (
    DRAINING,
    REFUSING,
    SERVING,
    STOPPED,
    WorkerStateFile,
)
from utility_ts_analytics.service.stream_worker import resident_bytes
from utility_ts_analytics.service.worker_group import STOP_SIGNALS
from utility_ts_analytics.sinks.kafka.client import on_thread
from utility_ts_analytics.telemetry.log_metrics import (
    PARTITIONS_ASSIGNED,
    PARTITIONS_PAUSED,
    REBALANCES,
)
from utility_ts_analytics.telemetry.logs import report_left_out
from utility_ts_analytics.telemetry.registry import BUFFER_ROWS_MAX, WORKER_MEMORY

_BEAT_S = 0.5

_log = structlog.get_logger("worker")


@dataclass(frozen=True, slots=True)
class Store:
    """One database of the worker's stream.

    Attributes:
        shard: Its name; empty if there is one only.
        lanes: Store the rows.
        watch: Polls the database.
        refusal: Returns why the table takes no rows just now.
    """

    shard: str
    lanes: Sequence[Lane]
    watch: DatabaseWatch
    refusal: Callable[[], Failure | None]


@dataclass(slots=True)
class ConsumeWorker:
    """A worker from its start to its end. One event loop.

    Attributes:
        stores: The databases.
        reader: Fills their lanes.
        state_file: Gets beats, gauges and counts.
        drain_timeout_s: From the signal to stop until rows that are not stored are dropped: they
            are read again. Seconds.
        clock: For beats.
        why_not: Returns why no message may be read yet, or nothing; asked in a thread, where it may
            wait, until it is nothing.
    """

    stores: Sequence[Store]
    reader: Reader
    state_file: WorkerStateFile
    drain_timeout_s: float
    clock: Clock
    why_not: Callable[[], str] = lambda: ""
    _stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Work until a signal to stop.

        Args:
            until: Asked at each beat, in a thread; True ends the work too.
        """
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self._stop.set)
        self.state_file.measures.held = self._held
        for lane in self._lanes:
            await lane.start(self._ended)
        await asyncio.gather(*(store.watch.poll() for store in self.stores))
        watching = [asyncio.create_task(store.watch.run()) for store in self.stores]
        await self._until_allowed()
        if not self._stop.is_set():
            await self.reader.start(self._ended)
        while not self._stop.is_set() and not await on_thread(until):
            refuses = any(store.refusal() is not None for store in self.stores)
            self._publish(REFUSING if refuses else SERVING)
            report_left_out()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_BEAT_S):
                    await self._stop.wait()
        self._stop.set()
        await self._drain()
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
        await asyncio.gather(*(lane.close() for lane in self._lanes))
        self._publish(STOPPED)

    async def _until_allowed(self) -> None:
        """Wait until messages may be read, or for a signal to stop."""
        asking = asyncio.create_task(self._ask())
        while not self._stop.is_set():
            await asyncio.wait([asking], timeout=_BEAT_S)
            if asking.done():
                return asking.result()
            self._publish(REFUSING)
            report_left_out()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        return None

    async def _ask(self) -> None:
        told = ""
        while reason := await on_thread(self.why_not):
            if reason != told:
                _log.warning("nothing is read yet", reason=reason)
                told = reason
            await self.clock.sleep(_BEAT_S)

    @property
    def _lanes(self) -> list[Lane]:
        return [lane for store in self.stores for lane in store.lanes]

    async def _drain(self) -> None:
        end_s = self.clock.monotonic_s() + self.drain_timeout_s
        self._publish(DRAINING)
        self.reader.stop_reading()
        await asyncio.gather(*(lane.drain(self.drain_timeout_s / 2) for lane in self._lanes))
        await self.reader.stop(end_s - self.clock.monotonic_s())

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Exit if a part ends before it should: the worker is replaced, and reads again."""
        if not self._stop.is_set():
            error = None if task.cancelled() else task.exception()
            _log.critical("a part of the worker ended; the worker stops", error=repr(error))
            os._exit(1)

    def _publish(self, state: int) -> None:
        member = self.reader.member
        gauges = (
            (BUFFER_ROWS_MAX, sum(lane.queue.rows_max for lane in self._lanes)),
            (WORKER_MEMORY, resident_bytes()),
            (PARTITIONS_ASSIGNED, len(member.claims)),
            (PARTITIONS_PAUSED, self.reader.paused_partitions),
            (REBALANCES, member.rebalances),
        )
        self.state_file.measures.dead_letters_waiting(self.reader.letters_waiting)
        self.state_file.publish(state, self.clock.monotonic_s(), gauges)

    def _held(self) -> tuple[int, int]:
        queues = [lane.queue for lane in self._lanes]
        rows = sum(queue.put_rows - queue.settled_rows for queue in queues)
        return rows, sum(queue.held_bytes for queue in queues)
