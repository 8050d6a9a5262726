"""Rows leave in the order of acceptance, whatever lanes, workers and doubts there are."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.unit.delivery.lane_rig import Rig, meters, turns

from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.delivery.order import GRACE_S, UNORDERED_S, LaneOrder, StreamOrder
from utility_ts_analytics.sinks.contract import Delivered, InDoubt, Outcome, RetryLater

LATE = InDoubt("no answer", may_come_late=True)
CUT = InDoubt("the connection ended")


class Answers:
    """When QuestDB was last asked something that it answered."""

    def __init__(self) -> None:
        self.asked_s = -1.0

    def __call__(self) -> float:
        return self.asked_s


async def ended(outcome: Outcome) -> Outcome:
    await asyncio.sleep(0)
    return outcome


def is_clear(lane: LaneOrder, clock: ManualClock) -> bool:
    """Whether the lane may send at once."""
    return asyncio.run(lane.clear_to_send(clock.monotonic_s()))


def test_rows_wait_for_older_ones_of_other_lanes_and_for_no_younger_ones() -> None:
    clock = ManualClock(start_s=100.0)
    stream = StreamOrder(None, clock)
    first, second = stream.lane(), stream.lane()
    assert first.limit_s() == 100.0 + UNORDERED_S
    first.say_oldest(90.0)
    second.say_oldest(95.0)
    assert second.limit_s() == 90.0 + UNORDERED_S
    assert first.limit_s() == 95.0 + UNORDERED_S, "the oldest of all can go on"
    first.say_oldest(None)
    assert second.limit_s() == 100.0 + UNORDERED_S


def test_the_same_file_is_one_order_for_all_who_open_it(tmp_path: Path) -> None:
    clock = ManualClock(start_s=100.0)
    streams = [StreamOrder(tmp_path / "order", clock) for _ in range(2)]
    early = streams[0].lane()
    late = streams[1].lane()
    early.say_oldest(90.0)
    assert late.limit_s() == 90.0 + UNORDERED_S
    assert streams[0].file.service_id == streams[1].file.service_id != 0
    streams[0].file.spooled_rows = 7
    assert streams[1].file.spooled_rows == 7
    assert early.id != late.id
    assert (tmp_path / "order").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("outcome", [Delivered(), CUT, RetryLater("refused")])
def test_a_send_that_ended_leaves_no_doubt(outcome: Outcome) -> None:
    clock = ManualClock(start_s=100.0)
    lane = StreamOrder(None, clock, Answers()).lane()
    assert asyncio.run(lane.watched(ended(outcome))) == outcome
    lane.begin_batch()
    assert is_clear(lane, clock)


def test_doubt_ends_once_questdb_has_answered_something_asked_later() -> None:
    clock, answers = ManualClock(start_s=100.0), Answers()
    stream = StreamOrder(None, clock, answers)
    doubtful, other = stream.lane(), stream.lane()
    asyncio.run(doubtful.watched(ended(LATE)))
    assert is_clear(doubtful, clock), "the same rows may be sent again"
    assert not is_clear(other, clock)
    doubtful.begin_batch()
    assert not is_clear(doubtful, clock), "later rows of its own may not"
    clock.advance(60.0)
    assert not is_clear(other, clock), "time alone says nothing"
    answers.asked_s = 99.0
    assert not is_clear(other, clock), "it was asked before"
    answers.asked_s = 160.0
    assert not is_clear(other, clock), "an answer has just come"
    clock.advance(GRACE_S)
    assert is_clear(other, clock)
    assert is_clear(doubtful, clock)


def test_delivery_of_the_doubtful_rows_is_an_answer_too() -> None:
    clock = ManualClock(start_s=100.0)
    stream = StreamOrder(None, clock, Answers())
    lane, other = stream.lane(), stream.lane()
    asyncio.run(lane.watched(ended(LATE)))
    clock.advance(0.1)
    asyncio.run(lane.watched(ended(Delivered())))
    assert not is_clear(other, clock)
    clock.advance(GRACE_S)
    assert is_clear(other, clock)


def test_send_that_is_cancelled_is_in_doubt() -> None:
    clock = ManualClock(start_s=100.0)
    stream = StreamOrder(None, clock, Answers())
    lane, other = stream.lane(), stream.lane()

    async def main() -> None:
        never: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        sending = asyncio.ensure_future(lane.watched(never))
        await asyncio.sleep(0)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending

    asyncio.run(main())
    assert not is_clear(other, clock)


def test_new_process_is_held_up_by_a_doubt_of_its_own_view(tmp_path: Path) -> None:
    clock, answers = ManualClock(start_s=100.0), Answers()
    lane = StreamOrder(tmp_path / "order", clock, answers).lane()
    asyncio.run(lane.watched(ended(LATE)))
    other = StreamOrder(tmp_path / "order", clock, answers).lane()
    assert not is_clear(other, clock)


DYING = """
import pathlib, sys, time
from utility_ts_analytics.clock import SystemClock
from utility_ts_analytics.delivery.order import StreamOrder
from utility_ts_analytics.delivery.order_file import DOUBT, SENDING
stream = StreamOrder(pathlib.Path(sys.argv[1]), SystemClock())
lane = stream.lane()
lane.say_oldest(stream.clock.monotonic_s() - 60.0)
if sys.argv[2] == "sending":
    stream.file.times[8 + SENDING] = stream.clock.monotonic_s() - 60.0
print(lane.id, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("what", ["sending", "waiting"])
def test_rows_of_a_dead_process_hold_nobody_up_but_what_it_was_sending(
    tmp_path: Path, what: str
) -> None:
    path = tmp_path / "order"
    process = subprocess.Popen(
        [sys.executable, "-c", DYING, str(path), what], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    dead_id = int(process.stdout.readline())
    clock, answers = ManualClock(start_s=10**9), Answers()
    stream = StreamOrder(path, clock, answers)
    lane = stream.lane()
    assert lane.limit_s() < 10**9, "it lives, and its rows are older"
    assert is_clear(lane, clock)
    assert stream.file.counted_by_its_worker(dead_id, 1), "it will count what it spooled"
    os.kill(process.pid, signal.SIGKILL)
    assert process.stdout.read() == ""  # it has ended, and is a zombie until it is waited for
    while Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        pass
    assert lane.limit_s() == 10**9 + UNORDERED_S
    process.communicate(timeout=30)
    assert is_clear(lane, clock) == (what == "waiting")
    answers.asked_s = clock.monotonic_s()
    is_clear(lane, clock)
    clock.advance(GRACE_S)
    assert is_clear(lane, clock)
    assert stream.file.counted_by_its_worker(dead_id, 1) is False
    assert stream.file.counted_by_its_worker(stream.file.service_id, 1)
    assert stream.file.counted_by_its_worker(12345, 1) is None


def with_two_lanes(check: Callable[[Rig, Rig], Awaitable[None]]) -> None:
    async def main() -> None:
        clock = ManualClock(start_s=100.0)
        stream = StreamOrder(None, clock)
        rigs = [Rig(clock=clock, stream=stream) for _ in range(2)]
        try:
            await check(*rigs)
        finally:
            for rig in rigs:
                await rig.cancel()

    asyncio.run(main())


def test_later_version_waits_while_an_earlier_one_is_being_sent_again() -> None:
    async def check(first: Rig, second: Rig) -> None:
        await first.put(1)
        await turns()
        first.clock.advance(5.0)  # the first send gives no answer; its client has given up
        later = await second.put(1)
        await turns()
        assert second.sink.sent == []
        first.sink.end_send(RetryLater("refused"))
        await turns()
        first.clock.advance(0.1)
        await turns()
        assert len(first.sink.sent) == 2
        assert second.sink.sent == []
        first.sink.end_send(Delivered())
        await turns()
        first.clock.advance(0.05)
        await turns()
        second.sink.end_send(Delivered())
        await turns()
        assert (second.sink.sent, later.stored_rows) == ([meters(0, 1)], 1)

    with_two_lanes(check)


def test_rows_of_the_same_moment_are_sent_side_by_side() -> None:
    async def check(first: Rig, second: Rig) -> None:
        await first.put(1)
        first.clock.advance(UNORDERED_S / 2)
        await second.put(1)
        await turns()
        assert (len(first.sink.sent), len(second.sink.sent)) == (1, 1)

    with_two_lanes(check)


def test_batch_is_cut_where_rows_of_another_lane_come_first() -> None:
    async def check(first: Rig, second: Rig) -> None:
        await first.put(1)
        await turns()
        second.clock.advance(UNORDERED_S / 2)
        await second.put(2)
        await turns()
        assert second.sink.sent == [meters(0, 2)]
        second.clock.advance(UNORDERED_S / 2)
        await second.put(2)  # waits behind its own batch; still near to the rows of the first
        second.clock.advance(5.0)
        await second.put(2)
        second.sink.end_send(Delivered())
        await turns()
        assert second.sink.sent[1:] == [meters(2, 4)]
        second.sink.end_send(Delivered())
        await turns()
        second.clock.advance(1.0)
        await turns()
        assert len(second.sink.sent) == 2, "the last two wait for the first lane"

    with_two_lanes(check)


def test_rows_that_wait_too_long_for_others_go_back_to_their_sender() -> None:
    async def check(first: Rig, second: Rig) -> None:
        await first.put(1)
        await turns()
        first.clock.advance(5.0)
        later = [await second.put(1) for _ in range(3)]
        await turns()
        first.clock.advance(30.5)
        await turns()
        assert [settlement.failed_rows for settlement in later] == [1, 1, 1]
        assert later[0].failure is not None
        assert later[0].failure.code == "sink-unavailable"
        assert second.sink.sent == []

    with_two_lanes(check)
