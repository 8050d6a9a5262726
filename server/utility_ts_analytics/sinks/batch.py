"""The rows of one send: parts of blocks in order, and the way back to each request's account."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from utility_ts_analytics.buffering.block import Block, Failure
from utility_ts_analytics.buffering.queue import BlockQueue
from utility_ts_analytics.records.days import day_numbers
from utility_ts_analytics.records.reading import Reading
from utility_ts_analytics.records.validation import RowError
from utility_ts_analytics.sinks.contract import PayloadT, Sink
from utility_ts_analytics.sinks.dead_letter import Letter

_GivenT = TypeVar("_GivenT", contravariant=True)


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """How far a batch grows.

    Attributes:
        rows_max: Most rows of one send, >= 1.
        days_max: Most days of one send, >= 1: QuestDB applies a commit as a whole, a day in 1 to 5
            ms, and what is committed behind it is not visible meanwhile (decision 0025).
        bytes_max: Most body bytes behind one send; a single share, of up to `ENCODE_ROWS_MAX` rows
            of a lane, may be larger. It bounds the payload: an encoded row is at most its body
            bytes twice over plus about 150 bytes.
        linger_s: Longest wait for more rows after the first of a batch, seconds, >= 0.
        quiet_s: Longest wait since rows last came, seconds, >= 0: whoever adds that seldom, such
            as a slow upload, does not hold up the others.
    """

    rows_max: int
    bytes_max: int = 16 * 1024 * 1024
    linger_s: float = 0.2
    quiet_s: float = 0.02
    days_max: int = 2_000


@dataclass(frozen=True, slots=True)
class Share:
    """Rows `start`..`stop` of a block; never empty."""

    block: Block
    start: int
    stop: int

    @property
    def rows(self) -> int:
        """How many rows, >= 1."""
        return self.stop - self.start

    @property
    def size_bytes(self) -> int:
        """This share of the block's bytes; the shares of a block add up to exactly its size."""
        block = self.block
        row_count = block.row_count
        return (
            block.size_bytes * self.stop // row_count - block.size_bytes * self.start // row_count
        )

    def as_block(self) -> Block:
        """Return what a sink encodes; the block itself if the share is all of it."""
        block = self.block
        if self.start == 0 and self.stop == block.row_count:
            return block
        return block.part(self.start, self.stop, self.size_bytes)

    def split(self, rows: int) -> "tuple[Share, Share]":
        """Return the first `rows` rows and the rest; 0 < `rows` < `self.rows`."""
        middle = self.start + rows
        return Share(self.block, self.start, middle), Share(self.block, middle, self.stop)


class WaitingShares:
    """The rows of a queue that no batch has yet, in order, a share at a time.

    Args:
        queue: Nobody else takes from it.
    """

    def __init__(self, queue: BlockQueue) -> None:
        self._queue = queue
        self._first: Share | None = None

    @property
    def any(self) -> bool:
        """Whether there are any."""
        return self.cut or self._queue.waiting_rows > 0

    @property
    def cut(self) -> bool:
        """Whether a block was cut, or a share put back: the batch before it is complete."""
        return self._first is not None

    @property
    def oldest_accepted_s(self) -> float | None:
        """When the first of them was accepted, monotonic seconds; None where there is none."""
        return (
            self._queue.oldest_accepted_s if self._first is None else self._first.block.accepted_s
        )

    def take(self, rows_max: int) -> Share | None:
        """Take the next rows, of one block; None where there are none.

        Args:
            rows_max: Most rows, >= 1; what is left of the block comes next.
        """
        share, self._first = self._first, None
        if share is None:
            blocks = self._queue.take(1)
            if not blocks:
                return None
            share = Share(blocks[0], 0, blocks[0].row_count)
        if share.rows > rows_max:
            share, self._first = share.split(rows_max)
        return share

    def put_back(self, share: Share) -> None:
        """Put the share that was taken last in front again."""
        stop = share.stop if self._first is None else self._first.stop
        self._first = Share(share.block, share.start, stop)


class Batch:
    """Shares in the order in which their rows reach the table.

    Every row leaves exactly once: by `store`, `spool`, `fail` or `reject`, each of which reports to
    the row's settlement and gives the room back.

    Args:
        release: Gives room back: `BlockQueue.release`.
    """

    def __init__(self, release: Callable[[int, int], None]) -> None:
        self.rows = 0
        self.size_bytes = 0
        self.shares: list[Share] = []
        self._release = release
        self._days: set[int] = set()

    def add(self, share: Share) -> None:
        """Append a share."""
        self.shares.append(share)
        self.rows += share.rows
        self.size_bytes += share.size_bytes

    def add_within(self, share: Share, limits: BatchLimits) -> Share | None:
        """Append the rows of a share that fit, in order: every row of a commit comes by this.

        Args:
            share: At most as many rows as there is room for (`limits.rows_max`).
            limits: Of bytes and days. An empty batch takes a row at least, and bytes as they come.

        Returns:
            The rows that belong into the next batch, or None if there are none.
        """
        if self.rows and self.size_bytes + share.size_bytes > limits.bytes_max:
            return share
        days, share_days = self._days, share.block.days
        most = limits.days_max
        if len(days) + len(share_days) <= most or len(days | share_days) <= most:
            days |= share_days
            self.add(share)
            return None
        return self._add_first_days(share, most)

    def _add_first_days(self, share: Share, days_max: int) -> Share | None:
        """Append the rows up to the first that would lie on one day too many; return the rest."""
        days, rows = self._days, 0
        for day in day_numbers(share.as_block().rows):
            if day not in days and len(days) == days_max:
                break
            days.add(day)
            rows += 1
        if rows == 0:
            return share
        if rows == share.rows:
            self.add(share)
            return None
        fitting, rest = share.split(rows)
        self.add(fitting)
        return rest

    def store(self) -> None:
        """Settle every row as stored."""
        for share in self._leave():
            share.block.settlement.store(share.rows)
            self._release(share.rows, share.size_bytes)

    def spool(self) -> None:
        """Settle every row as kept on this machine's disk, to be stored later."""
        for share in self._leave():
            share.block.settlement.spool(share.rows)
            self._release(share.rows, share.size_bytes)

    def fail(self, failure: Failure) -> None:
        """Settle every row as given back."""
        for share in self._leave():
            share.block.settlement.fail(share.rows, failure)
            self._release(share.rows, share.size_bytes)

    def reject(self, row_index: int, reason: str) -> None:
        """Settle one row as refused for good; the others stay, in order.

        Args:
            row_index: From 0, < `rows`.
            reason: What the database said, without payload.
        """
        before, rest = self._cut(self.shares, row_index)
        bad, after = self._cut(rest, 1)
        self.replace([*before, *after])
        share = bad[0]
        position = share.block.positions[share.start]
        share.block.settlement.reject(RowError(position, "sink-rejected", None, reason))
        self._release(1, share.size_bytes)

    def letter(self, row_index: int, reason: str) -> Letter:
        """Return what is to be kept of a row that is about to be refused; arguments as `reject`."""
        (share,), _ = self._cut(self._cut(self.shares, row_index)[1], 1)
        block = share.as_block()
        return Letter(block.rows[0], reason, block.settlement.request_id, block.positions[0])

    async def all_rows(self) -> list[Reading]:
        """Return the rows in order, letting the loop go on after each share."""
        rows: list[Reading] = []
        for share in self.shares:
            rows += share.as_block().rows
            await asyncio.sleep(0)
        return rows

    def halves(self) -> "tuple[Batch, Batch]":
        """Move the rows into two batches, first half first; this one is empty afterwards.

        At least two rows are needed.
        """
        middle = self.rows // 2
        parts = self._cut(self._leave(), middle)
        first, second = Batch(self._release), Batch(self._release)
        for batch, shares in zip((first, second), parts, strict=True):
            batch.replace(shares)
        return first, second

    def replace(self, shares: list[Share]) -> None:
        """Hold exactly these shares. The caller answers for the rows that leave by this."""
        self.shares = shares
        self.rows = sum(share.rows for share in shares)
        self.size_bytes = sum(share.size_bytes for share in shares)

    def _leave(self) -> list[Share]:
        shares = self.shares
        self.replace([])
        return shares

    @staticmethod
    def _cut(shares: list[Share], rows: int) -> tuple[list[Share], list[Share]]:
        """Return the first `rows` rows and the rest."""
        before: list[Share] = []
        for index, share in enumerate(shares):
            if rows == 0:
                return before, shares[index:]
            if share.rows > rows:
                first, rest = share.split(rows)
                return [*before, first], [rest, *shares[index + 1 :]]
            before.append(share)
            rows -= share.rows
        return before, []


class Settler(Protocol[_GivenT]):
    """What a lane hands its batches to, one after the other."""

    async def settle(self, batch: Batch, payload: _GivenT, deadline_s: float) -> None:
        """Settle every row of a batch; see `Dispatch.settle`."""
        ...


async def encode_batch(sink: Sink[PayloadT], batch: Batch, payload: PayloadT) -> None:
    """Append the rows of a batch to `payload`, letting the loop go on after each share."""
    for share in batch.shares:
        sink.encode(share.as_block(), payload)
        await asyncio.sleep(0)
