"""Blocks of rows on their way to the table, and the settlement of each request's rows.

A row that was taken ends as exactly one of: stored, spooled, rejected, failed. `Settlement` counts
these for one request; the lane reports into it, the request waits on it.
"""

import asyncio
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from utility_ts_analytics.records.days import days_between, ends_of
from utility_ts_analytics.records.encoded import EncodedLines, Rows
from utility_ts_analytics.records.reading import Reading
from utility_ts_analytics.records.validation import RowError

FailureCode = Literal["sink-unavailable", "schema-missing", "table-suspended", "draining"]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why rows were given back unstored. Every failure can be retried.

    Attributes:
        code: The error code of the HTTP answer.
        detail: One line for the client; no payload, no secret.
        retry_after_s: Whole seconds, >= 1.
    """

    code: FailureCode
    detail: str
    retry_after_s: int = 5


class Settlement:
    """Counts the rows of one request by how they ended. One event loop.

    Attributes:
        request_id: As in the request's answer and in the log; "" where there is no request.
        taken_rows: Rows handed over so far.
        stored_rows: Rows that reached the table's write-ahead log.
        spooled_rows: Rows that are on this machine's disk, to be stored later.
        rejected: Rows that the database refused for good.
        failed_rows: Rows given back unstored.
        failure: The first failure, if any.
    """

    taken_rows = 0
    stored_rows = 0
    spooled_rows = 0
    failed_rows = 0
    failure: Failure | None = None
    _waiter: asyncio.Future[None] | None = None
    _due_s = math.inf

    def __init__(self, request_id: str = "") -> None:
        self.request_id = request_id
        self.rejected: list[RowError] = []

    @property
    def open_rows(self) -> int:
        """Rows that were taken and have not ended yet."""
        kept_rows = self.stored_rows + self.spooled_rows
        return self.taken_rows - kept_rows - len(self.rejected) - self.failed_rows

    def take(self, rows: int) -> None:
        """Count `rows` as handed over."""
        self.taken_rows += rows

    def store(self, rows: int) -> None:
        """Count `rows` as stored."""
        self.stored_rows += rows
        self._wake_if_settled()

    def spool(self, rows: int) -> None:
        """Count `rows` as on this machine's disk."""
        self.spooled_rows += rows
        self._wake_if_settled()

    def reject(self, error: RowError) -> None:
        """Record one row that the database refuses for good."""
        self.rejected.append(error)
        self._wake_if_settled()

    def fail(self, rows: int, failure: Failure) -> None:
        """Count `rows` as given back; the first reason is kept."""
        self.failed_rows += rows
        if self.failure is None:
            self.failure = failure
        self._wake_if_settled()

    async def settled(self, *, within_s: float = math.inf) -> None:
        """Return once every row taken so far has ended. One waiter at a time.

        The end of the wait, whatever ends it, has no effect on the rows.

        Args:
            within_s: Longest wait, seconds, if somebody calls `end_overdue_wait` now and then. A
                timer for each post would cost more than the wait.

        Raises:
            TimeoutError: Rows are still open then.
        """
        loop = asyncio.get_running_loop()
        if within_s < math.inf:
            self._due_s = loop.time() + within_s
        while self.open_rows:
            self._waiter = loop.create_future()
            await self._waiter

    def end_overdue_wait(self, now_s: float) -> None:
        """End a wait that takes too long; `now_s` is the loop's time, seconds."""
        if now_s >= self._due_s and self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(TimeoutError())

    def _wake_if_settled(self) -> None:
        if self.open_rows < 0:
            raise AssertionError("a row was settled twice")
        if self.open_rows == 0 and self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Block:
    """Valid rows of one request, in the order of their lines.

    Args:
        rows: Records, or lines where they came encoded. Never empty; nobody changes them any more.
        positions: Line number (or array index) of each row; as long as `rows`.
        size_bytes: Bytes of the body that the rows came from; the byte bound counts these.
        settlement: Gets the end of each row.
        days: All days of the rows, and maybe others; None to find them when they are asked for.

    Attributes:
        lines: The encoded rows, if they came encoded; then there are no records.
        accepted_s: When the queue took the rows, monotonic seconds; 0 before that.
    """

    __slots__ = (
        "_days",
        "_restore",
        "_rows",
        "accepted_s",
        "lines",
        "positions",
        "row_count",
        "settlement",
        "size_bytes",
    )

    def __init__(
        self,
        rows: Rows,
        positions: Sequence[int],
        size_bytes: int,
        settlement: Settlement,
        days: frozenset[int] | None = None,
    ) -> None:
        self.row_count = len(rows)
        self.positions = positions
        self.size_bytes = size_bytes
        self.settlement = settlement
        self.lines: EncodedLines | None = None
        self.accepted_s = 0.0
        self._days = days
        self._rows: Sequence[Reading] | None = None
        self._restore: Callable[[], Sequence[Reading]] | None = None
        if isinstance(rows, EncodedLines):
            self.lines = rows
            self._restore = rows.rows
        else:
            self._rows = rows

    @property
    def rows(self) -> Sequence[Reading]:
        """The rows; restored at each call once they were let go."""
        if self._rows is not None:
            return self._rows
        if self._restore is None:
            raise AssertionError("rows were let go without a way back")
        return self._restore()

    @property
    def days(self) -> frozenset[int]:
        """Days of the rows (`records.days`); a part may have those of the whole block."""
        if self._days is None:
            rows = self.rows
            self._days = days_between(rows, ends_of(rows))
        return self._days

    def part(self, start: int, stop: int, size_bytes: int) -> "Block":
        """Return the rows from index `start` up to, not including, `stop`; never empty.

        Args:
            start: From 0.
            stop: At most `row_count`.
            size_bytes: Their share of the bytes.
        """
        rows = self.rows[start:stop] if self.lines is None else self.lines.part(start, stop)
        return Block(rows, self.positions[start:stop], size_bytes, self.settlement, self._days)

    def parts(self, rows_max: int) -> "Iterator[Block]":
        """Yield the block, or parts of half a queue if it is larger than the queue.

        Args:
            rows_max: Most rows of the queue; a larger part would wait for ever.
        """
        if self.row_count <= rows_max:
            yield self
            return
        part_rows = max(1, rows_max // 2)
        for start in range(0, self.row_count, part_rows):
            stop = min(start + part_rows, self.row_count)
            yield self.part(start, stop, self.size_bytes * (stop - start) // self.row_count)

    def let_go(self, restore: Callable[[], Sequence[Reading]]) -> None:
        """Free the rows' memory: 600 bytes each, while encoded they take 230.

        Args:
            restore: Returns equal rows, for a batch that another sink takes, or that is split, or
                that is given back.
        """
        self._restore = restore
        self._rows = None
