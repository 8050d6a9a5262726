"""A worker is replaced when it hangs itself: not for a slow start, a drain or a pause of all."""

import pytest
from tests.unit.service.worker_states import worker_state

from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.service.hang_watchdog import STARTING_S_MAX, HangWatchdog, HungWorker
from utility_ts_analytics.service.shared_worker_state import (
    DRAINING,
    REFUSING,
    SERVING,
    STARTING,
    STOPPED,
    WorkerState,
)

LIMIT_S = 15.0
TICK_S = 0.5


class Watching:
    """A watch that looks every half second."""

    def __init__(self) -> None:
        self.clock = ManualClock(100.0)
        self.watchdog = HangWatchdog(self.now_s)

    @property
    def now_s(self) -> float:
        return self.clock.monotonic_s()

    def look(self, *workers: WorkerState) -> list[HungWorker]:
        return self.watchdog.find(workers, self.now_s, LIMIT_S)

    def look_for(self, seconds: float, *workers: WorkerState) -> list[tuple[float, HungWorker]]:
        """Look at the same workers for so long; return those reported, and after how long."""
        began_s, named = self.now_s, []
        while self.now_s < began_s + seconds:
            self.clock.advance(TICK_S)
            named += [(self.now_s - began_s, hung) for hung in self.look(*workers)]
        return named


@pytest.mark.parametrize("state", [SERVING, REFUSING])
def test_worker_is_reported_once_when_its_silence_passes_the_limit(state: int) -> None:
    watching = Watching()
    still = worker_state(state=state, beat_s=watching.now_s)
    [(after_s, hung)] = watching.look_for(60, still)
    assert after_s == LIMIT_S + TICK_S
    assert hung == HungWorker(still, LIMIT_S + TICK_S)


def test_worker_that_beats_is_never_reported() -> None:
    watching = Watching()
    for _ in range(100):
        watching.clock.advance(TICK_S)
        assert watching.look(worker_state(beat_s=watching.now_s - LIMIT_S)) == []


@pytest.mark.parametrize("state", [DRAINING, STOPPED])
def test_draining_worker_is_left_to_its_own_limit(state: int) -> None:
    watching = Watching()
    assert watching.look_for(300, worker_state(state=state, beat_s=watching.now_s)) == []


def test_starting_worker_has_a_patience_of_its_own() -> None:
    watching = Watching()
    [(after_s, hung)] = watching.look_for(300, worker_state(state=STARTING, beat_s=0.0))
    assert after_s > STARTING_S_MAX
    assert hung.silent_s == pytest.approx(STARTING_S_MAX, abs=2 * TICK_S)


def test_only_the_hung_one_of_several_is_named() -> None:
    watching = Watching()
    still, lively = worker_state(11, beat_s=100.0), worker_state(12, beat_s=130.0)
    [(_, hung)] = watching.look_for(30, still, lively)
    assert hung.worker == still


def test_worker_is_named_again_under_a_process_id_that_was_named_before() -> None:
    watching = Watching()
    assert len(watching.look_for(20, worker_state(beat_s=100.0))) == 1
    assert watching.look_for(1) == [], "it has ended"
    assert len(watching.look_for(20, worker_state(beat_s=watching.now_s))) == 1


@pytest.mark.parametrize("state", [SERVING, STARTING])
def test_after_a_pause_of_the_watch_itself_everyone_has_the_whole_patience(state: int) -> None:
    watching = Watching()
    stale = worker_state(state=state, beat_s=watching.now_s)
    assert watching.look(stale) == []
    watching.clock.advance(3600)
    assert watching.look(stale) == []
    patience_s = LIMIT_S if state == SERVING else STARTING_S_MAX
    assert watching.look_for(patience_s, stale) == []
    assert len(watching.look_for(1, stale)) == 1


def test_late_look_of_less_than_half_the_limit_is_no_excuse() -> None:
    watching = Watching()
    still = worker_state(beat_s=watching.now_s)
    for _ in range(2):
        watching.clock.advance(LIMIT_S / 2)
        assert watching.look(still) == []
    watching.clock.advance(TICK_S)
    assert len(watching.look(still)) == 1
