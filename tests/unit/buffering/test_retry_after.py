"""The wait grows with what is held, shrinks with how fast it leaves, and stays within bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utility_ts_analytics.buffering.queue import RETRY_AFTER_S_MAX, LeavingRate, retry_after_s


@pytest.mark.parametrize(
    ("backlog", "left", "observed_s", "wait_s"),
    [
        (0, 0, 10.0, 1),
        (50_000, 0, 0.5, 1),
        (50_000, 500_000, 10.0, 1),
        (50_000, 50_000, 10.0, 10),
        (50_001, 50_000, 10.0, 11),
        (50_000, 1, 10.0, RETRY_AFTER_S_MAX),
        (50_000, 0, 1.0, 2),
        (50_000, 0, 8.2, 17),
        (1, 0, 1e9, RETRY_AFTER_S_MAX),
    ],
)
def test_wait_is_the_time_that_what_is_held_takes_to_leave(
    backlog: int, left: int, observed_s: float, wait_s: int
) -> None:
    assert retry_after_s(backlog, left, observed_s) == wait_s


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.floats(0, 1e6))
def test_wait_is_within_its_bounds_and_never_shorter_for_more(
    backlog: int, left: int, observed_s: float
) -> None:
    wait_s = retry_after_s(backlog, left, observed_s)
    assert 1 <= wait_s <= RETRY_AFTER_S_MAX
    assert retry_after_s(backlog + 1, left, observed_s) >= wait_s


def test_nothing_sampled_is_the_shortest_wait() -> None:
    assert LeavingRate().retry_after_s(100.0, 0, 50_000) == 1


def test_rate_is_that_of_the_last_seconds_only() -> None:
    rate = LeavingRate()
    for second in range(100):  # a thousand a second, for long
        rate.sample(float(second), second * 1000)
    assert rate.retry_after_s(99.0, 99_000, 10_000) == 10
    for second in range(100, 130):  # then a hundred a second
        rate.sample(float(second), 99_000 + (second - 99) * 100)
    assert rate.retry_after_s(129.0, 102_000, 1_000) == 10


def test_pause_without_requests_is_not_taken_for_a_stall() -> None:
    rate = LeavingRate()
    rate.sample(0.0, 1_000)
    rate.sample(1_000.0, 1_000)
    assert rate.retry_after_s(1_000.5, 1_000, 50_000) == 1


def test_stall_is_asked_about_ever_more_seldom() -> None:
    rate = LeavingRate()
    waits = []
    for step in range(0, 120):
        rate.sample(step / 10, 7)
        waits.append(rate.retry_after_s(step / 10, 7, 50_000))
    assert waits == sorted(waits)
    assert (waits[0], waits[10], waits[-1]) == (1, 2, 24)
