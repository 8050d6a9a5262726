"""One lane: rows wait in a queue, are collected into batches, sent, and settled, in order.

Four steps, each in its own module: collect a batch and encode it (`collecting`), send it with
retries and a fallback (`sending`), settle each row (`settling`), and keep on the disk what no sink
takes now (`spooling`). One batch is collected while the one before is being sent. There is never
more than one send at a time, and a retry is over before the next batch goes: rows keep their order.
"""

import asyncio
import contextlib
import math
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from utility_ts_analytics.buffering.block import Failure
from utility_ts_analytics.buffering.queue import BlockQueue
from utility_ts_analytics.clock import Clock
from utility_ts_analytics.delivery.batch import Batch, BatchLimits
from utility_ts_analytics.delivery.collecting import Collector
from utility_ts_analytics.delivery.order import LaneOrder
from utility_ts_analytics.delivery.settling import BROKEN, Settler
from utility_ts_analytics.delivery.spooling import Spooler
from utility_ts_analytics.sinks.contract import Sink

_TICK_S = 1e-6
"""Times that differ by less are the same: sums of floats are not exact."""

_LOOK_AGAIN_S = 0.01
"""How often a lane looks whether earlier rows of other lanes are settled."""

_CLOSE_S = 2.0

_DRAINING = Failure("draining", "the service stopped before the rows were stored; send them again")

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("lane")


class Closable(Protocol):
    """Holds a connection, a file or a thread."""

    async def close(self) -> None:
        """Release it. Idempotent."""
        ...


class Lane:
    """Moves the blocks of one queue into the database. One event loop.

    Args:
        queue: Only this lane takes from it.
        sink: For which batches are encoded: the first choice of the settler's sender.
        settler: Delivers batches; only this lane uses it.
        limits: Size and age of a batch.
        delivery_timeout_s: Longest delivery of one batch with all attempts and waits, seconds; and
            longest wait for earlier rows of other lanes.
        order: The lane's place in the order of its stream.
        clock: Time.
        spooler: Keeps what cannot be delivered; None gives it back to the senders.
        closables: Closed last.

    Attributes:
        queue: Where blocks are put.
    """

    def __init__(
        self,
        queue: BlockQueue,
        sink: Sink,
        settler: Settler,
        *,
        limits: BatchLimits,
        delivery_timeout_s: float,
        order: LaneOrder,
        clock: Clock,
        spooler: Spooler | None = None,
        closables: Sequence[Closable] = (),
    ) -> None:
        self.queue = queue
        self.spooler = spooler
        self.closables = closables
        self._settler = settler
        self._limits = limits
        self._delivery_timeout_s = delivery_timeout_s
        self._clock = clock
        self._collector = Collector(
            queue,
            sink,
            limits=limits,
            delivery_timeout_s=delivery_timeout_s,
            order=order,
            clock=clock,
            give_back=self._give_back,
        )
        self._sending: asyncio.Task[None] | None = None
        self._draining = False
        self._gave_up = False
        self._settled = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    # From start to close

    async def start(self, ended: Callable[[asyncio.Task[None]], None]) -> None:
        """Start working; `ended` is called for each task that ends, for any reason."""
        work = [self.run()]
        if self.spooler is not None:
            refused = await self.spooler.spool.open()
            if refused is not None:
                _log.error("the spool cannot be used", reason=refused)
            work.append(self.spooler.run())
        self._tasks = [asyncio.create_task(part) for part in work]
        for task in self._tasks:
            task.add_done_callback(ended)

    def refusal(self) -> Failure | None:
        """Return why new rows should be refused at once, or None; the spool is not asked."""
        return self._settler.refusal()

    @property
    def takes_rows(self) -> bool:
        """Whether there is a spool with room for what the database does not take."""
        return self.spooler is not None and self.spooler.takes_rows

    async def drain(self, timeout_s: float) -> None:
        """Send what is held without lingering; return when all is settled or time is up.

        What could not be stored or spooled by then fails with `draining`, and so does everything
        put later. `run`, which must be running, returns once no request can add rows.

        Args:
            timeout_s: Longest wait, seconds, >= 0.
        """
        self._draining = True
        self._wake()
        timer = asyncio.ensure_future(self._clock.sleep(timeout_s))
        settled = asyncio.ensure_future(self._settled.wait())
        try:
            await asyncio.wait({timer, settled}, return_when=asyncio.FIRST_COMPLETED)
            self._gave_up = True
            if self._sending is not None:
                self._sending.cancel()
            self._wake()
            await settled
        finally:
            timer.cancel()
            settled.cancel()

    async def close(self) -> None:
        """Stop working and release everything; spooled rows stay where they are."""
        if self.spooler is not None:
            await self.spooler.stop(_CLOSE_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        spool = [] if self.spooler is None else [self.spooler.spool]
        for closable in (*spool, *self.closables):
            with contextlib.suppress(TimeoutError):  # a flush may still hang in its thread
                async with asyncio.timeout(_CLOSE_S):
                    await closable.close()

    # The loop

    async def run(self) -> None:
        """Send what comes until cancelled, or until `drain` has nothing left to wait for.

        No row that was put before the end stays unsettled, also when this is cancelled or its own
        code fails. After a cancellation a payload may still be read by the sink's thread: close
        the sink, do not use it again.

        Raises:
            asyncio.CancelledError: After everything held was settled as failed.
        """
        try:
            async with asyncio.TaskGroup() as group:
                while not self._is_over():
                    if self._gave_up:
                        self._give_back_waiting()
                        if not self._collector.sending:
                            self._settled.set()
                        await self.queue.wait_changed()
                    else:
                        await self._send_next(group)
        finally:
            self._give_back_waiting()
            self._settled.set()

    def _is_over(self) -> bool:
        """Tell whether a drain is done: nothing is held and no request can add."""
        busy = self._collector.sending or self.queue.held_rows > 0 or self.queue.producers > 0
        return self._draining and not busy

    async def _send_next(self, group: asyncio.TaskGroup) -> None:
        """Collect one batch while the one before is being sent, then start sending it."""
        batch = self._collector.begin()
        first_s = send_at_s = math.inf
        try:
            while True:
                # It wakes after each change, and most bring no rows.
                if self._collector.has_rows and await self._collector.collect(batch):
                    now_s = self._clock.monotonic_s()
                    first_s = min(first_s, now_s)
                    send_at_s = min(
                        first_s + self._limits.max_batch_linger_s, now_s + self._limits.quiet_s
                    )
                lingered = self._clock.monotonic_s() >= send_at_s - _TICK_S
                if self._is_due(batch, lingered=lingered):
                    break
                await self._wait_changed(send_at_s, group)
        except asyncio.CancelledError:
            self._give_back(batch, _DRAINING)
            raise
        except Exception:  # noqa: BLE001 - the lane's border: counted and logged; the lane continues
            _log.exception("cannot encode a batch", rows=batch.rows)
            self._give_back(batch, BROKEN)
        if self._gave_up:
            self._give_back(batch, _DRAINING)
        elif batch.rows:
            self._start_sending(batch, group)
        self._collector.end()

    def _is_due(self, batch: Batch, *, lingered: bool) -> bool:
        """Tell whether to send now rather than wait for more."""
        if self._gave_up:
            return True
        if self._collector.sending:
            return False
        if batch.rows == 0:
            return self._is_over()
        # A request that waits for room can add nothing before this batch is settled, so waiting
        # for more would be in vain (test_a_producer_without_room_is_not_lingered_for).
        nothing_can_come = self.queue.producers == 0 or not self.queue.has_room(1, 0)
        return self._collector.is_full(batch) or nothing_can_come or lingered or self._draining

    async def _wait_changed(self, send_at_s: float, group: asyncio.TaskGroup) -> None:
        """Return when the queue has changed, a send has ended, or it is time to send."""
        if self._collector.behind_others:
            send_at_s = min(send_at_s, self._clock.monotonic_s() + _LOOK_AGAIN_S)
        if self._collector.sending or send_at_s == math.inf:
            await self.queue.wait_changed()
            return
        timer = group.create_task(self._wake_after(send_at_s - self._clock.monotonic_s()))
        try:
            await self.queue.wait_changed()
        finally:
            timer.cancel()

    def _start_sending(self, batch: Batch, group: asyncio.TaskGroup) -> None:
        def ended(_: asyncio.Task[None]) -> None:
            # Rows are left only if the task was cancelled, perhaps before its first step.
            self._give_back(batch, _DRAINING)
            self._collector.sending = False
            self._collector.say_oldest()
            self._wake()

        self._collector.sending = True
        self._sending = group.create_task(self._settle(batch))
        self._sending.add_done_callback(ended)

    async def _settle(self, batch: Batch) -> None:
        deadline_s = self._clock.monotonic_s() + self._delivery_timeout_s
        await (self.spooler or self._settler).settle(batch, deadline_s)

    def _give_back(self, batch: Batch, failure: Failure) -> None:
        if batch.rows:
            self._settler.give_back(batch, failure)
            self._collector.say_oldest()

    def _give_back_waiting(self) -> None:
        """Give back everything that waits, and what was taken but not sent."""
        self._give_back(self._collector.take_all(), _DRAINING)

    async def _wake_after(self, duration_s: float) -> None:
        await self._clock.sleep(duration_s)
        self._wake()

    def _wake(self) -> None:
        """Let the lane look again: releasing nothing counts as a change of the queue."""
        self.queue.release(0, 0)


def shared_refusal(lanes: Sequence[Lane], trouble: Callable[[], Failure | None]) -> Failure | None:
    """Return why no lane should be given rows just now, or None.

    Args:
        lanes: Of one stream and worker, at least one.
        trouble: Returns why the table cannot take rows, as far as is known.
    """
    failure = trouble()
    if failure is None:
        for lane in lanes:
            lane_failure = lane.refusal()
            if lane_failure is None:
                return None
            failure = failure or lane_failure
    spooling = any(lane.takes_rows for lane in lanes)
    if failure is not None and failure.code == "sink-unavailable" and spooling:
        return None
    return failure
