"""Sums, times and promises of the answers of a run."""

from dataclasses import replace

import msgspec
import pytest
from loadtest.profiles.bodies import Stock
from loadtest.profiles.catalogue import PROFILES
from loadtest.profiles.tally import Attempt, Tally, percentile_ms

STOCK = Stock(replace(PROFILES["dirty"], rows=190, stock=3), "LT1")
RIGHT = Attempt(
    first=0,
    due_s=100.0,
    sent_s=100.2,
    ended_s=100.5,
    status=200,
    accepted=190,
    last=True,
    replay=False,
    fault="",
)
changed = msgspec.structs.replace


def tally(*attempts: Attempt) -> Tally:
    made = Tally()
    for attempt in attempts:
        made.add(attempt, STOCK)
    return msgspec.json.decode(msgspec.json.encode(made), type=Tally)


def test_time_counts_from_when_a_post_was_due_through_all_its_attempts() -> None:
    away = changed(RIGHT, status=429, accepted=0, last=False, fault="status 429 overloaded")
    waiting = tally(away)
    assert (waiting.posts, waiting.errors) == (0, 1)
    found = tally(away, changed(RIGHT, sent_s=102.0, ended_s=102.1))
    assert (found.posts, found.answers, found.turned_away, found.errors) == (1, 2, 1, 0)
    assert found.from_due_ms == [pytest.approx(2100)]
    assert found.from_sent_ms == [pytest.approx(300), pytest.approx(100)]


def test_errors_are_posts_and_replays_that_ended_without_the_right_answer() -> None:
    wrong = changed(RIGHT, fault="accepted is wrong")
    lost = changed(RIGHT, status=0, accepted=0, fault="no answer")
    replay = changed(RIGHT, replay=True, fault="status 500")
    found = tally(RIGHT, wrong, lost, replay)
    assert (found.posts, found.replays, found.errors, found.accepted) == (3, 1, 3, 570)
    assert found.faults == ["accepted is wrong", "no answer", "status 500"]


def test_rates_go_by_the_time_from_the_first_due_to_the_last_answer() -> None:
    found = tally(RIGHT, changed(RIGHT, ended_s=104.0))
    assert (found.elapsed_s, found.rows_per_s) == (4.0, 95.0)
    assert found.size == 2 * STOCK.piece(0).size
    assert tally(changed(RIGHT, status=500)).size == 0
    assert (Tally().elapsed_s, Tally().rows_per_s) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("status", "accepted", "promises"),
    [
        (200, 190, ({0}, set(), True, 190)),
        # An answer that accepts too few rows promises nothing whole.
        (200, 5, (set(), {0}, True, 5)),
        (429, 0, (set(), set(), True, 0)),
        (400, 0, (set(), set(), False, 0)),
        (503, 0, (set(), {0}, False, 190)),
        (0, 0, (set(), {0}, False, 190)),
    ],
)
def test_answers_promise_a_body_or_leave_it_in_doubt(
    status: int, accepted: int, promises: tuple[set[int], set[int], bool, int]
) -> None:
    attempt = changed(RIGHT, status=status, accepted=accepted)
    found = tally(attempt)
    assert (found.whole, found.doubtful, found.certain, found.accepted_max) == promises
    assert tally(attempt, RIGHT).doubtful == set()
    assert tally(RIGHT, attempt).doubtful == set()


def test_percentile_is_the_smallest_time_that_enough_do_not_exceed() -> None:
    times = [float(number) for number in range(1, 1001)]
    assert [percentile_ms(times, it) for it in (50, 99, 99.9, 100)] == [500, 990, 999, 1000]
    assert percentile_ms([], 99) == 0.0
