"""The rows of one send: parts of blocks, in order, with the account of each request."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from msgspec import Struct

from utility_ts_analytics.buffering.block import Block, Failure
from utility_ts_analytics.delivery.dead_letters import Letter
from utility_ts_analytics.records.days import day_numbers
from utility_ts_analytics.records.reading import Reading
from utility_ts_analytics.records.validation import RowError
from utility_ts_analytics.sinks.contract import Payload, Sink


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """How far a batch grows.

    Attributes:
        batch_size: Most rows of one send, >= 1.
        bytes_max: Most body bytes behind one send; a single share, of up to
            `collecting.ENCODE_ROWS_MAX` rows, may be larger. It bounds the payload: an encoded row
            is at most twice its body bytes plus about 150 bytes.
        max_batch_linger_s: Longest wait for more rows after the first of a batch, seconds, >= 0.
        quiet_s: Longest wait since rows last came, seconds, >= 0: a slow upload does not hold up
            the rows of others.
        days_max: Most days of one send, >= 1: QuestDB applies a commit as a whole, a day in 1 to 5
            ms, and later commits are not visible meanwhile (decision 0025).
    """

    batch_size: int
    bytes_max: int = 16 * 1024 * 1024
    max_batch_linger_s: float = 0.2
    quiet_s: float = 0.02
    days_max: int = 2_000


class Share(Struct, frozen=True, gc=False):
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
        if self.start == 0 and self.stop == row_count:
            return block.size_bytes
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


class Batch:
    """Shares in the order in which their rows reach the table, and their rows encoded.

    Every row leaves exactly once: by `store`, `spool`, `fail` or `reject`, each of which reports to
    the row's settlement and gives the room back.

    Args:
        release: Gives room back: `BlockQueue.release`.
        sink: For which `encode_last` encodes; None for a batch that is not encoded as it grows.
    """

    def __init__(self, release: Callable[[int, int], None], sink: Sink | None = None) -> None:
        self.rows = 0
        self.size_bytes = 0
        self.shares: list[Share] = []
        self._release = release
        self._days: set[int] = set()
        self._sink = sink
        self._payload: Payload | None = None if sink is None else sink.new_payload()

    def add(self, share: Share) -> None:
        """Append a share."""
        self.shares.append(share)
        self.rows += share.rows
        self.size_bytes += share.size_bytes

    def add_within(self, share: Share, limits: BatchLimits) -> Share | None:
        """Append the rows of a share that fit, in order. Every row of a commit is added here.

        Args:
            share: At most as many rows as there is room for (`limits.batch_size`).
            limits: Of bytes and days. An empty batch takes at least one row, of any size.

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

    # Encoding

    def encode_last(self) -> None:
        """Encode the share that was added last, for the sink of this batch."""
        if self._payload is None:
            raise AssertionError("a batch without a sink is encoded when it is sent")
        self._payload.encode(self.shares[-1].as_block())

    async def payload_for(self, sink: Sink) -> Payload:
        """Return the rows as `sink` sends them, encoded now unless they are so already.

        Other tasks run after each share.
        """
        if self._payload is not None and sink is self._sink:
            return self._payload
        payload = sink.new_payload()
        for share in self.shares:
            payload.encode(share.as_block())
            await asyncio.sleep(0)
        return payload

    # The ends of rows

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
        """Return the dead letter of a row that is about to be refused; arguments as `reject`."""
        (share,), _ = self._cut(self._cut(self.shares, row_index)[1], 1)
        block = share.as_block()
        return Letter(block.rows[0], reason, block.settlement.request_id, block.positions[0])

    async def all_rows(self) -> list[Reading]:
        """Return the rows in order; other tasks run after each share."""
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
        """Hold exactly these shares. The caller settles the rows that leave by this."""
        self._payload = None
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
