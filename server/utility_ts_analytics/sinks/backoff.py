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
