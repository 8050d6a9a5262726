"""Sends a batch until it is stored or refused: attempts, waits, and a second choice of the sink.

Three questions in three places: what happened (`sinks/*/outcomes.py`), may it be sent again (here),
how long to wait (`waits.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeGuard

import structlog

from utility_ts_analytics.clock import Clock
from utility_ts_analytics.delivery.batch import Batch
from utility_ts_analytics.delivery.counts import LaneCounts
from utility_ts_analytics.delivery.order import LaneOrder
from utility_ts_analytics.delivery.waits import Backoff, Breaker
from utility_ts_analytics.sinks.contract import (
    Delivered,
    InDoubt,
    Outcome,
    Rejected,
    RetryLater,
    Sink,
)

TRIAL_TIMEOUT_S = 2.0
"""Longest time that a batch is held up by trying the first choice again."""

_EARLIER_IN_DOUBT = RetryLater(
    "cannot send the rows: an earlier request was not answered, and may still be carried out"
)
_OUT_OF_TIME = RetryLater("cannot send the rows: the time for their delivery has run out")

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Bounds of the attempts by one sink. The deadline of the batch bounds all of them in time.

    Attributes:
        max_retries: Attempts after the first one, >= 0. Connecting is part of an attempt.
        backoff: The waits between attempts.
        request_timeout_s: Longest single attempt, seconds, > 0.
    """

    max_retries: int
    backoff: Backoff
    request_timeout_s: float


@dataclass(frozen=True, slots=True)
class Sent:
    """How a batch ended, and the name of the sink of the last attempt."""

    outcome: Outcome
    sink: str


class Sender:
    """Sends one batch at a time. One event loop.

    While the first choice fails, rows go by the second. A breaker lets one batch at a time try the
    first choice again, so that rows go the slow way no longer than needed (decision 0009).

    What is in doubt is sent again: the tables deduplicate, and no row is sent to one that does not
    (`database.health`, `sinks.ilp.landing`).

    Args:
        sink: The first choice.
        fallback: The second choice; None leaves the rows to the first.
        policy: Attempts and time-outs, of each choice.
        order: The lane's place in the order of its stream.
        clock: Time.
        random: Returns numbers in [0, 1), for the jitter.
        counts: Repeated sends, and lanes that fell back.
    """

    def __init__(
        self,
        sink: Sink,
        fallback: Sink | None = None,
        *,
        policy: RetryPolicy,
        order: LaneOrder,
        clock: Clock,
        random: Callable[[], float],
        counts: LaneCounts,
    ) -> None:
        self._sink = sink
        self._fallback = fallback
        self._policy = policy
        self._order = order
        self._clock = clock
        self._random = random
        self._counts = counts
        self._breaker = Breaker()

    async def send(self, batch: Batch, deadline_s: float) -> Sent:
        """Send until stored or refused, or until each choice is out of attempts or time.

        Args:
            batch: The rows; not settled here.
            deadline_s: Time of the clock by which this returns, given that the sinks keep their
                time-outs.

        Returns:
            `Delivered`, `Rejected`, or the outcome of the last attempt. After `RetryLater` as the
            last one, an earlier attempt may still have stored the rows.
        """
        self._order.begin_batch()
        if not await self._order.clear_to_send(deadline_s):
            return Sent(_EARLIER_IN_DOUBT, self._sink.name)
        if self._fallback is None:
            outcome = await self._send_by(self._sink, batch, self._policy, deadline_s)
            return Sent(outcome, self._sink.name)
        first = await self._try_first(batch, deadline_s)
        if first is not None and not _is_trouble(first):
            return Sent(first, self._sink.name)
        second = await self._send_by(self._fallback, batch, self._policy, deadline_s)
        if first is not None and _is_trouble(second):
            reason = f"{first.reason}; by {self._fallback.name}: {second.reason}"
            second = replace(second, reason=reason)
        return Sent(second, self._fallback.name)

    async def _try_first(self, batch: Batch, deadline_s: float) -> Outcome | None:
        """Send by the first choice, within half the time; None where it is not its turn."""
        now_s = self._clock.monotonic_s()
        if self._breaker.wait_s(now_s) > 0:
            return None
        policy = self._policy
        if self._breaker.is_open:
            timeout_s = min(TRIAL_TIMEOUT_S, policy.request_timeout_s)
            policy = replace(policy, max_retries=0, request_timeout_s=timeout_s)
        half_s = now_s + (deadline_s - now_s) / 2
        outcome = await self._send_by(self._sink, batch, policy, half_s)
        self._note_first(outcome)
        return outcome

    def _note_first(self, outcome: Outcome) -> None:
        was_open = self._breaker.is_open
        if _is_trouble(outcome):
            self._breaker.failed(self._clock.monotonic_s())
            if not was_open:
                _log.warning("falling back", sink=self._sink.name, reason=outcome.reason)
                self._counts.fell_back(active=True)
            return
        self._breaker.succeeded()
        if was_open:
            _log.info("back to the first choice", sink=self._sink.name)
            self._counts.fell_back(active=False)

    async def _send_by(
        self, sink: Sink, batch: Batch, policy: RetryPolicy, deadline_s: float
    ) -> Outcome:
        """Send by one sink until stored or refused, or out of attempts or time."""
        payload = await batch.payload_for(sink)
        attempt_index = 0
        while True:
            if deadline_s <= self._clock.monotonic_s():
                return _OUT_OF_TIME
            if not await self._order.clear_to_send(deadline_s):
                return _EARLIER_IN_DOUBT
            left_s = max(deadline_s - self._clock.monotonic_s(), 0.0)
            timeout_s = min(policy.request_timeout_s, left_s)
            outcome = await self._order.watched(payload.send(timeout_s=timeout_s))
            if isinstance(outcome, Delivered | Rejected) or _is_guarded(outcome):
                return outcome
            wait_s = policy.backoff.wait_s(attempt_index, self._random)
            out_of_time = self._clock.monotonic_s() + wait_s >= deadline_s
            if attempt_index >= policy.max_retries or out_of_time:
                return outcome
            reason = outcome.code if isinstance(outcome, RetryLater) else "in-doubt"
            _log.warning("sending again", sink=sink.name, code=reason, reason=outcome.reason)
            self._counts.retried(reason, sink=sink.name)
            await self._clock.sleep(wait_s)
            attempt_index += 1


def _is_guarded(outcome: Outcome) -> bool:
    """Tell whether this service itself keeps the rows back: another attempt changes nothing."""
    return isinstance(outcome, RetryLater) and outcome.code == "draining"


def _is_trouble(outcome: Outcome) -> TypeGuard[RetryLater | InDoubt]:
    """Tell whether the sink failed, rather than the database that said no."""
    if isinstance(outcome, InDoubt):
        return True
    return isinstance(outcome, RetryLater) and outcome.code == "sink-unavailable"
