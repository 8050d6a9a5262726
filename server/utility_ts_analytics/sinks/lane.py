"""One queue, one sink, one connection: what waits is sent, and every row's end is reported.

A lane takes what is waiting (group commit), encodes it into one of two payloads while the other
is on its way, and settles each request's share. Rows keep their order: there is never more than
one send at a time, and a retry is over before the next batch goes.
"""

import asyncio
import itertools
import math
from typing import Generic

import structlog

from utility_ts_analytics.buffering.block import Failure
from utility_ts_analytics.buffering.queue import BlockQueue
from utility_ts_analytics.clock import Clock
from utility_ts_analytics.sinks.batch import Batch, BatchLimits, Settler, Share, WaitingShares
from utility_ts_analytics.sinks.contract import PayloadT, Sink
from utility_ts_analytics.sinks.dispatch import BROKEN
from utility_ts_analytics.sinks.observer import LaneObserver, SilentObserver
from utility_ts_analytics.sinks.order import LaneOrder

ENCODE_ROWS_MAX = 1_024
"""Rows encoded in one go: as many as a block of lines has, so that such a block is encoded as a
whole and lets its rows go. 1 ms at most, also without the compiled module."""

_ENCODE_S = 0.001
"""Encoding goes on for so long before the loop may: while 64 requests decode a block each in one
turn of the loop, one block per turn would leave the queue full of records, which take three times
as much as lines (118 instead of 110 MiB, `python -m loadtest.memory --only uploads`)."""

_TICK_S = 1e-6
"""Times that differ by less are the same: sums of floats are not exact."""

_LOOK_AGAIN_S = 0.01
"""How often a lane looks whether earlier rows of other lanes have their end."""

_DRAINING = Failure("draining", "the service stopped before the rows were stored; send them again")

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)

_BEHIND_OTHERS = Failure(
    "sink-unavailable", "earlier readings of this stream are still on their way into QuestDB"
)


class Lane(Generic[PayloadT]):
    """Moves the blocks of one queue into one sink. One event loop; `run` it as one task.

    Args:
        queue: Only this lane takes from it.
        sink: Encodes; whoever made it closes it, after `run` has ended.
        settler: Sends what the sink encoded; only this lane uses it.
        limits: Size and age of a batch.
        delivery_timeout_s: Longest delivery of one batch with all attempts and waits, seconds; and
            longest wait for earlier rows of other lanes.
        order: Its place in the order of the stream.
        clock: Time.
        observer: Counters and logs.
    """

    def __init__(
        self,
        queue: BlockQueue,
        sink: Sink[PayloadT],
        settler: Settler[PayloadT],
        *,
        limits: BatchLimits,
        delivery_timeout_s: float,
        order: LaneOrder,
        clock: Clock,
        observer: LaneObserver | None = None,
    ) -> None:
        self._queue = queue
        self._sink = sink
        self._settler = settler
        self._limits = limits
        self._delivery_timeout_s = delivery_timeout_s
        self._order = order
        self._clock = clock
        self._observer: LaneObserver = observer or SilentObserver()
        self._waiting = WaitingShares(queue)
        self._filling: Batch | None = None
        self._sending: asyncio.Task[None] | None = None
        self._in_flight = False
        self._behind_others = False
        self._draining = False
        self._gave_up = False
        self._settled = asyncio.Event()

    async def run(self) -> None:
        """Send what comes until cancelled, or until `drain` has nothing left to wait for.

        No row that was put before the end stays unsettled, also when this is cancelled or its own
        code fails. After a cancellation a payload may still be read by the sink's thread: close
        the sink, do not use it again.

        Raises:
            asyncio.CancelledError: After everything held was settled as failed.
        """
        payloads = itertools.cycle([self._sink.new_payload(), self._sink.new_payload()])
        try:
            async with asyncio.TaskGroup() as group:
                while not self._over():
                    if self._gave_up:
                        self._fail_waiting()
                        if not self._in_flight:
                            self._settled.set()
                        await self._queue.wait_changed()
                    else:
                        await self._send_next(next(payloads), group)
        finally:
            self._fail_waiting()
            self._settled.set()

    async def drain(self, timeout_s: float) -> None:
        """Send what is held without lingering; return when all is settled or time is up.

        What could not be stored by then fails with `draining`, and so does everything put later;
        `run`, which must be running, ends by itself once no request can add any more.

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

    def _over(self) -> bool:
        """Tell whether a drain is done: nothing is held and nobody can add."""
        idle = not self._in_flight and self._queue.held_rows == 0 and self._queue.producers == 0
        return self._draining and idle

    # Filling a batch

    async def _send_next(self, payload: PayloadT, group: asyncio.TaskGroup) -> None:
        """Fill one batch while its predecessor is on its way, then start sending it."""
        batch = self._filling = Batch(self._queue.release)
        first_s = send_at_s = math.inf
        self._sink.clear(payload)
        try:
            while True:
                if await self._add_waiting(batch, payload):
                    now_s = self._clock.monotonic_s()
                    first_s = min(first_s, now_s)
                    send_at_s = min(first_s + self._limits.linger_s, now_s + self._limits.quiet_s)
                lingered = self._clock.monotonic_s() >= send_at_s - _TICK_S
                if self._due(batch, lingered=lingered):
                    break
                await self._wait_changed(send_at_s, group)
        except asyncio.CancelledError:
            self._fail(batch, _DRAINING)
            raise
        except Exception:  # noqa: BLE001 - the lane's border: counted, logged, and it goes on
            _log.exception("cannot encode a batch", sink=self._sink.name, rows=batch.rows)
            self._fail(batch, BROKEN)
        if self._gave_up:
            self._fail(batch, _DRAINING)
        elif batch.rows:
            self._start_sending(batch, payload, group)
        self._filling = None

    async def _wait_changed(self, send_at_s: float, group: asyncio.TaskGroup) -> None:
        """Return when the queue has changed, a send has ended, or it is time to send."""
        if self._behind_others:
            send_at_s = min(send_at_s, self._clock.monotonic_s() + _LOOK_AGAIN_S)
        if self._in_flight or send_at_s == math.inf:
            await self._queue.wait_changed()
            return
        timer = group.create_task(self._wake_after(send_at_s - self._clock.monotonic_s()))
        try:
            await self._queue.wait_changed()
        finally:
            timer.cancel()

    async def _add_waiting(self, batch: Batch, payload: PayloadT) -> bool:
        """Encode what waits, in order, until the batch is full; tell whether there was anything."""
        rows_before = batch.rows
        resumed_s = self._clock.monotonic_s()
        limit_s = self._order.limit_s()
        self._behind_others = False
        while batch.rows < self._limits.rows_max:
            rows_max = min(self._limits.rows_max - batch.rows, ENCODE_ROWS_MAX)
            share = self._waiting.take(rows_max)
            if share is None:
                break
            if share.block.accepted_s > limit_s:
                if self._waits_behind_others(share, resumed_s):
                    break
                continue
            rest = batch.add_within(share, self._limits)
            if rest is not share:
                if len(batch.shares) == 1:
                    self._say_oldest()
                self._sink.encode(batch.shares[-1].as_block(), payload)
            if rest is not None:
                self._waiting.put_back(rest)
                break
            now_s = self._clock.monotonic_s()
            if now_s - resumed_s >= _ENCODE_S or not self._waiting.any:
                await asyncio.sleep(0)
                resumed_s = self._clock.monotonic_s()
        return batch.rows > rows_before

    def _waits_behind_others(self, share: Share, now_s: float) -> bool:
        """Keep rows until earlier ones of other lanes have their end; False: they gave up."""
        if now_s - share.block.accepted_s > self._delivery_timeout_s:
            batch = Batch(self._queue.release)
            batch.add(share)
            self._fail(batch, _BEHIND_OTHERS)
            return False
        self._behind_others = True
        self._waiting.put_back(share)
        self._say_oldest()
        return True

    def _due(self, batch: Batch, *, lingered: bool) -> bool:
        """Tell whether to send now rather than wait for more."""
        if self._gave_up:
            return True
        if self._in_flight:
            return False
        if batch.rows == 0:
            return self._over()
        full = self._waiting.cut or batch.rows >= self._limits.rows_max
        # Whoever waits for room can add nothing before this batch is settled, so waiting for more
        # would only be waiting (test_lane: a producer without room is not lingered for).
        nothing_can_come = self._queue.producers == 0 or not self._queue.has_room(1, 0)
        return full or nothing_can_come or lingered or self._draining

    # Sending it

    def _start_sending(self, batch: Batch, payload: PayloadT, group: asyncio.TaskGroup) -> None:
        def ended(_: asyncio.Task[None]) -> None:
            # Rows are left only if the task was cancelled, perhaps before its first step.
            self._fail(batch, _DRAINING)
            self._in_flight = False
            self._say_oldest()
            self._wake()

        self._in_flight = True
        self._sending = group.create_task(self._send(batch, payload))
        self._sending.add_done_callback(ended)

    async def _send(self, batch: Batch, payload: PayloadT) -> None:
        deadline_s = self._clock.monotonic_s() + self._delivery_timeout_s
        await self._settler.settle(batch, payload, deadline_s)

    def _say_oldest(self) -> None:
        """Say when the oldest row without an end was accepted; while one is sent, it stays."""
        if self._in_flight:
            return
        if self._filling is not None and self._filling.shares:
            self._order.say_oldest(self._filling.shares[0].block.accepted_s)
        else:
            self._order.say_oldest(self._waiting.oldest_accepted_s)

    # Ends other than stored

    def _fail(self, batch: Batch, failure: Failure) -> None:
        rows = batch.rows
        if rows:
            batch.fail(failure)
            self._observer.failed(rows, failure.code)
            self._say_oldest()

    def _fail_waiting(self) -> None:
        """Settle everything that waits, and what was taken but not sent."""
        batch = Batch(self._queue.release)
        while (share := self._waiting.take(self._queue.rows_max)) is not None:
            batch.add(share)
        self._fail(batch, _DRAINING)

    async def _wake_after(self, duration_s: float) -> None:
        await self._clock.sleep(duration_s)
        self._wake()

    def _wake(self) -> None:
        """Let the lane look again: releasing nothing counts as a change of the queue."""
        self._queue.release(0, 0)
