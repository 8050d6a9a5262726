"""Law 8: every wait is within [0, cap]."""

from hypothesis import given
from hypothesis import strategies as st

from utility_ts_analytics.sinks.backoff import Backoff

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
