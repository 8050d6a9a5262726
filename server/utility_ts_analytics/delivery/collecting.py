"""Collects batches: takes rows from the queue of a lane, in order, and encodes them."""

import asyncio
from collections.abc import Callable

from utility_ts_analytics.buffering.block import Failure
from utility_ts_analytics.buffering.queue import BlockQueue
from utility_ts_analytics.clock import Clock
from utility_ts_analytics.delivery.batch import Batch, BatchLimits, Share
from utility_ts_analytics.delivery.order import LaneOrder
from utility_ts_analytics.sinks.contract import Sink

ENCODE_ROWS_MAX = 1_024
"""Rows encoded in one go: as many as a block of lines has, so that such a block is encoded as a
whole and lets its rows go. 1 ms at most, also without the compiled module."""

_ENCODE_S = 0.001
"""Time of encoding before other tasks run. While 64 requests decode a block each in one turn of the
loop, encoding one block per turn would leave the queue full of records, which take three times as
much memory as lines (118 instead of 110 MiB, `python -m loadtest memory --only uploads`)."""

_BEHIND_OTHERS = Failure(
    "sink-unavailable", "earlier readings of this stream are still on their way"
)


class Collector:
    """Moves rows from a queue into batches. One event loop.

    Args:
        queue: Only this collector takes from it.
        sink: For which rows are encoded.
        limits: Size of a batch.
        delivery_timeout_s: Longest wait for earlier rows of other lanes, seconds.
        order: The lane's place in the order of its stream.
        clock: Time.
        give_back: Settles rows that waited for too long.

    Attributes:
        sending: Whether the batch before this one is being sent. Its rows are the oldest then.
        behind_others: Whether rows wait until earlier rows of other lanes are settled.
    """

    def __init__(
        self,
        queue: BlockQueue,
        sink: Sink,
        *,
        limits: BatchLimits,
        delivery_timeout_s: float,
        order: LaneOrder,
        clock: Clock,
        give_back: Callable[[Batch, Failure], None],
    ) -> None:
        self.sending = False
        self.behind_others = False
        self._queue = queue
        self._sink = sink
        self._limits = limits
        self._delivery_timeout_s = delivery_timeout_s
        self._order = order
        self._clock = clock
        self._give_back = give_back
        self._batch: Batch | None = None
        self._first: Share | None = None  # cut off or put back; before all others

    def begin(self) -> Batch:
        """Return an empty batch; `collect` fills it until `end`."""
        self._batch = Batch(self._queue.release, self._sink)
        return self._batch

    def end(self) -> None:
        """Let go of the batch: it is being sent, or its rows are settled."""
        self._batch = None

    async def collect(self, batch: Batch) -> bool:
        """Add and encode the rows that wait, in order, until the batch is full.

        Other tasks run after each millisecond of encoding.

        Returns:
            Whether any rows were added.
        """
        rows_before = batch.rows
        resumed_s = self._clock.monotonic_s()
        limit_s = self._order.limit_s()
        self.behind_others = False
        while batch.rows < self._limits.batch_size:
            share = self._take(min(self._limits.batch_size - batch.rows, ENCODE_ROWS_MAX))
            if share is None:
                break
            if share.block.accepted_s > limit_s:
                if self._waits_behind_others(share, resumed_s):
                    break
                continue
            rest = batch.add_within(share, self._limits)
            if rest is not None:
                self._put_back(rest)  # before encoding, which may raise
            if rest is not share:
                if len(batch.shares) == 1:
                    self.say_oldest()
                batch.encode_last()
            if rest is not None:
                break
            if not self.has_rows or self._clock.monotonic_s() - resumed_s >= _ENCODE_S:
                await asyncio.sleep(0)
                resumed_s = self._clock.monotonic_s()
        return batch.rows > rows_before

    def is_full(self, batch: Batch) -> bool:
        """Tell whether no other row belongs into the batch."""
        return self._first is not None or batch.rows >= self._limits.batch_size

    def take_all(self) -> Batch:
        """Return all rows that wait, as one batch that is not encoded."""
        batch = Batch(self._queue.release)
        self.behind_others = False
        while (share := self._take(self._queue.rows_max)) is not None:
            batch.add(share)
        return batch

    def say_oldest(self) -> None:
        """Tell other lanes when the oldest row of this one was accepted.

        While a batch is being sent, that is its first row.
        """
        if self.sending:
            return
        if self._batch is not None and self._batch.shares:
            self._order.say_oldest(self._batch.shares[0].block.accepted_s)
        elif self._first is not None:
            self._order.say_oldest(self._first.block.accepted_s)
        else:
            self._order.say_oldest(self._queue.oldest_accepted_s)

    @property
    def has_rows(self) -> bool:
        """Whether rows wait to be collected."""
        return self._first is not None or self._queue.waiting_rows > 0

    def _take(self, rows_max: int) -> Share | None:
        """Take the next rows, of one block; what is left of the block comes next."""
        share, self._first = self._first, None
        if share is None:
            blocks = self._queue.take(1)
            if not blocks:
                return None
            share = Share(blocks[0], 0, blocks[0].row_count)
        if share.rows > rows_max:
            share, self._first = share.split(rows_max)
        return share

    def _put_back(self, share: Share) -> None:
        """Put rows of the share that was taken last in front again."""
        stop = share.stop if self._first is None else self._first.stop
        self._first = Share(share.block, share.start, stop)

    def _waits_behind_others(self, share: Share, now_s: float) -> bool:
        """Keep rows until earlier ones of other lanes are settled; False: they waited too long."""
        if now_s - share.block.accepted_s > self._delivery_timeout_s:
            batch = Batch(self._queue.release)
            batch.add(share)
            self._give_back(batch, _BEHIND_OTHERS)
            return False
        self.behind_others = True
        self._put_back(share)
        self.say_oldest()
        return True
