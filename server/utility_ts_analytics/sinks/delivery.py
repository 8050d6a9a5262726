"""One payload, sent until it is stored, refused, or out of attempts and time.

Three questions in three places: what happened (`Sink.send`), may it be sent again (here), how
long to wait (`sinks.backoff`).
"""

from collections.abc import Callable
from dataclasses import dataclass

from utility_ts_analytics.clock import Clock
from utility_ts_analytics.sinks.backoff import Backoff
from utility_ts_analytics.sinks.contract import (
    Delivered,
    InDoubt,
    Outcome,
    PayloadT,
    Rejected,
    RetryLater,
    Sink,
)
from utility_ts_analytics.sinks.order import LaneOrder

EARLIER_IN_DOUBT = (
    "cannot send the rows: QuestDB does not answer, and may still carry out an earlier request"
)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Bounds of one delivery, in attempts and in time.

    Attributes:
        retries_max: Attempts after the first one, >= 0. Connecting is part of an attempt.
        backoff: The waits between attempts.
        attempt_timeout_s: Longest single attempt, seconds, > 0.
        delivery_timeout_s: Longest delivery of one batch with all attempts and waits, seconds.
        table_deduplicates: Whether sending stored rows again leaves the table as it was. Without
            it nothing is sent again after `InDoubt`.
    """

    retries_max: int
    backoff: Backoff
    attempt_timeout_s: float
    delivery_timeout_s: float
    table_deduplicates: bool = True


async def deliver(
    sink: Sink[PayloadT],
    payload: PayloadT,
    *,
    policy: RetryPolicy,
    deadline_s: float,
    order: LaneOrder,
    clock: Clock,
    random: Callable[[], float],
    retried: Callable[[RetryLater | InDoubt], None],
) -> Outcome:
    """Send `payload` until it is stored or refused, or attempts or time run out.

    Args:
        sink: Where to; only this call uses it meanwhile.
        payload: Encoded rows; unchanged afterwards, so that it can be sent again.
        policy: Bounds and waits.
        deadline_s: Time of `clock` by which this returns, given that the sink keeps its time-out.
        order: Holds each attempt up while an earlier request may still be carried out.
        clock: Time.
        random: Returns numbers in [0, 1), for the jitter.
        retried: Told of each outcome that leads to another attempt, before the wait.

    Returns:
        `Delivered`, `Rejected`, or the outcome of the last attempt. After `RetryLater` as the last
        one, an earlier attempt may still have stored the rows.
    """
    attempt_index = 0
    while True:
        left_s = deadline_s - clock.monotonic_s()
        if left_s <= 0:
            return RetryLater("cannot send the rows: the time for their delivery has run out")
        if not await order.clear_to_send(deadline_s):
            return RetryLater(EARLIER_IN_DOUBT)
        left_s = max(deadline_s - clock.monotonic_s(), 0.0)
        timeout_s = min(policy.attempt_timeout_s, left_s)
        outcome = await order.watched(sink.send(payload, timeout_s=timeout_s))
        if isinstance(outcome, Delivered | Rejected):
            return outcome
        if isinstance(outcome, InDoubt) and not policy.table_deduplicates:
            return outcome
        wait_s = policy.backoff.wait_s(attempt_index, random)
        out_of_time = clock.monotonic_s() + wait_s >= deadline_s
        if attempt_index >= policy.retries_max or out_of_time:
            return outcome
        retried(outcome)
        await clock.sleep(wait_s)
        attempt_index += 1
