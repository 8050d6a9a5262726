"""One encoded batch to the end of each of its rows: stored, refused, or given back.

A row that the database refuses never takes others with it: it is taken out by its number where the
database names it, and found by halving where not; the rest is sent again, in order.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, assert_never

import structlog

from utility_ts_analytics.buffering.block import Failure
from utility_ts_analytics.clock import Clock
from utility_ts_analytics.sinks.batch import Batch
from utility_ts_analytics.sinks.contract import (
    Delivered,
    InDoubt,
    PayloadT,
    Rejected,
    RetryLater,
    Sink,
)
from utility_ts_analytics.sinks.delivery import RetryPolicy, deliver
from utility_ts_analytics.sinks.observer import LaneObserver

BROKEN = Failure("sink-unavailable", "cannot store the rows: an internal error, see the log")
"""Our own fault: the rows go back to their senders and the log has the rest."""

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


class Dispatch(Generic[PayloadT]):
    """Sends the batches of one lane, one after the other.

    Args:
        sink: Where to.
        policy: Attempts and time-outs of a delivery.
        clock: Time.
        random: Returns numbers in [0, 1), for the jitter.
        observer: Counters and logs.
    """

    def __init__(
        self,
        sink: Sink[PayloadT],
        *,
        policy: RetryPolicy,
        clock: Clock,
        random: Callable[[], float],
        observer: LaneObserver,
    ) -> None:
        self._sink = sink
        self._policy = policy
        self._clock = clock
        self._random = random
        self._observer = observer

    async def settle(self, batch: Batch, payload: PayloadT, deadline_s: float) -> None:
        """Deliver a batch, and settle every row of it.

        Args:
            batch: Empty afterwards, unless this is cancelled.
            payload: The whole batch, encoded; used again for its parts.
            deadline_s: Time of the clock by which the last attempt has ended. It bounds the
                search for refused rows too: what is left then is given back.

        Raises:
            asyncio.CancelledError: The rows still in `batch` are the caller's to settle.
        """
        parts = deque([batch])
        try:
            failure = await self._send_part(parts, payload, deadline_s)
            while failure is None and parts:
                await self._encode_again(parts[0], payload)
                failure = await self._send_part(parts, payload, deadline_s)
        except Exception:  # noqa: BLE001 - the lane's border: counted, logged, and it goes on
            _log.exception("cannot deliver a batch", sink=self._sink.name)
            failure = BROKEN
        finally:
            _gather(parts, batch)
        if failure is not None:
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
        outcome = await deliver(
            self._sink,
            payload,
            policy=self._policy,
            deadline_s=deadline_s,
            clock=self._clock,
            random=self._random,
            retried=self._note_retry,
        )
        match outcome:
            case Delivered():
                part = parts.popleft()
                rows = part.rows
                part.store()
                self._observer.delivered(rows, self._clock.monotonic_s() - started_s)
            case Rejected(row_index, reason):
                self._isolate(parts, row_index, reason)
            case RetryLater(reason, code):
                return Failure(code, reason)
            case InDoubt(reason):
                return Failure("sink-unavailable", reason)
            case _:
                assert_never(outcome)
        return None

    def _isolate(self, parts: deque[Batch], row_index: int | None, reason: str) -> None:
        """Take the refused row out of the first part; halve the part if it is not known."""
        part = parts[0]
        if part.rows == 1:
            row_index = 0
        if row_index is None or not 0 <= row_index < part.rows:
            parts.popleft()
            parts.extendleft(reversed(part.halves()))
            return
        part.reject(row_index, reason)
        if part.rows == 0:
            parts.popleft()
        _log.warning("the database refused a row", sink=self._sink.name, reason=reason)
        self._observer.rejected(1)

    async def _encode_again(self, part: Batch, payload: PayloadT) -> None:
        self._sink.clear(payload)
        for share in part.shares:
            self._sink.encode(share.as_block(), payload)
            await asyncio.sleep(0)

    def _note_retry(self, outcome: RetryLater | InDoubt) -> None:
        reason = outcome.code if isinstance(outcome, RetryLater) else "in-doubt"
        _log.info("sending again", sink=self._sink.name, reason=outcome.reason)
        self._observer.retried(reason)


def _gather(parts: deque[Batch], batch: Batch) -> None:
    """Put the rows of all parts back into the batch that they were taken from."""
    shares = [share for part in parts for share in part.shares]
    batch.replace(shares)
