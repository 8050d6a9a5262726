"""The second choice carries the rows while the first fails, and the first gets them back."""

import asyncio
from datetime import UTC, datetime

from tests.unit.sinks.lane_rig import Payload

from utility_ts_analytics.buffering.block import Block, Settlement
from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.records.meter_usage import MeterUsage
from utility_ts_analytics.sinks.backoff import Backoff
from utility_ts_analytics.sinks.batch import Batch, Share
from utility_ts_analytics.sinks.contract import Delivered, InDoubt, Outcome, Rejected, RetryLater
from utility_ts_analytics.sinks.delivery import RetryPolicy
from utility_ts_analytics.sinks.observer import SilentObserver
from utility_ts_analytics.sinks.order import StreamOrder
from utility_ts_analytics.sinks.route import TRIAL_TIMEOUT_S, Route, Sent

TS = datetime(2026, 1, 1, tzinfo=UTC)
METERS = ["m-0", "m-1", "m-2"]
DOWN = RetryLater("refused")


class Way(SilentObserver):
    """One sink whose sends end as told; the last outcome repeats. Each send takes `send_s`."""

    def __init__(
        self, name: str, clock: ManualClock, *outcomes: Outcome, send_s: float = 0
    ) -> None:
        self.name = name
        self.clock = clock
        self.outcomes = list(outcomes)
        self.send_s = send_s
        self.sent: list[Payload] = []
        self.timeouts_s: list[float] = []

    def new_payload(self) -> Payload:
        return []

    def encode(self, block: Block, payload: Payload) -> None:
        payload += [row.meter_id for row in block.rows if isinstance(row, MeterUsage)]

    def clear(self, payload: Payload) -> None:
        payload.clear()

    async def send(self, payload: Payload, *, timeout_s: float) -> Outcome:
        self.sent.append(list(payload))
        self.timeouts_s.append(timeout_s)
        self.clock.advance(self.send_s)
        return self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]

    async def close(self) -> None:
        """Nothing is held."""


class Rig(SilentObserver):
    """A route over two ways, and what the observer was told of the fallback."""

    def __init__(self, ilp: Outcome, pgwire: Outcome, *, deduplicates: bool = True) -> None:
        self.clock = ManualClock()
        self.ilp = Way("ilp", self.clock, ilp)
        self.pgwire = Way("pgwire", self.clock, pgwire)
        self.active: list[bool] = []
        policy = RetryPolicy(1, Backoff(0.0, 0.0), 10.0, 30.0, table_deduplicates=deduplicates)
        self.route = Route(
            self.ilp,
            fallback=self.pgwire,
            policy=policy,
            order=StreamOrder(None, self.clock).lane(),
            clock=self.clock,
            random=lambda: 0.0,
            observer=self,
        )

    def fell_back(self, *, active: bool) -> None:
        self.active.append(active)

    def deliver(self) -> Sent:
        rows = [MeterUsage(ts=TS, meter_id=meter, kwh=1.0) for meter in METERS]
        block = Block(rows, range(len(rows)), 100, Settlement())
        batch = Batch(lambda rows, size_bytes: None)
        batch.add(Share(block, 0, 2))
        batch.add(Share(block, 2, 3))
        deadline_s = self.clock.monotonic_s() + 30.0
        return asyncio.run(self.route.deliver(batch, list(METERS), deadline_s))


def test_first_choice_that_works_is_the_only_one_used() -> None:
    rig = Rig(Delivered(), Delivered())
    assert rig.deliver() == Sent(Delivered(), "ilp")
    assert rig.pgwire.sent == []
    assert rig.active == []


def test_trouble_sends_all_rows_in_order_by_the_second_after_the_attempts_of_the_first() -> None:
    for trouble in (DOWN, InDoubt("cut")):
        rig = Rig(trouble, Delivered())
        assert rig.deliver() == Sent(Delivered(), "pgwire")
        assert rig.ilp.sent == [METERS, METERS]
        assert rig.pgwire.sent == [METERS]
        assert rig.active == [True]


def test_open_breaker_sends_by_the_second_at_once() -> None:
    rig = Rig(DOWN, Delivered())
    rig.deliver()
    rig.ilp.sent.clear()
    assert rig.deliver() == Sent(Delivered(), "pgwire")
    assert rig.ilp.sent == []


def test_one_short_attempt_tries_the_first_again_and_goes_back_to_it() -> None:
    rig = Rig(DOWN, Delivered())
    rig.deliver()
    rig.clock.advance(1.0)
    rig.ilp.sent.clear()
    rig.ilp.timeouts_s.clear()
    assert rig.deliver() == Sent(Delivered(), "pgwire")
    assert (len(rig.ilp.sent), rig.ilp.timeouts_s) == (1, [TRIAL_TIMEOUT_S])
    rig.ilp.outcomes = [Delivered()]
    assert rig.deliver() == Sent(Delivered(), "pgwire"), "the next trial is not due yet"
    rig.clock.advance(2.0)
    assert rig.deliver() == Sent(Delivered(), "ilp")
    assert rig.deliver() == Sent(Delivered(), "ilp")
    assert rig.active == [True, False]


def test_what_the_database_says_is_no_reason_to_fall_back() -> None:
    for answer in (Rejected(1, "no"), RetryLater("no table", "schema-missing")):
        rig = Rig(answer, Delivered())
        assert rig.deliver().outcome == answer
        assert rig.pgwire.sent == []
        assert rig.active == []


def test_both_down_tells_both_reasons() -> None:
    rig = Rig(DOWN, RetryLater("no log-in"))
    sent = rig.deliver()
    assert sent == Sent(RetryLater("refused; by pgwire: no log-in"), "pgwire")


def test_row_that_the_second_refuses_is_refused() -> None:
    rig = Rig(DOWN, Rejected(None, "bad row"))
    assert rig.deliver() == Sent(Rejected(None, "bad row"), "pgwire")


def test_in_doubt_is_not_sent_another_way_where_the_table_does_not_deduplicate() -> None:
    rig = Rig(InDoubt("cut"), Delivered(), deduplicates=False)
    assert rig.deliver() == Sent(InDoubt("cut"), "ilp")
    assert rig.pgwire.sent == []


def test_slow_first_choice_leaves_half_the_time_to_the_second() -> None:
    rig = Rig(InDoubt("no answer"), Delivered())
    rig.ilp.send_s = 10.0
    assert rig.deliver() == Sent(Delivered(), "pgwire")
    assert rig.ilp.timeouts_s == [10.0, 5.0]
    assert rig.pgwire.timeouts_s == [10.0]
