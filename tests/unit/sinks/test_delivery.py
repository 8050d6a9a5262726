"""Law 7: under any script of outcomes one end, within the bounds of attempts and time."""

import asyncio
from collections.abc import Sequence

from hypothesis import example, given
from hypothesis import strategies as st

from utility_ts_analytics.buffering.block import Block
from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.sinks.backoff import Backoff
from utility_ts_analytics.sinks.contract import (
    Delivered,
    InDoubt,
    Outcome,
    Rejected,
    RetryLater,
)
from utility_ts_analytics.sinks.delivery import RetryPolicy, deliver
from utility_ts_analytics.sinks.order import StreamOrder

RETRY, DOUBT = RetryLater("away"), InDoubt("cut")


class ScriptedSink:
    """Each send takes its time from the script (capped by its time-out) and returns its outcome."""

    name = "scripted"

    def __init__(self, clock: ManualClock, script: Sequence[tuple[Outcome, float]]) -> None:
        self.clock = clock
        self.script = list(script)
        self.sent: list[str] = []
        self.timeouts_s: list[float] = []

    def new_payload(self) -> str:
        return ""

    def encode(self, block: Block, payload: str) -> None:
        raise AssertionError("delivery does not encode")

    def clear(self, payload: str) -> None:
        raise AssertionError("delivery does not change the payload")

    async def send(self, payload: str, *, timeout_s: float) -> Outcome:
        outcome, takes_s = self.script[min(len(self.sent), len(self.script) - 1)]
        self.sent.append(payload)
        self.timeouts_s.append(timeout_s)
        self.clock.advance(min(takes_s, timeout_s))
        return outcome

    async def close(self) -> None:
        """Nothing is held."""


async def advance_through(clock: ManualClock, task: "asyncio.Task[Outcome]") -> Outcome:
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
    retries_max: int = 5,
    delivery_timeout_s: float = 30.0,
    table_deduplicates: bool = True,
    draw: float = 0.5,
) -> tuple[Outcome, ScriptedSink, list[Outcome]]:
    clock = ManualClock()
    sink = ScriptedSink(clock, script)
    noted: list[Outcome] = []
    policy = RetryPolicy(
        retries_max, Backoff(0.2, 2.0), 10.0, delivery_timeout_s, table_deduplicates
    )

    async def main() -> Outcome:
        task = asyncio.ensure_future(
            deliver(
                sink,
                "payload",
                policy=policy,
                deadline_s=delivery_timeout_s,
                order=StreamOrder(None, clock).lane(),
                clock=clock,
                random=lambda: draw,
                retried=noted.append,
            )
        )
        return await advance_through(clock, task)

    return asyncio.run(main()), sink, noted


outcomes = st.sampled_from([Delivered(), RETRY, DOUBT, Rejected(3, "no"), Rejected(None, "no")])


@given(
    script=st.lists(
        st.tuples(outcomes, st.floats(min_value=0, max_value=40)), min_size=1, max_size=12
    ),
    retries_max=st.integers(min_value=0, max_value=8),
    delivery_timeout_s=st.floats(min_value=0.01, max_value=60),
    table_deduplicates=st.booleans(),
    draw=st.floats(min_value=0, max_value=1, exclude_max=True),
)
@example(
    script=[(DOUBT, 0.0), (Delivered(), 0.0)],
    retries_max=3,
    delivery_timeout_s=30.0,
    table_deduplicates=False,
    draw=0.0,
)
def test_any_script_ends_once_within_attempts_and_time(
    script: list[tuple[Outcome, float]],
    retries_max: int,
    delivery_timeout_s: float,
    table_deduplicates: bool,
    draw: float,
) -> None:
    outcome, sink, noted = run(
        script,
        retries_max=retries_max,
        delivery_timeout_s=delivery_timeout_s,
        table_deduplicates=table_deduplicates,
        draw=draw,
    )
    assert 1 <= len(sink.sent) <= retries_max + 1
    assert set(sink.sent) == {"payload"}
    assert len(noted) >= len(sink.sent) - 1
    assert sink.clock.monotonic_s() <= delivery_timeout_s * (1 + 1e-9)
    assert all(0 < timeout_s <= 10.0 for timeout_s in sink.timeouts_s)
    # Stored or refused is final; an outcome in doubt is resent only where the table deduplicates.
    ends = [script[min(index, len(script) - 1)][0] for index in range(len(sink.sent))]
    assert not any(isinstance(end, Delivered | Rejected) for end in ends[:-1])
    assert table_deduplicates or not any(isinstance(end, InDoubt) for end in ends[:-1])
    out_of_time = RetryLater("cannot send the rows: the time for their delivery has run out")
    assert outcome in (ends[-1], out_of_time)


def test_refused_connection_is_an_attempt_and_is_repeated() -> None:
    outcome, sink, noted = run([(RETRY, 0.0), (RETRY, 0.0), (Delivered(), 0.0)])
    assert outcome == Delivered()
    assert len(sink.sent) == 3
    assert noted == [RETRY, RETRY]
    assert sink.clock.slept_s == [0.1, 0.2]


def test_attempts_are_bounded_and_the_last_outcome_returned() -> None:
    outcome, sink, _ = run([(RETRY, 0.0), (DOUBT, 0.0)], retries_max=2)
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


def test_in_doubt_is_not_resent_without_deduplication() -> None:
    outcome, sink, _ = run([(DOUBT, 0.0)], table_deduplicates=False)
    assert outcome == DOUBT
    assert len(sink.sent) == 1


def test_nothing_is_sent_when_no_time_is_left() -> None:
    outcome, sink, _ = run([(Delivered(), 0.0)], delivery_timeout_s=0.0)
    assert isinstance(outcome, RetryLater)
    assert sink.sent == []
