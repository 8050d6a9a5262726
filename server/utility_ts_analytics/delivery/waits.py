"""How long to wait before the next attempt. Pure: no clock, no sleep, no hidden randomness."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Capped exponential back-off with full jitter.

    The ceiling doubles with each attempt up to `cap_s`; the wait is anywhere below it, so that
    lanes which failed together do not come back together.

    Attributes:
        base_s: Ceiling of the first wait, seconds, >= 0.
        cap_s: Longest wait, seconds, >= 0.
    """

    base_s: float
    cap_s: float

    def wait_s(self, attempt_index: int, random: Callable[[], float]) -> float:
        """Return the wait after a failed attempt.

        Args:
            attempt_index: Which attempt failed, from 0.
            random: Returns numbers in [0, 1).

        Returns:
            Seconds in [0, `cap_s`].
        """
        # 2.0**1024 overflows a float; any base has met its cap long before 2**63.
        ceiling_s = min(self.cap_s, self.base_s * 2.0 ** min(attempt_index, 63))
        return ceiling_s * random()


class Breaker:
    """A circuit breaker: after a failure nothing is tried until a wait has passed.

    Then one trial decides. Waits double from failure to failure up to a cap, and start over after a
    success. One user; not thread-safe.

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
