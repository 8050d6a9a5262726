"""One encoded batch to the end of each of its rows: stored, refused, or given back.

A row that the database refuses never takes others with it: it is taken out by its number where the
database names it, and found by halving where not; the rest is sent again, in order.
"""

import math
from collections import deque
from typing import Generic, assert_never

import structlog

from utility_ts_analytics.buffering.block import Failure
from utility_ts_analytics.clock import Clock
from utility_ts_analytics.sinks.batch import Batch, encode_batch
from utility_ts_analytics.sinks.breaker import Breaker
from utility_ts_analytics.sinks.contract import (
    Delivered,
    InDoubt,
    PayloadT,
    Rejected,
    RetryLater,
    Sink,
)
from utility_ts_analytics.sinks.dead_letter import DeadLetters
from utility_ts_analytics.sinks.observer import LaneObserver
from utility_ts_analytics.sinks.route import Route

BROKEN = Failure("sink-unavailable", "cannot store the rows: an internal error, see the log")
"""Our own fault: the rows go back to their senders and the log has the rest."""

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


class Dispatch(Generic[PayloadT]):
    """Delivers the batches of one lane, one after the other.

    Args:
        sink: What encodes the parts of a batch that is sent again.
        route: How a payload of that sink gets into the database.
        clock: Time.
        observer: Counters and logs.
        dead_letters: Where refused rows are kept; None keeps none.
    """

    def __init__(
        self,
        sink: Sink[PayloadT],
        route: Route[PayloadT],
        *,
        clock: Clock,
        observer: LaneObserver,
        dead_letters: DeadLetters | None = None,
    ) -> None:
        self._sink = sink
        self._route = route
        self._clock = clock
        self._observer = observer
        self._dead_letters = dead_letters
        # Short waits: each refused request is one that could have been stored.
        self._outage = Breaker(wait_first_s=1.0, wait_max_s=3.0)
        self._outage_reason = ""

    def refusal(self) -> Failure | None:
        """Return why new rows should be refused at once, or None.

        That is for a short while after every way into the database has failed; then the next rows
        find out whether one works again.
        """
        wait_s = self._outage.wait_s(self._clock.monotonic_s())
        if wait_s <= 0:
            return None
        return Failure("sink-unavailable", self._outage_reason, math.ceil(wait_s))

    async def settle(self, batch: Batch, payload: PayloadT, deadline_s: float) -> None:
        """Deliver a batch, and settle every row of it; arguments and errors as `deliver`."""
        failure = await self.deliver(batch, payload, deadline_s)
        if failure is not None:
            self.give_back(batch, failure)

    async def deliver(self, batch: Batch, payload: PayloadT, deadline_s: float) -> Failure | None:
        """Deliver a batch, and settle the rows that are stored or refused.

        Args:
            batch: Holds the rows without an end afterwards, none if all is well.
            payload: The whole batch, encoded; used again for its parts.
            deadline_s: Time of the clock by which the last attempt has ended. It bounds the
                search for refused rows too.

        Returns:
            Why the rows still in `batch` could not be delivered, or None.

        Raises:
            asyncio.CancelledError: The rows still in `batch` are the caller's to settle.
        """
        parts = deque([batch])
        try:
            failure = await self._send_part(parts, payload, deadline_s)
            while failure is None and parts:
                self._sink.clear(payload)
                await encode_batch(self._sink, parts[0], payload)
                failure = await self._send_part(parts, payload, deadline_s)
        except Exception:  # noqa: BLE001 - the lane's border: counted, logged, and it goes on
            _log.exception("cannot deliver a batch", sink=self._sink.name)
            failure = BROKEN
        finally:
            _gather(parts, batch)
        self._note(failure)
        return failure

    def give_back(self, batch: Batch, failure: Failure) -> None:
        """Settle every row of a batch as given back to its sender."""
        rows = batch.rows
        batch.fail(failure)
        self._observer.failed(rows, failure.code)

    async def _send_part(
        self, parts: deque[Batch], payload: PayloadT, deadline_s: float
    ) -> Failure | None:
        """Deliver the first part, and take off `parts` what is settled by that.

        Returns:
            Why nothing more can be delivered, or None.
        """
        started_s = self._clock.monotonic_s()
        sent = await self._route.deliver(parts[0], payload, deadline_s)
        match sent.outcome:
            case Delivered():
                part = parts.popleft()
                rows = part.rows
                part.store()
                seconds = self._clock.monotonic_s() - started_s
                self._observer.delivered(rows, seconds, sink=sent.sink)
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
            self._observer.dead_letter(kept=kept)
        part.reject(row_index, reason)
        if part.rows == 0:
            parts.popleft()
        self._observer.rejected(1)

    def _note(self, failure: Failure | None) -> None:
        if failure is None:
            self._outage.succeeded()
        elif failure.code == "sink-unavailable" and failure is not BROKEN:
            self._outage.failed(self._clock.monotonic_s())
            self._outage_reason = failure.detail


def _gather(parts: deque[Batch], batch: Batch) -> None:
    """Put the rows of all parts back into the batch that they were taken from."""
    shares = [share for part in parts for share in part.shares]
    batch.replace(shares)
