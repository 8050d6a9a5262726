"""Brings each row of a batch to its end: stored, refused, or given back.

A row that the database refuses never takes others with it. It is taken out by its number where the
database names it, and found by halving the batch where not; the rest is sent again, in order.
"""

import math
from collections import deque
from typing import assert_never

import structlog

from utility_ts_analytics.buffering.block import Failure
from utility_ts_analytics.clock import Clock
from utility_ts_analytics.delivery.batch import Batch
from utility_ts_analytics.delivery.counts import LaneCounts
from utility_ts_analytics.delivery.dead_letters import DeadLetters
from utility_ts_analytics.delivery.sending import Sender
from utility_ts_analytics.delivery.waits import Breaker
from utility_ts_analytics.sinks.contract import Delivered, InDoubt, Rejected, RetryLater

BROKEN = Failure("sink-unavailable", "cannot store the rows: an internal error, see the log")
"""Our own fault: the rows go back to their senders, and the log has the details."""

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


class Settler:
    """Settles the batches of one lane, one after the other.

    Args:
        sender: Sends a batch.
        clock: Time.
        counts: What became of the rows.
        dead_letters: Where refused rows are kept; None keeps none.
    """

    def __init__(
        self,
        sender: Sender,
        *,
        clock: Clock,
        counts: LaneCounts,
        dead_letters: DeadLetters | None = None,
    ) -> None:
        self._sender = sender
        self._clock = clock
        self._counts = counts
        self._dead_letters = dead_letters
        # Short waits: each refused request is one that could have been stored.
        self._outage = Breaker(wait_first_s=1.0, wait_max_s=3.0)
        self._outage_reason = ""

    def refusal(self) -> Failure | None:
        """Return why new rows should be refused at once, or None.

        New rows are refused for a short while after each sink has failed; then the next rows find
        out whether one works again.
        """
        if not self._outage.is_open:
            return None
        wait_s = self._outage.wait_s(self._clock.monotonic_s())
        if wait_s <= 0:
            return None
        return Failure("sink-unavailable", self._outage_reason, math.ceil(wait_s))

    async def settle(self, batch: Batch, deadline_s: float) -> None:
        """Deliver a batch, and settle every row of it; arguments and errors as `deliver`."""
        failure = await self.deliver(batch, deadline_s)
        if failure is not None:
            self.give_back(batch, failure)

    async def deliver(self, batch: Batch, deadline_s: float) -> Failure | None:
        """Deliver a batch, and settle the rows that are stored or refused.

        Args:
            batch: Afterwards holds the rows that are not settled, none if all went well.
            deadline_s: Time of the clock by which the last attempt has ended. It bounds the
                search for refused rows too.

        Returns:
            Why the rows still in `batch` could not be delivered, or None.

        Raises:
            asyncio.CancelledError: The rows still in `batch` are the caller's to settle.
        """
        parts = deque([batch])
        failure: Failure | None = None
        try:
            while failure is None and parts:
                failure = await self._deliver_first(parts, deadline_s)
        except Exception:  # noqa: BLE001 - the lane's border: counted and logged; the lane continues
            _log.exception("cannot deliver a batch")
            failure = BROKEN
        finally:
            batch.replace([share for part in parts for share in part.shares])
        self._note(failure)
        return failure

    def give_back(self, batch: Batch, failure: Failure) -> None:
        """Settle every row of a batch as given back to its sender."""
        rows = batch.rows
        batch.fail(failure)
        self._counts.failed(rows, failure.code)

    async def _deliver_first(self, parts: deque[Batch], deadline_s: float) -> Failure | None:
        """Send the first part, and take the rows that are settled by that off `parts`.

        Returns:
            Why nothing more can be delivered, or None.
        """
        started_s = self._clock.monotonic_s()
        sent = await self._sender.send(parts[0], deadline_s)
        match sent.outcome:
            case Delivered():
                part = parts.popleft()
                rows = part.rows
                part.store()
                self._counts.stored(rows, self._clock.monotonic_s() - started_s, sink=sent.sink)
            case Rejected(row_index, reason):
                _log.warning("the database refused a row", sink=sent.sink, reason=reason)
                await self._isolate(parts, row_index, reason)
            case RetryLater(reason, code):
                return Failure(code, reason)
            case InDoubt(reason):
                return Failure("sink-unavailable", reason)
            case _:
                assert_never(sent.outcome)
        return None

    async def _isolate(self, parts: deque[Batch], row_index: int | None, reason: str) -> None:
        """Take the refused row out of the first part; halve the part if it is not known."""
        part = parts[0]
        if part.rows == 1:
            row_index = 0
        if row_index is None or not 0 <= row_index < part.rows:
            parts.popleft()
            parts.extendleft(reversed(part.halves()))
            return
        if self._dead_letters is not None:
            kept = await self._dead_letters.keep(part.letter(row_index, reason))
            self._counts.dead_letter(kept=kept)
        part.reject(row_index, reason)
        if part.rows == 0:
            parts.popleft()
        self._counts.rejected(1)

    def _note(self, failure: Failure | None) -> None:
        if failure is None:
            self._outage.succeeded()
        elif failure.code == "sink-unavailable" and failure is not BROKEN:
            self._outage.failed(self._clock.monotonic_s())
            self._outage_reason = failure.detail
