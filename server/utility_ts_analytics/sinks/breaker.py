"""A circuit breaker: after a failure, do not try again at once. Pure: no clock, no I/O.

Closed, everything is tried. A failure opens it: nothing is tried until a wait has passed, then one
trial decides. Waits double from failure to failure up to a cap, and start over after a success.
"""

from utility_ts_analytics.sinks.backoff import Backoff


class Breaker:
    """Whether something that failed may be tried again. One user; not thread-safe.

    Args:
        wait_first_s: From the first failure to the first trial, seconds, > 0.
        wait_max_s: Longest wait between trials, seconds, >= `wait_first_s`.
    """

    def __init__(self, *, wait_first_s: float = 1.0, wait_max_s: float = 10.0) -> None:
        self._waits = Backoff(wait_first_s, wait_max_s)
        self._failures = 0
        self._trial_at_s = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the last try failed."""
        return self._failures > 0

    def wait_s(self, now_s: float) -> float:
        """Return how long nothing may be tried from `now_s` on, seconds; 0 if it may be now.

        Args:
            now_s: Monotonic time, the same clock as of `failed`.
        """
        return max(0.0, self._trial_at_s - now_s) if self.is_open else 0.0

    def failed(self, now_s: float) -> None:
        """Note a failure: nothing may be tried for a while. No jitter: each lane has its own."""
        self._trial_at_s = now_s + self._waits.wait_s(self._failures, lambda: 1.0)
        self._failures += 1

    def succeeded(self) -> None:
        """Note a success: everything may be tried."""
        self._failures = 0
