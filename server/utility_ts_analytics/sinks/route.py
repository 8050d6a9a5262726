"""The way of one lane into the database: the first choice, and the second while that one fails.

A row must not wait for a broken way while another works, and must not be sent the slow way for
longer than needed: a breaker keeps the lane on the second choice and lets one batch at a time try
the first again (docs/decisions/0009-fallback-breaker-and-store-and-forward.md).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeGuard

import structlog

from utility_ts_analytics.clock import Clock
from utility_ts_analytics.sinks.batch import Batch, encode_batch
from utility_ts_analytics.sinks.breaker import Breaker
from utility_ts_analytics.sinks.contract import InDoubt, Outcome, PayloadT, RetryLater, Sink
from utility_ts_analytics.sinks.delivery import EARLIER_IN_DOUBT, RetryPolicy, deliver
from utility_ts_analytics.sinks.observer import LaneObserver
from utility_ts_analytics.sinks.order import LaneOrder

TRIAL_TIMEOUT_S = 2.0
"""Longest time that a batch is held up by trying the first choice again."""

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Sent:
    """How a payload ended, and which sink had the last word."""

    outcome: Outcome
    sink: str


class Route(Generic[PayloadT]):
    """Delivers one payload at a time. One event loop.

    Args:
        sink: The first choice.
        fallback: The second; None leaves the rows to the first alone.
        policy: Attempts and time-outs, of each choice.
        order: The lane's place in the order of its stream.
        clock: Time.
        random: Returns numbers in [0, 1), for the jitter.
        observer: Counters and logs.
    """

    def __init__(
        self,
        sink: Sink[PayloadT],
        *,
        policy: RetryPolicy,
        order: LaneOrder,
        clock: Clock,
        random: Callable[[], float],
        observer: LaneObserver,
        fallback: Sink[Any] | None = None,
    ) -> None:
        self._sink = sink
        self._fallback = fallback
        self._policy = policy
        self._order = order
        self._clock = clock
        self._random = random
        self._observer = observer
        self._breaker = Breaker()

    async def deliver(self, batch: Batch, payload: PayloadT, deadline_s: float) -> Sent:
        """Send until stored or refused, or until every way is out of attempts and time.

        Args:
            batch: The rows; not settled here.
            payload: The same rows, encoded for the first choice; unchanged afterwards.
            deadline_s: Time of the clock by which this returns.
        """
        self._order.begin_batch()
        if not await self._order.clear_to_send(deadline_s):
            return Sent(RetryLater(EARLIER_IN_DOUBT), self._sink.name)
        if self._fallback is None:
            outcome = await self._send(self._sink, payload, self._policy, deadline_s)
            return Sent(outcome, self._sink.name)
        first = await self._try_first(payload, deadline_s)
        if first is not None:
            final = isinstance(first, InDoubt) and not self._policy.table_deduplicates
            if final or not _is_trouble(first):
                return Sent(first, self._sink.name)
        second = await self._send_by_fallback(self._fallback, batch, deadline_s)
        if first is not None and _is_trouble(second):
            reason = f"{first.reason}; by {self._fallback.name}: {second.reason}"
            second = replace(second, reason=reason)
        return Sent(second, self._fallback.name)

    async def _try_first(self, payload: PayloadT, deadline_s: float) -> Outcome | None:
        """Send by the first choice, within half the time; None where it is not its turn."""
        now_s = self._clock.monotonic_s()
        if self._breaker.wait_s(now_s) > 0:
            return None
        policy = self._policy
        if self._breaker.is_open:
            timeout_s = min(TRIAL_TIMEOUT_S, policy.attempt_timeout_s)
            policy = replace(policy, retries_max=0, attempt_timeout_s=timeout_s)
        half_s = now_s + (deadline_s - now_s) / 2
        outcome = await self._send(self._sink, payload, policy, half_s)
        self._note_first(outcome)
        return outcome

    def _note_first(self, outcome: Outcome) -> None:
        was_open = self._breaker.is_open
        if _is_trouble(outcome):
            self._breaker.failed(self._clock.monotonic_s())
            if not was_open:
                _log.warning("falling back", sink=self._sink.name, reason=outcome.reason)
                self._observer.fell_back(active=True)
            return
        self._breaker.succeeded()
        if was_open:
            _log.info("back to the first choice", sink=self._sink.name)
            self._observer.fell_back(active=False)

    async def _send_by_fallback(
        self, fallback: Sink[Any], batch: Batch, deadline_s: float
    ) -> Outcome:
        payload = fallback.new_payload()
        await encode_batch(fallback, batch, payload)
        return await self._send(fallback, payload, self._policy, deadline_s)

    async def _send(
        self, sink: Sink[Any], payload: object, policy: RetryPolicy, deadline_s: float
    ) -> Outcome:
        def note_retry(outcome: RetryLater | InDoubt) -> None:
            reason = outcome.code if isinstance(outcome, RetryLater) else "in-doubt"
            _log.warning("sending again", sink=sink.name, code=reason, reason=outcome.reason)
            self._observer.retried(reason, sink=sink.name)

        return await deliver(
            sink,
            payload,
            policy=policy,
            deadline_s=deadline_s,
            order=self._order,
            clock=self._clock,
            random=self._random,
            retried=note_retry,
        )


def _is_trouble(outcome: Outcome) -> TypeGuard[RetryLater | InDoubt]:
    """Tell whether it is the way that failed, rather than the database that said no."""
    if isinstance(outcome, InDoubt):
        return True
    return isinstance(outcome, RetryLater) and outcome.code == "sink-unavailable"
