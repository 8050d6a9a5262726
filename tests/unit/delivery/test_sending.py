"""Law 7: under any script of outcomes one end, within the bounds of attempts and time."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.delivery.lane_rig import Meters, MeterSink

from utility_ts_analytics.buffering.block import Block, Settlement
from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.delivery.batch import Batch, Share
from utility_ts_analytics.delivery.counts import LaneCounts
from utility_ts_analytics.delivery.order import StreamOrder
from utility_ts_analytics.delivery.sending import RetryPolicy, Sender, Sent
from utility_ts_analytics.delivery.waits import Backoff
from utility_ts_analytics.records.streams import MeterUsage
from utility_ts_analytics.sinks.contract import (
    Delivered,
    InDoubt,
    Outcome,
    Rejected,
    RetryLater,
)
from utility_ts_analytics.telemetry.measures import Measures

RETRY, DOUBT = RetryLater("away"), InDoubt("cut")


class ScriptedSink(MeterSink):
    """Each send takes its time from the script (capped by its time-out) and returns its outcome."""

    def __init__(self, clock: ManualClock, script: Sequence[tuple[Outcome, float]]) -> None:
        super().__init__()
        self.clock = clock
        self.script = list(script)
        self.encoded = 0
        self.sent: list[Meters] = []
        self.timeouts_s: list[float] = []

    def note_encoded(self, meters: Meters) -> None:
        self.encoded += 1

    async def take(self, meters: Meters, timeout_s: float) -> Outcome:
        outcome, takes_s = self.script[min(len(self.sent), len(self.script) - 1)]
        self.sent.append(meters)
        self.timeouts_s.append(timeout_s)
        self.clock.advance(min(takes_s, timeout_s))
        return outcome


class NotedRetries(LaneCounts):
    """Keeps what was counted as a repeated send."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(Measures(), clock, "meter_usage")
        self.noted: list[str] = []

    def retried(self, reason: str, *, sink: str) -> None:
        assert sink == "ilp"
        self.noted.append(reason)


async def advance_through(clock: ManualClock, task: "asyncio.Task[Sent]") -> Sent:
    """Run the task, moving the clock on by each wait it asks for."""
    seen = 0
    while not task.done():
        await asyncio.sleep(0)
        for wait_s in clock.slept_s[seen:]:
            clock.advance(wait_s)
        seen = len(clock.slept_s)
    return task.result()


def run(
    script: Sequence[tuple[Outcome, float]],
    *,
    max_retries: int = 5,
    delivery_timeout_s: float = 30.0,
    draw: float = 0.5,
) -> tuple[Outcome, ScriptedSink, list[str]]:
    """Send one row; return the outcome, the sink, and the reasons of repeated sends."""
    clock = ManualClock()
    sink, counts = ScriptedSink(clock, script), NotedRetries(clock)
    sender = Sender(
        sink,
        policy=RetryPolicy(max_retries, Backoff(0.2, 2.0), 10.0),
        order=StreamOrder(None, clock).lane(),
        clock=clock,
        random=lambda: draw,
        counts=counts,
    )
    batch = Batch(lambda rows, size_bytes: None)
    row = MeterUsage(ts=datetime(2026, 1, 1, tzinfo=UTC), meter_id="m-0", kwh=1.0)
    batch.add(Share(Block([row], range(1), 10, Settlement()), 0, 1))

    async def main() -> Sent:
        task = asyncio.ensure_future(sender.send(batch, delivery_timeout_s))
        return await advance_through(clock, task)

    sent = asyncio.run(main())
    assert sent.sink == "ilp"
    return sent.outcome, sink, counts.noted


outcomes = st.sampled_from([Delivered(), RETRY, DOUBT, Rejected(3, "no"), Rejected(None, "no")])


@given(
    script=st.lists(
        st.tuples(outcomes, st.floats(min_value=0, max_value=40)), min_size=1, max_size=12
    ),
    max_retries=st.integers(min_value=0, max_value=8),
    delivery_timeout_s=st.floats(min_value=0.01, max_value=60),
    draw=st.floats(min_value=0, max_value=1, exclude_max=True),
)
def test_any_script_ends_once_within_attempts_and_time(
    script: list[tuple[Outcome, float]], max_retries: int, delivery_timeout_s: float, draw: float
) -> None:
    outcome, sink, noted = run(
        script, max_retries=max_retries, delivery_timeout_s=delivery_timeout_s, draw=draw
    )
    assert 1 <= len(sink.sent) <= max_retries + 1
    assert all(meters == ["m-0"] for meters in sink.sent)
    assert sink.encoded == 1
    assert len(noted) >= len(sink.sent) - 1
    assert sink.clock.monotonic_s() <= delivery_timeout_s * (1 + 1e-9)
    assert all(0 < timeout_s <= 10.0 for timeout_s in sink.timeouts_s)
    # Stored or refused is final.
    ends = [script[min(index, len(script) - 1)][0] for index in range(len(sink.sent))]
    assert not any(isinstance(end, Delivered | Rejected) for end in ends[:-1])
    out_of_time = RetryLater("cannot send the rows: the time for their delivery has run out")
    assert outcome in (ends[-1], out_of_time)


def test_refused_connection_is_an_attempt_and_is_repeated() -> None:
    outcome, sink, noted = run([(RETRY, 0.0), (RETRY, 0.0), (Delivered(), 0.0)])
    assert outcome == Delivered()
    assert len(sink.sent) == 3
    assert noted == ["sink-unavailable", "sink-unavailable"]
    assert sink.clock.slept_s == [0.1, 0.2]


def test_attempts_are_bounded_and_the_last_outcome_returned() -> None:
    outcome, sink, _ = run([(RETRY, 0.0), (DOUBT, 0.0)], max_retries=2)
    assert outcome == DOUBT
    assert len(sink.sent) == 3


def test_no_attempt_starts_after_the_deadline() -> None:
    outcome, sink, _ = run([(DOUBT, 10.0)], delivery_timeout_s=15.0)
    assert outcome == DOUBT
    assert sink.timeouts_s == [10.0, 15.0 - 10.1]


def test_no_retry_on_a_refused_row() -> None:
    outcome, sink, noted = run([(Rejected(7, "bad"), 0.0)])
    assert outcome == Rejected(7, "bad")
    assert (len(sink.sent), noted) == (1, [])


def test_retries_are_counted_by_kind() -> None:
    script: list[tuple[Outcome, float]] = [
        (DOUBT, 0.0),
        (RetryLater("no table", "schema-missing"), 0.0),
        (Delivered(), 0.0),
    ]
    assert run(script)[2] == ["in-doubt", "schema-missing"]


def test_nothing_is_sent_when_no_time_is_left() -> None:
    outcome, sink, _ = run([(Delivered(), 0.0)], delivery_timeout_s=0.0)
    assert isinstance(outcome, RetryLater)
    assert sink.sent == []
