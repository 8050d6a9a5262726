"""Nothing is sent without a claim and a fresh proof, whatever happened before."""

import asyncio
from datetime import UTC, datetime

import pytest
from tests.unit.consume.log_rig import NotingSink

from utility_ts_analytics.buffering.block import Block, Failure
from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.consume.claims import Claim, ClaimSettlement, Lease
from utility_ts_analytics.consume.fence import Fence, FencedSink
from utility_ts_analytics.records.streams import MeterUsage
from utility_ts_analytics.sinks.contract import Delivered, Outcome, RetryLater

SESSION_S = 40.0
ROW = MeterUsage(ts=datetime(2024, 5, 1, tzinfo=UTC), meter_id="m", kwh=1.0)


class Rig:
    """A fenced sink, and a coordinator that says yes or no."""

    def __init__(self) -> None:
        self.clock = ManualClock(1_000.0)
        self.lease = Lease(SESSION_S, self.clock.boot_s)
        self.member = True
        self.asked = 0
        self.sink = NotingSink()
        self.fenced = FencedSink(self.sink, Fence(self.lease, self._prove))
        self.claim = Claim(0, 5)

    async def _prove(self) -> None:
        self.asked += 1
        if self.member:
            self.lease.prove(self.clock.boot_s())

    def send(self, *claims: Claim, timeout_s: float = 3.0) -> Outcome:
        payload = self.fenced.new_payload()
        for claim in claims or (self.claim,):
            payload.encode(Block([ROW], [1], 10, ClaimSettlement(claim)))
        return asyncio.run(payload.send(timeout_s=timeout_s))


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_first_send_asks_for_a_proof_and_later_ones_do_not(rig: Rig) -> None:
    assert rig.send() == rig.send() == Delivered()
    assert rig.asked == 1
    rig.clock.advance(SESSION_S / 4 + 1)
    assert rig.send() == Delivered()
    assert rig.asked == 2


def test_nothing_is_sent_by_a_member_that_was_replaced_while_it_slept(rig: Rig) -> None:
    assert rig.send() == Delivered()
    rig.member = False
    rig.clock.advance(SESSION_S * 2)
    outcome = rig.send()
    assert isinstance(outcome, RetryLater)
    assert outcome.code == "draining"
    assert len(rig.sink.timeouts_s) == 1


def test_coordinator_that_is_away_for_a_moment_stops_nothing(rig: Rig) -> None:
    assert rig.send() == Delivered()
    rig.member = False
    rig.clock.advance(SESSION_S / 2 - 1)
    assert rig.send() == Delivered()
    rig.clock.advance(1)
    assert isinstance(rig.send(), RetryLater)


def test_one_claim_that_ended_keeps_the_whole_payload_back(rig: Rig) -> None:
    ended = Claim(1)
    ended.held = False
    assert isinstance(rig.send(rig.claim, ended), RetryLater)
    assert rig.sink.timeouts_s == []
    assert rig.asked == 0


def test_claim_that_ends_while_the_coordinator_is_asked_is_seen(rig: Rig) -> None:
    async def lose() -> None:
        rig.lease.prove(rig.clock.boot_s())
        rig.claim.held = False

    rig.fenced = FencedSink(rig.sink, Fence(rig.lease, lose))
    assert isinstance(rig.send(), RetryLater)


def test_coordinator_that_does_not_answer_holds_no_send_up(rig: Rig) -> None:
    async def wait() -> None:
        await asyncio.Event().wait()

    rig.fenced = FencedSink(rig.sink, Fence(rig.lease, wait))
    assert isinstance(rig.send(timeout_s=0.01), RetryLater)
    assert rig.sink.timeouts_s == []


def test_request_ends_well_before_the_session_does(rig: Rig) -> None:
    rig.send(timeout_s=60.0)
    rig.send(timeout_s=2.0)
    assert rig.sink.timeouts_s == [SESSION_S / 4, 2.0]


def test_rows_that_are_given_back_end_their_claim() -> None:
    claim = Claim(0, 5)
    settlement = ClaimSettlement(claim)
    settlement.take(2)
    settlement.store(1)
    assert claim.held
    settlement.fail(1, Failure("sink-unavailable", "away"))
    assert not claim.held


def test_sink_behind_is_named_and_closed(rig: Rig) -> None:
    assert rig.fenced.name == "ilp"
    asyncio.run(rig.fenced.close())
    assert rig.sink.closed
