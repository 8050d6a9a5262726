"""A server is restarted unless it never serves, and hands over to its next generation or stays."""

import pytest
from structlog.testing import capture_logs
from tests.unit.service.server_rig import ServerRig, server_plan

from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.service.generations import STOP_MARGIN_S, RestartPolicy

DRAIN_S = 30
OLD = server_plan("meter_usage", drain_timeout_s=DRAIN_S)
NEW = server_plan("meter_usage", workers=4, drain_timeout_s=2 * DRAIN_S)


class Running(ServerRig):
    """A server that has been started."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        super().__init__(self.clock, OLD)
        self.server.start_if_due()

    def die(self, *, served: bool) -> bool:
        self.started[-1].served, self.started[-1].ended_with = served, 1
        return self.server.look_after([])

    def settled(self) -> bool:
        return self.server.settled

    def prepare(self) -> None:
        self.server.prepare(NEW)


@pytest.fixture
def running() -> Running:
    return Running()


def test_server_that_runs_is_started_once(running: Running) -> None:
    running.server.start_if_due()
    assert running.server.look_after([])
    assert len(running.started) == 1


def test_server_serves_when_the_generation_in_charge_does(running: Running) -> None:
    assert not running.server.serves([])
    running.started[0].serving = True
    assert running.server.serves([])
    running.die(served=True)
    running.prepare()
    running.started[1].serving = True
    assert not running.server.serves([]), "the next one is no part of it"


def test_dead_server_is_started_again_after_its_wait(running: Running) -> None:
    assert running.die(served=True)
    running.server.start_if_due()
    assert len(running.started) == 1
    running.clock.advance(0.2)
    running.server.start_if_due()
    assert len(running.started) == 2


def test_server_that_dies_five_times_before_it_serves_is_given_up(running: Running) -> None:
    kept = []
    with capture_logs() as logs:
        for _ in range(5):
            kept.append(running.die(served=False))
            running.clock.advance(10)
            running.server.start_if_due()
    assert kept == [True, True, True, True, False]
    assert logs[-1]["deaths"] == 5


def test_want_of_processes_is_waited_out_and_no_crash(running: Running) -> None:
    running.die(served=True)
    running.short_of_processes = True
    for _ in range(20):
        running.clock.advance(10)
        running.server.start_if_due()
        assert running.server.look_after([])
    running.short_of_processes = False
    running.server.start_if_due()
    assert len(running.started) == 1, "the last failure is a moment ago"
    running.clock.advance(10)
    running.server.start_if_due()
    assert len(running.started) == 2


def test_next_generation_takes_over_and_the_one_before_is_told_to_go(running: Running) -> None:
    running.prepare()
    old, new = running.started
    assert new.plan == NEW
    assert running.server.processes == [old, new]
    assert not running.settled()
    assert not running.server.next_serves([])
    new.serving = True
    assert running.server.next_serves([])
    running.server.switch()
    assert (old.told, new.told) == (["hand over"], [])
    assert not running.settled()
    old.ended_with = 0
    assert running.server.look_after([])
    assert running.settled()
    assert running.server.processes == [new]
    running.die(served=True)
    running.clock.advance(1)
    running.server.start_if_due()
    assert running.started[-1].plan == NEW, "what took over is what is started again"


def test_generation_that_does_not_leave_is_killed_after_its_own_drain_limit(
    running: Running,
) -> None:
    running.prepare()
    running.server.switch()
    old = running.started[0]
    running.clock.advance(DRAIN_S + STOP_MARGIN_S)
    running.server.look_after([])
    assert old.told == ["hand over"]
    running.clock.advance(0.1)
    running.server.look_after([])
    assert old.told == ["hand over", "kill"]
    running.server.look_after([])
    assert running.settled()


def test_workers_that_a_dead_server_left_behind_are_waited_for_and_then_killed(
    running: Running,
) -> None:
    [dead] = running.started
    dead.workers_left = True
    assert running.die(served=True)
    running.clock.advance(1)
    running.server.start_if_due()
    assert running.server.processes == [running.started[1], dead]
    running.clock.advance(DRAIN_S + STOP_MARGIN_S)
    running.server.look_after([])
    running.server.look_after([])
    assert dead.told == ["kill"]
    assert running.server.processes == [running.started[1]]


def test_next_generation_that_dies_says_why_and_leaves_the_one_in_charge(running: Running) -> None:
    running.prepare()
    old, new = running.started
    assert running.server.next_error() is None
    new.ended_with = 1
    assert running.server.next_error() == new.last_error
    running.server.give_up_next()
    running.server.look_after([])
    assert running.server.processes == [old]
    assert old.told == []
    running.die(served=True)
    assert len(running.started) == 2, "a death of the next generation costs no restart"


def test_server_in_charge_may_die_while_the_next_one_starts(running: Running) -> None:
    running.prepare()
    old, new = running.started
    old.served, old.ended_with = True, 1
    assert running.server.look_after([])
    running.server.switch()
    running.clock.advance(60)
    running.server.start_if_due()
    assert running.server.processes == [new]
    assert running.settled()


def test_waits_double_up_to_a_bound_and_start_over_once_it_served() -> None:
    policy = RestartPolicy()
    waits_s = [policy.wait_after_death(served=served) for served in (True, False, False, True)]
    assert waits_s == [0.2, 0.4, 0.8, 0.2]


def test_only_deaths_before_serving_are_a_crash_loop() -> None:
    policy = RestartPolicy()
    for _ in range(50):
        assert policy.wait_after_death(served=True) is not None
    waits_s = [policy.wait_after_death(served=False) for _ in range(5)]
    assert waits_s[-1] is None
    assert policy.deaths_before_serving == 5
    assert None not in waits_s[:-1]
