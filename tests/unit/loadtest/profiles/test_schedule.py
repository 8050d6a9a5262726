"""When posts fall due: evenly, by the clock and not by the answers."""

from dataclasses import replace

import pytest
from loadtest.profiles.catalogue import PROFILES
from loadtest.profiles.schedule import Schedule

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
