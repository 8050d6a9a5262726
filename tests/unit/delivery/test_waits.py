"""Law 8: every wait is within [0, cap]; nothing is tried again too soon."""

from hypothesis import given
from hypothesis import strategies as st

from utility_ts_analytics.delivery.waits import Backoff, Breaker

seconds = st.floats(min_value=0, max_value=1e6)


@given(
    base_s=seconds,
    cap_s=seconds,
    attempt_index=st.integers(min_value=0, max_value=100_000),
    draw=st.floats(min_value=0, max_value=1, exclude_max=True),
)
def test_every_wait_is_within_the_cap(
    base_s: float, cap_s: float, attempt_index: int, draw: float
) -> None:
    wait_s = Backoff(base_s, cap_s).wait_s(attempt_index, lambda: draw)
    assert 0 <= wait_s <= cap_s


def test_ceiling_doubles_until_the_cap() -> None:
    backoff = Backoff(base_s=0.2, cap_s=1.0)
    waits_s = [backoff.wait_s(index, lambda: 0.5) for index in range(5)]
    assert waits_s == [0.1, 0.2, 0.4, 0.5, 0.5]


def test_jitter_reaches_down_to_no_wait() -> None:
    assert Backoff(base_s=0.2, cap_s=1.0).wait_s(7, lambda: 0.0) == 0.0


def test_closed_until_the_first_failure() -> None:
    breaker = Breaker()
    assert not breaker.is_open
    assert breaker.wait_s(0.0) == 0.0


def test_waits_double_up_to_the_cap_and_start_over_after_a_success() -> None:
    breaker = Breaker(wait_first_s=1.0, wait_max_s=3.0)
    waits = []
    for _ in range(4):
        breaker.failed(100.0)
        waits.append(breaker.wait_s(100.0))
    assert waits == [1.0, 2.0, 3.0, 3.0]
    breaker.succeeded()
    assert not breaker.is_open
    breaker.failed(200.0)
    assert breaker.wait_s(200.0) == 1.0


def test_a_trial_is_due_once_the_wait_has_passed_and_it_stays_open_until_a_success() -> None:
    breaker = Breaker(wait_first_s=1.0, wait_max_s=10.0)
    breaker.failed(5.0)
    assert breaker.wait_s(5.75) == 0.25
    assert breaker.wait_s(6.0) == 0.0
    assert breaker.is_open


@given(st.lists(st.floats(0, 1e6), max_size=80))
def test_every_wait_of_a_breaker_is_within_the_cap(failures_s: list[float]) -> None:
    breaker = Breaker(wait_first_s=0.5, wait_max_s=7.0)
    for now_s in sorted(failures_s):
        breaker.failed(now_s)
        assert 0.5 - 1e-6 <= breaker.wait_s(now_s) <= 7.0 + 1e-6
