"""The second choice carries the rows while the first fails, and the first gets them back."""

import asyncio
from datetime import UTC, datetime

from tests.unit.delivery.lane_rig import Meters, MeterSink

from utility_ts_analytics.buffering.block import Block, Settlement
from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.delivery.batch import Batch, Share
from utility_ts_analytics.delivery.counts import LaneCounts
from utility_ts_analytics.delivery.order import StreamOrder
from utility_ts_analytics.delivery.sending import TRIAL_TIMEOUT_S, RetryPolicy, Sender, Sent
from utility_ts_analytics.delivery.waits import Backoff
from utility_ts_analytics.records.streams import MeterUsage
from utility_ts_analytics.sinks.contract import Delivered, InDoubt, Outcome, Rejected, RetryLater
from utility_ts_analytics.telemetry.measures import Measures

TS = datetime(2026, 1, 1, tzinfo=UTC)
METERS = ["m-0", "m-1", "m-2"]
DOWN = RetryLater("refused")


class Way(MeterSink):
    """One sink whose sends end as told; the last outcome repeats. Each send takes `send_s`."""

    def __init__(self, name: str, clock: ManualClock, *outcomes: Outcome) -> None:
        super().__init__(name)
        self.clock = clock
        self.outcomes = list(outcomes)
        self.send_s = 0.0
        self.sent: list[Meters] = []
        self.timeouts_s: list[float] = []

    async def take(self, meters: Meters, timeout_s: float) -> Outcome:
        self.sent.append(meters)
        self.timeouts_s.append(timeout_s)
        self.clock.advance(self.send_s)
        return self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]


class Rig(LaneCounts):
    """A sender over two sinks, and what was counted of the fallback."""

    def __init__(self, ilp: Outcome, pgwire: Outcome) -> None:
        self.clock = ManualClock()
        super().__init__(Measures(), self.clock, "meter_usage")
        self.ilp = Way("ilp", self.clock, ilp)
        self.pgwire = Way("pgwire", self.clock, pgwire)
        self.active: list[bool] = []
        self.sender = Sender(
            self.ilp,
            self.pgwire,
            policy=RetryPolicy(1, Backoff(0.0, 0.0), 10.0),
            order=StreamOrder(None, self.clock).lane(),
            clock=self.clock,
            random=lambda: 0.0,
            counts=self,
        )

    def fell_back(self, *, active: bool) -> None:
        self.active.append(active)

    def send(self) -> Sent:
        rows = [MeterUsage(ts=TS, meter_id=meter, kwh=1.0) for meter in METERS]
        block = Block(rows, range(len(rows)), 100, Settlement())
        batch = Batch(lambda rows, size_bytes: None, self.ilp)
        for share in (Share(block, 0, 2), Share(block, 2, 3)):
            batch.add(share)
            batch.encode_last()
        return asyncio.run(self.sender.send(batch, self.clock.monotonic_s() + 30.0))


def test_first_choice_that_works_is_the_only_one_used() -> None:
    rig = Rig(Delivered(), Delivered())
    assert rig.send() == Sent(Delivered(), "ilp")
    assert rig.pgwire.sent == []
    assert rig.active == []


def test_trouble_sends_all_rows_in_order_by_the_second_after_the_attempts_of_the_first() -> None:
    for trouble in (DOWN, InDoubt("cut")):
        rig = Rig(trouble, Delivered())
        assert rig.send() == Sent(Delivered(), "pgwire")
        assert rig.ilp.sent == [METERS, METERS]
        assert rig.pgwire.sent == [METERS]
        assert rig.active == [True]


def test_open_breaker_sends_by_the_second_at_once() -> None:
    rig = Rig(DOWN, Delivered())
    rig.send()
    rig.ilp.sent.clear()
    assert rig.send() == Sent(Delivered(), "pgwire")
    assert rig.ilp.sent == []


def test_one_short_attempt_tries_the_first_again_and_goes_back_to_it() -> None:
    rig = Rig(DOWN, Delivered())
    rig.send()
    rig.clock.advance(1.0)
    rig.ilp.sent.clear()
    rig.ilp.timeouts_s.clear()
    assert rig.send() == Sent(Delivered(), "pgwire")
    assert (len(rig.ilp.sent), rig.ilp.timeouts_s) == (1, [TRIAL_TIMEOUT_S])
    rig.ilp.outcomes = [Delivered()]
    assert rig.send() == Sent(Delivered(), "pgwire"), "the next trial is not due yet"
    rig.clock.advance(2.0)
    assert rig.send() == Sent(Delivered(), "ilp")
    assert rig.send() == Sent(Delivered(), "ilp")
    assert rig.active == [True, False]


def test_what_the_database_says_is_no_reason_to_fall_back() -> None:
    for answer in (Rejected(1, "no"), RetryLater("no table", "schema-missing")):
        rig = Rig(answer, Delivered())
        assert rig.send().outcome == answer
        assert rig.pgwire.sent == []
        assert rig.active == []


def test_both_down_tells_both_reasons() -> None:
    rig = Rig(DOWN, RetryLater("no log-in"))
    sent = rig.send()
    assert sent == Sent(RetryLater("refused; by pgwire: no log-in"), "pgwire")


def test_row_that_the_second_refuses_is_refused() -> None:
    rig = Rig(DOWN, Rejected(None, "bad row"))
    assert rig.send() == Sent(Rejected(None, "bad row"), "pgwire")


def test_slow_first_choice_leaves_half_the_time_to_the_second() -> None:
    rig = Rig(InDoubt("no answer"), Delivered())
    rig.ilp.send_s = 10.0
    assert rig.send() == Sent(Delivered(), "pgwire")
    assert rig.ilp.timeouts_s == [10.0, 5.0]
    assert rig.pgwire.timeouts_s == [10.0]
