"""Store and forward: rows that the database does not take now go to the spool, and on from there.

While any worker has rows of the stream in the spool, every new batch is spooled behind them, so
that rows reach the table in the order in which they were accepted. One lane of the stream delivers
the spool: one record at a time, removed only once the database has it. A record that is sent again
leaves the table as it was (DEDUP). When that lane's process ends, another lane takes over.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import assert_never

import structlog

from utility_ts_analytics.buffering.block import Block, Failure, Settlement
from utility_ts_analytics.clock import Clock
from utility_ts_analytics.delivery.batch import Batch, Share
from utility_ts_analytics.delivery.collecting import ENCODE_ROWS_MAX
from utility_ts_analytics.delivery.counts import LaneCounts
from utility_ts_analytics.delivery.order import LaneOrder
from utility_ts_analytics.delivery.settling import BROKEN, Settler
from utility_ts_analytics.delivery.spool import Appended, Record, Spool, SpoolBroken, SpoolFull
from utility_ts_analytics.delivery.waits import Backoff, Breaker
from utility_ts_analytics.records.reading import Reading

LOOK_EVERY_S = 0.25
"""How often a lane looks for records of other lanes, and whether the delivering lane has ended."""

_RETRY = Backoff(0.25, 2.0)

_LOOKS = 40
"""How many times the number of spooled rows is read before the database is asked again."""

_STOPPING = Failure("draining", "the service is stopping")
_NOT_REMOVED = Failure("sink-unavailable", "stored rows cannot be taken off the spool")

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Replay:
    """A record on its way out of the spool.

    Attributes:
        number: Of the record.
        batch: Its rows that have no end yet.
        ends: Each counts the end of others; called once the record is off the spool.
    """

    number: int
    batch: Batch
    ends: list[Callable[[], None]]


class Spooler:
    """Settles the batches of a lane, and keeps what its settler cannot deliver. One event loop.

    Args:
        settler: Delivers; used for one batch at a time.
        spool: Opened before `run`, and closed after it has ended, by the lane.
        order: The lane's place in the order of its stream.
        sink_name: Of the first choice: rows count as stored by it where a dead worker sent them.
        delivery_timeout_s: Longest delivery of one spooled record, seconds.
        clock: Time.
        counts: The same that the settler counts in.
        trouble: Returns why the table cannot take rows just now, as far as is known, or None.
    """

    def __init__(
        self,
        settler: Settler,
        spool: Spool,
        order: LaneOrder,
        *,
        sink_name: str,
        delivery_timeout_s: float,
        clock: Clock,
        counts: LaneCounts,
        trouble: Callable[[], Failure | None],
    ) -> None:
        self.spool = spool
        self._settler = settler
        self._order = order
        self._sink_name = sink_name
        self._store = "Kafka" if sink_name == "kafka" else "QuestDB"
        self._delivery_timeout_s = delivery_timeout_s
        self._clock = clock
        self._counts = counts
        self._trouble = trouble
        self._room = Breaker(wait_first_s=1.0, wait_max_s=5.0)
        self._sink_free = asyncio.Lock()
        self._unfinished: _Replay | None = None
        self._lost_rows = 0
        self._stopping = False

    @property
    def takes_rows(self) -> bool:
        """Whether the spool may have room: False for a moment after it had none."""
        return self._room.wait_s(self._clock.monotonic_s()) <= 0

    async def settle(self, batch: Batch, deadline_s: float) -> None:
        """Deliver a batch if nothing is spooled before it, else spool it; settle every row.

        Raises:
            asyncio.CancelledError: The rows still in `batch` are the caller's to settle; none of
                them is in the spool.
        """
        if self.spool.pending_rows == 0 and not self._is_away():
            async with self._sink_free:
                failure = await self._settler.deliver(batch, deadline_s)
            if failure is None:
                return
            if failure is BROKEN or failure.code != "sink-unavailable":
                self._settler.give_back(batch, failure)
                return
        await self._keep(batch)

    async def run(self) -> None:
        """Deliver what is spooled while no other lane does, until `stop` or cancelled."""
        delivers = False
        failures = 0
        while not self._stopping:
            # Asked each time: the lock file may have been deleted, and another lane delivers.
            if not await self.spool.try_to_deliver():
                delivers = False
                self._unfinished = None
                self._count_lost()
                await self._clock.sleep(LOOK_EVERY_S)
                continue
            if not delivers:
                delivers = True
                recovered_rows = await self.spool.adopt()
                if recovered_rows:
                    self._counts.recovered(recovered_rows)
            record = await self.spool.oldest()
            self._count_for_the_dead(record)
            self._count_lost()
            if record is None:
                await self._wait_for_work()
                continue
            # A suspended table would acknowledge the rows without showing them.
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
        """Have `run` begin no other record; wait until the current one is delivered."""
        self._stopping = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s), self._sink_free:
                return

    def _is_away(self) -> bool:
        """Tell whether a delivery would fail because the database is away, as far as is known."""
        failure = self._trouble() or self._settler.refusal()
        return failure is not None and failure.code == "sink-unavailable"

    async def _keep(self, batch: Batch) -> None:
        """Append the rows to the spool; a cancellation waits for the result."""
        rows = batch.rows
        appending = asyncio.ensure_future(self.spool.append(await batch.all_rows()))
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
                self._counts.spooled(rows)
                self._order.say_counted(number)
            case SpoolFull(reason) | SpoolBroken(reason):
                self._room.failed(self._clock.monotonic_s())
                failure = Failure("sink-unavailable", f"{self._store} is away, and {reason}")
                self._settler.give_back(batch, failure)
            case _:
                assert_never(result)

    async def _replay(self, record: Record) -> Failure | None:
        """Deliver one record and take it off the spool; None if that went well.

        Where some of its rows had their end before the time was up, only the others are sent the
        next time: QuestDB may refuse more rows than one delivery has time to find, and each is a
        dead letter once.
        """
        replay, self._unfinished = self._unfinished, None
        if replay is None or replay.number != record.number:
            replay = _Replay(record.number, _batch_of(record.rows), [])
        async with self._sink_free:
            if self._stopping:
                return _STOPPING
            deadline_s = self._clock.monotonic_s() + self._delivery_timeout_s
            self._counts.hold()
            try:
                failure = await self._settler.deliver(replay.batch, deadline_s)
            finally:
                replay.ends.extend(self._counts.take_held())
            if failure is None:
                return await self._remove(record, replay.ends)
            if replay.batch.rows < len(record.rows):
                self._unfinished = replay
            return failure

    async def _remove(self, record: Record, ends: Sequence[Callable[[], None]]) -> Failure | None:
        """Remove a delivered record from the spool, and count what became of its rows."""
        # Asked before: once the spool is empty, another lane may take the place of a dead one.
        counted = self._order.file.counted_by_its_worker(record.origin, record.number)
        rows = len(record.rows)
        self._order.file.leaving = (record.number, rows if counted else -rows)
        removing = asyncio.ensure_future(self.spool.remove(record))
        try:
            removed = await asyncio.shield(removing)
        except asyncio.CancelledError:
            if await removing:
                self._count_ends(record, ends, counted=counted)
            raise
        if removed:
            self._count_ends(record, ends, counted=counted)
        return None if removed else _NOT_REMOVED

    def _count_ends(
        self, record: Record, ends: Sequence[Callable[[], None]], *, counted: bool | None
    ) -> None:
        if not counted:
            self._counts.recovered(len(record.rows))
        for count in ends:
            count()
        self._order.file.leaving = (0, 0)

    def _count_for_the_dead(self, oldest: Record | None) -> None:
        """Count the record that the previous delivering lane removed and did not count."""
        number, rows = self._order.file.leaving
        if number == 0 or (oldest is None and self.spool.pending_rows):
            return
        if oldest is None or oldest.number > number:
            if rows < 0:
                self._counts.recovered(-rows)
            self._counts.left_spool(abs(rows))
            self._counts.stored(abs(rows), 0.0, sink=self._sink_name)
        self._order.file.leaving = (0, 0)

    def _count_lost(self) -> None:
        lost_rows, self._lost_rows = self.spool.lost_rows - self._lost_rows, self.spool.lost_rows
        if lost_rows:
            self._counts.lost(lost_rows)

    async def _wait_for_work(self) -> None:
        """Return after any lane has spooled something, or after some time without that.

        Never at once: the record that waits may be one that cannot be read just now.
        """
        for _ in range(_LOOKS):
            await self._clock.sleep(LOOK_EVERY_S)
            if self.spool.pending_rows or self._stopping:
                return


def _batch_of(rows: Sequence[Reading]) -> Batch:
    """Return spooled rows as shares, which are encoded one by one."""
    settlement = Settlement()
    settlement.take(len(rows))
    batch = Batch(_release_nothing)
    for start in range(0, len(rows), ENCODE_ROWS_MAX):
        part = rows[start : start + ENCODE_ROWS_MAX]
        block = Block(part, range(start, start + len(part)), 0, settlement)
        batch.add(Share(block, 0, len(part)))
    return batch


def _release_nothing(_rows: int, _size_bytes: int) -> None:
    """Do nothing: spooled rows hold no room of a queue."""
