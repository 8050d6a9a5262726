"""The profiles that were asked for, and what falls due in them."""

from dataclasses import replace

import pytest
from loadtest.profiles.catalogue import PROFILES, Schedule, planned_posts, users_at


def test_midnight_has_ten_times_the_users_in_the_middle() -> None:
    profile = PROFILES["midnight"]
    users = [users_at(profile, elapsed_s, 60) for elapsed_s in (0, 19.9, 20, 39.9, 40, 59)]
    assert users == [20, 20, 200, 200, 20, 20]
    assert users_at(PROFILES["steady"], 30, 60) == PROFILES["steady"].users


@pytest.mark.parametrize(("burst", "planned"), [(1, 190), (10, 760)])
def test_posts_of_a_burst_are_planned_for(burst: int, planned: int) -> None:
    profile = replace(PROFILES["dirty"], rate=20, burst=burst)
    assert planned_posts(profile, 10) == planned


STEADY = replace(PROFILES["steady"], users=4, rate=8.0)


def test_users_are_spread_over_the_period() -> None:
    schedule = Schedule(STEADY, started_s=100.0)
    assert schedule.period_s == 0.5
    assert [schedule.first_due_s(100.0) for _ in range(4)] == [100.0, 100.125, 100.25, 100.375]


def test_user_that_begins_late_takes_its_next_turn() -> None:
    schedule = Schedule(STEADY, started_s=100.0)
    assert schedule.first_due_s(100.01) == 100.5
    assert schedule.first_due_s(101.2) == pytest.approx(101.625)


def test_users_of_a_burst_are_due_together() -> None:
    schedule = Schedule(STEADY, started_s=100.0)
    for _ in range(4):
        schedule.first_due_s(100.0)
    assert {schedule.first_due_s(110.1 + late / 100) for late in range(30)} == {110.5}


def test_late_answer_does_not_move_what_is_due() -> None:
    schedule = Schedule(STEADY, started_s=100.0)
    due_s = schedule.first_due_s(100.0)
    for now_s in (100.1, 107.0, 107.1):
        due_s = schedule.next_due_s(due_s, now_s)
    assert due_s == 101.5


def test_without_a_rate_the_next_post_is_due_when_the_last_one_ended() -> None:
    schedule = Schedule(replace(STEADY, rate=0.0), started_s=100.0)
    assert schedule.first_due_s(100.3) == 100.3
    assert schedule.next_due_s(100.3, 108.0) == 108.0


def test_no_piece_is_taken_twice() -> None:
    schedule = Schedule(replace(STEADY, pieces=3), started_s=0.0)
    assert [schedule.take_body() for _ in range(3)] == [(0, False), (3, False), (6, False)]


def test_one_body_out_of_so_many_is_posted_twice() -> None:
    schedule = Schedule(replace(STEADY, replay_every=4), started_s=0.0)
    assert [schedule.take_body()[1] for _ in range(9)] == [False, False, False, True] * 2 + [False]
