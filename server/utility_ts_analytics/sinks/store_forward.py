"""Store and forward: rows that the database does not take now go to the spool, and on from there.

While anything of the stream is spooled, by whichever worker, every new batch is spooled behind it,
so that rows reach the table in the order in which they were accepted. One lane of the stream
delivers: one record at a time, removed only once the database has it; one that is repeated leaves
the table as it was (DEDUP). When that lane's process ends, another lane goes on.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Generic, assert_never

import structlog

from utility_ts_analytics.buffering.block import Block, Failure, Settlement
from utility_ts_analytics.clock import Clock
from utility_ts_analytics.sinks.backoff import Backoff
from utility_ts_analytics.sinks.batch import Batch, Share, encode_batch
from utility_ts_analytics.sinks.breaker import Breaker
from utility_ts_analytics.sinks.contract import PayloadT, Sink
from utility_ts_analytics.sinks.dispatch import BROKEN, Dispatch
from utility_ts_analytics.sinks.lane import ENCODE_ROWS_MAX
from utility_ts_analytics.sinks.observer import ReplayObserver
from utility_ts_analytics.sinks.order import LaneOrder
from utility_ts_analytics.sinks.spool import Appended, Record, Spool, SpoolBroken, SpoolFull

LOOK_EVERY_S = 0.25
"""How often a lane looks for records of others, and whether the one that delivers is gone."""

_RETRY = Backoff(0.25, 2.0)

_LOOKS = 40
"""Looks at the number of spooled rows before the database itself is asked again."""

_STOPPING = Failure("draining", "the service is stopping")
_NOT_REMOVED = Failure("sink-unavailable", "stored rows cannot be taken off the spool")

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


class StoreForward(Generic[PayloadT]):
    """A lane's `Settler` that keeps what `dispatch` cannot deliver. One event loop.

    Args:
        dispatch: Delivers; used for one batch at a time.
        sink: What encodes for `dispatch`.
        spool: Opened, and closed after `run` has ended, by whoever made it.
        order: The lane's place in the order of its stream.
        delivery_timeout_s: Longest delivery of one spooled record, seconds.
        clock: Time.
        observer: Counters and logs; the same that `dispatch` tells.
        trouble: Returns why the table cannot take rows just now, as far as is known, or None.
    """

    def __init__(
        self,
        dispatch: Dispatch[PayloadT],
        sink: Sink[PayloadT],
        spool: Spool,
        order: LaneOrder,
        *,
        delivery_timeout_s: float,
        clock: Clock,
        observer: ReplayObserver,
        trouble: Callable[[], Failure | None],
    ) -> None:
        self._dispatch = dispatch
        self._sink = sink
        self._spool = spool
        self._order = order
        self._delivery_timeout_s = delivery_timeout_s
        self._clock = clock
        self._observer = observer
        self._trouble = trouble
        self._room = Breaker(wait_first_s=1.0, wait_max_s=5.0)
        self._sink_free = asyncio.Lock()
        self._lost_rows = 0
        self._stopping = False

    @property
    def takes_rows(self) -> bool:
        """Whether the spool may have room: False for a moment after it had none."""
        return self._room.wait_s(self._clock.monotonic_s()) <= 0

    async def settle(self, batch: Batch, payload: PayloadT, deadline_s: float) -> None:
        """Deliver a batch if nothing is spooled before it, else spool it; settle every row.

        Raises:
            asyncio.CancelledError: The rows still in `batch` are the caller's to settle; none of
                them is in the spool.
        """
        if self._spool.pending_rows == 0 and not self._is_away():
            async with self._sink_free:
                failure = await self._dispatch.deliver(batch, payload, deadline_s)
            if failure is None:
                return
            if failure is BROKEN or failure.code != "sink-unavailable":
                self._dispatch.give_back(batch, failure)
                return
        await self._keep(batch)

    async def run(self) -> None:
        """Deliver what is spooled while no other lane does, until `stop` or cancelled."""
        delivers = False
        failures = 0
        while not self._stopping:
            # Asked each time: the lock file may have been deleted, and another one taken over.
            if not await self._spool.try_to_deliver():
                delivers = False
                self._count_lost()
                await self._clock.sleep(LOOK_EVERY_S)
                continue
            if not delivers:
                delivers = True
                recovered_rows = await self._spool.adopt()
                if recovered_rows:
                    self._observer.recovered(recovered_rows)
            record = await self._spool.oldest()
            self._tell_of_the_dead(record)
            self._count_lost()
            if record is None:
                await self._wait_for_work()
                continue
            # A suspended table would acknowledge the rows, and nobody would see them.
            failure = self._trouble()
            if failure is None:
                failure = await self._replay(record)
            if failure is None:
                self._room.succeeded()
                failures = 0
                continue
            if failures == 0:
                _log.warning("spooled rows wait", reason=failure.detail)
            await self._clock.sleep(_RETRY.wait_s(failures, lambda: 1.0))
            failures += 1

    async def stop(self, timeout_s: float) -> None:
        """Have `run` begin no other record; wait for the end of the one under way."""
        self._stopping = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s), self._sink_free:
                return

    def _is_away(self) -> bool:
        """Tell whether it is known that a delivery would fail for lack of a database."""
        failure = self._trouble() or self._dispatch.refusal()
        return failure is not None and failure.code == "sink-unavailable"

    async def _keep(self, batch: Batch) -> None:
        """Append the rows; a cancellation waits until it is known whether they are there."""
        rows = batch.rows
        appending = asyncio.ensure_future(self._spool.append(await batch.all_rows()))
        try:
            result = await asyncio.shield(appending)
        except asyncio.CancelledError:
            self._kept(batch, rows, await appending)
            raise
        self._kept(batch, rows, result)

    def _kept(self, batch: Batch, rows: int, result: Appended | SpoolFull | SpoolBroken) -> None:
        self._count_lost()
        match result:
            case Appended(number):
                self._room.succeeded()
                batch.spool()
                self._observer.spooled(rows)
                self._order.say_counted(number)
            case SpoolFull(reason) | SpoolBroken(reason):
                self._room.failed(self._clock.monotonic_s())
                failure = Failure("sink-unavailable", f"QuestDB is away, and {reason}")
                self._dispatch.give_back(batch, failure)
            case _:
                assert_never(result)

    async def _replay(self, record: Record) -> Failure | None:
        """Deliver one record and take it off the spool; None if that went well."""
        settlement = Settlement()
        settlement.take(len(record.rows))
        batch = Batch(_release_nothing)
        payload = self._sink.new_payload()
        for start in range(0, len(record.rows), ENCODE_ROWS_MAX):
            part = record.rows[start : start + ENCODE_ROWS_MAX]
            block = Block(part, range(start, start + len(part)), 0, settlement)
            batch.add(Share(block, 0, len(part)))
        await encode_batch(self._sink, batch, payload)
        async with self._sink_free:
            if self._stopping:
                return _STOPPING
            deadline_s = self._clock.monotonic_s() + self._delivery_timeout_s
            self._observer.hold()
            try:
                failure = await self._dispatch.deliver(batch, payload, deadline_s)
            finally:
                ends = self._observer.take_held()
            return failure or await self._remove(record, ends)

    async def _remove(self, record: Record, ends: Sequence[Callable[[], None]]) -> Failure | None:
        """Take a delivered record off the spool, and tell what became of its rows."""
        # Asked before: once the spool is empty, the place of a dead lane is given out again.
        counted = self._order.stream.counted_by_its_worker(record.origin, record.number)
        rows = len(record.rows)
        self._order.stream.leaving = (record.number, rows if counted else -rows)
        removing = asyncio.ensure_future(self._spool.remove(record))
        try:
            removed = await asyncio.shield(removing)
        except asyncio.CancelledError:
            if await removing:
                self._tell(record, ends, counted=counted)
            raise
        if removed:
            self._tell(record, ends, counted=counted)
        return None if removed else _NOT_REMOVED

    def _tell(
        self, record: Record, ends: Sequence[Callable[[], None]], *, counted: bool | None
    ) -> None:
        if not counted:
            self._observer.recovered(len(record.rows))
        for tell in ends:
            tell()
        self._order.stream.leaving = (0, 0)

    def _tell_of_the_dead(self, oldest: Record | None) -> None:
        """Tell the end of the record that the lane before took off the spool and did not tell."""
        number, rows = self._order.stream.leaving
        if number == 0 or (oldest is None and self._spool.pending_rows):
            return
        if oldest is None or oldest.number > number:
            if rows < 0:
                self._observer.recovered(-rows)
            self._observer.left_spool(abs(rows))
            self._observer.delivered(abs(rows), 0.0, sink=self._sink.name)
        self._order.stream.leaving = (0, 0)

    def _count_lost(self) -> None:
        lost_rows, self._lost_rows = self._spool.lost_rows - self._lost_rows, self._spool.lost_rows
        if lost_rows:
            self._observer.lost(lost_rows)

    async def _wait_for_work(self) -> None:
        """Return a moment after something is spooled, by any lane, or after some looks in vain.

        A moment at least: what is spooled may be what cannot be read just now.
        """
        for _ in range(_LOOKS):
            await self._clock.sleep(LOOK_EVERY_S)
            if self._spool.pending_rows or self._stopping:
                return


def _release_nothing(_rows: int, _size_bytes: int) -> None:
    """Spooled rows hold no room of a queue."""
