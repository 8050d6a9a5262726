"""A lag is a reason only when it is large and has not shrunk over the whole window."""

from collections.abc import Callable

import pytest

from utility_ts_analytics.database.wal_lag import LAG_WINDOW_S, LagTrend

MAX = 1000
WINDOW = int(LAG_WINDOW_S)


def growing_after(polls: Callable[[int], int], seconds: int, transactions_max: int = MAX) -> bool:
    trend = LagTrend(transactions_max)
    for second in range(seconds + 1):
        trend.see(polls(second), float(second))
    return trend.growing


@pytest.mark.parametrize(
    ("polls", "growing"),
    [
        (lambda second: MAX + 1 + second, True),
        (lambda second: MAX + 1, True),
        (lambda second: 1_000_000 - second, False),
        (lambda second: MAX, False),
        (lambda second: MAX + 500 + (300 if second % 2 else -300) + second, True),
        (lambda second: 5 * MAX - 100 * second + (300 if second % 2 else -300), False),
        (lambda second: 0 if second == WINDOW // 2 else 5 * MAX, False),
    ],
    ids=["grows", "stays", "shrinks", "small", "grows in bursts", "shrinks in bursts", "was gone"],
)
def test_trend_of_one_window(polls: Callable[[int], int], growing: bool) -> None:
    assert growing_after(polls, WINDOW) == growing


def test_nothing_is_said_before_the_window_is_over() -> None:
    assert not growing_after(lambda second: MAX + 1 + second, WINDOW - 1)


def test_only_the_last_window_counts() -> None:
    """It grew for long and shrinks now, or the other way round."""
    assert not growing_after(lambda s: 2 * MAX + (s * 10 if s < 100 else 2000 - s * 10), 100 + 40)
    assert growing_after(lambda s: 9 * MAX - s * 10 if s < 100 else 8 * MAX + s, 100 + 40)


def test_it_is_over_with_the_first_small_lag_and_starts_anew() -> None:
    trend = LagTrend(MAX)
    found = []
    for second in range(WINDOW + 3):
        trend.see(MAX if second == WINDOW + 1 else MAX + 1, float(second))
        found.append(trend.growing)
    assert found == [False] * WINDOW + [True, False, False]


def test_zero_turns_it_off() -> None:
    assert not growing_after(lambda second: 10**6 + second, WINDOW, transactions_max=0)


def test_polls_far_apart_make_a_window_too() -> None:
    trend = LagTrend(MAX)
    for at_s in (0.0, 100.0, 200.0):
        trend.see(MAX + 1, at_s)
    assert trend.growing
