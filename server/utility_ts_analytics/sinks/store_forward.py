"""Store and forward: rows that the database does not take now go to the spool, and on from there.

While anything is spooled, every new batch of the lane is spooled behind it, so that the rows of one
lane reach the table in the order in which they were taken. Records are delivered one at a time, and
removed only once the database has them; one that is repeated leaves the table as it was (DEDUP).
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, assert_never

import structlog

from utility_ts_analytics.buffering.block import Block, Failure, Settlement
from utility_ts_analytics.clock import Clock
from utility_ts_analytics.records.reading import Reading
from utility_ts_analytics.sinks.backoff import Backoff
from utility_ts_analytics.sinks.batch import Batch, Share, encode_batch
from utility_ts_analytics.sinks.breaker import Breaker
from utility_ts_analytics.sinks.contract import PayloadT, Sink
from utility_ts_analytics.sinks.dispatch import BROKEN, Dispatch
from utility_ts_analytics.sinks.lane import ENCODE_ROWS_MAX
from utility_ts_analytics.sinks.observer import ReplayObserver
from utility_ts_analytics.sinks.spool import Appended, Spool, SpoolBroken, SpoolFull

ADOPT_EVERY_S = 10.0
"""How often an idle lane looks for the spool of a worker that died."""

_RETRY = Backoff(0.25, 2.0)

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


class StoreForward(Generic[PayloadT]):
    """A lane's `Settler` that keeps what `dispatch` cannot deliver. One event loop.

    Args:
        dispatch: Delivers; used for one batch at a time.
        sink: What encodes for `dispatch`.
        spool: Opened, and closed after `run` has ended, by whoever made it.
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
        *,
        delivery_timeout_s: float,
        clock: Clock,
        observer: ReplayObserver,
        trouble: Callable[[], Failure | None],
    ) -> None:
        self._dispatch = dispatch
        self._sink = sink
        self._spool = spool
        self._delivery_timeout_s = delivery_timeout_s
        self._clock = clock
        self._observer = observer
        self._trouble = trouble
        self._room = Breaker(wait_first_s=1.0, wait_max_s=5.0)
        self._sink_free = asyncio.Lock()
        self._spooled = asyncio.Event()

    @property
    def takes_rows(self) -> bool:
        """Whether the spool may have room: False for a moment after it had none."""
        return self._room.wait_s(self._clock.monotonic_s()) <= 0

    async def settle(self, batch: Batch, payload: PayloadT, deadline_s: float) -> None:
        """Deliver a batch if nothing is spooled before it, else spool it; settle every row.

        Raises:
            asyncio.CancelledError: The rows still in `batch` are the caller's to settle. They may
                be in the spool all the same, and reach the table later.
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
        """Deliver what is spooled, by this worker and by those that died, until cancelled."""
        failures = adopted_rows = 0
        while True:
            if self._spool.adopted_rows > adopted_rows:
                self._observer.recovered(self._spool.adopted_rows - adopted_rows)
                adopted_rows = self._spool.adopted_rows
            rows = await self._spool.oldest()
            if rows is None:
                if self._spool.pending_bytes == 0:
                    self._observer.spool_emptied()
                await self._wait_for_work()
                continue
            # A suspended table would acknowledge the rows, and nobody would see them.
            failure = self._trouble()
            ends: Sequence[Callable[[], None]] = ()
            if failure is None:
                failure, ends = await self._replay(rows)
            if failure is None:
                await self._remove_oldest(ends)
                self._room.succeeded()
                failures = 0
                continue
            if failures == 0:
                _log.warning("spooled rows wait", reason=failure.detail)
            await self._clock.sleep(_RETRY.wait_s(failures, lambda: 1.0))
            failures += 1

    def _is_away(self) -> bool:
        """Tell whether it is known that a delivery would fail for lack of a database."""
        failure = self._trouble() or self._dispatch.refusal()
        return failure is not None and failure.code == "sink-unavailable"

    async def _keep(self, batch: Batch) -> None:
        rows = batch.rows
        result = await self._spool.append(await batch.all_rows())
        match result:
            case Appended():
                self._room.succeeded()
                batch.spool()
                self._observer.spooled(rows)
                self._spooled.set()
            case SpoolFull(reason) | SpoolBroken(reason):
                self._room.failed(self._clock.monotonic_s())
                failure = Failure("sink-unavailable", f"QuestDB is away, and {reason}")
                self._dispatch.give_back(batch, failure)
            case _:
                assert_never(result)

    async def _remove_oldest(self, ends: Sequence[Callable[[], None]]) -> None:
        """Take a record off the spool, and tell what became of its rows."""
        try:
            await self._spool.remove_oldest()
        finally:  # it is removed also if this is cancelled
            for tell in ends:
                tell()

    async def _replay(
        self, rows: Sequence[Reading]
    ) -> tuple[Failure | None, Sequence[Callable[[], None]]]:
        """Deliver one record.

        Returns:
            None if the database has, or has refused, each row of it; and what to tell once the
            record is removed.
        """
        settlement = Settlement()
        settlement.take(len(rows))
        batch = Batch(_release_nothing)
        payload = self._sink.new_payload()
        for start in range(0, len(rows), ENCODE_ROWS_MAX):
            part = rows[start : start + ENCODE_ROWS_MAX]
            block = Block(part, range(start, start + len(part)), 0, settlement)
            batch.add(Share(block, 0, len(part)))
        await encode_batch(self._sink, batch, payload)
        async with self._sink_free:
            deadline_s = self._clock.monotonic_s() + self._delivery_timeout_s
            self._observer.hold()
            try:
                failure = await self._dispatch.deliver(batch, payload, deadline_s)
            finally:
                ends = self._observer.take_held()
            return failure, ends

    async def _wait_for_work(self) -> None:
        """Return when something was spooled, or after a look for what a dead worker left."""
        self._spooled.clear()
        if await self._spool.adopt():
            return
        timer = asyncio.ensure_future(self._clock.sleep(ADOPT_EVERY_S))
        spooled = asyncio.ensure_future(self._spooled.wait())
        try:
            await asyncio.wait({timer, spooled}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            spooled.cancel()


def _release_nothing(_rows: int, _size_bytes: int) -> None:
    """Spooled rows hold no room of a queue."""
