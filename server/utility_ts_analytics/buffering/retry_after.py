"""When a refused client should come back: how much is held, over how fast it has been leaving.

Sampled when requests come, never per row. Knows nothing of why a request was refused.
"""

import math
from collections import deque

RETRY_AFTER_S_MAX = 60
_WINDOW_S = 15.0
_SAMPLE_EVERY_S = 1.0
"""A rate over less than this is noise; until then the shortest wait is given."""


def retry_after_s(backlog: int, left: int, observed_s: float) -> int:
    """Return whole seconds, 1..`RETRY_AFTER_S_MAX`, after which `backlog` should be gone. Pure.

    While nothing leaves at all, the wait is twice the time that this has been so: a stall that
    goes on is asked about ever more seldom.

    Args:
        backlog: What has to leave first, >= 0.
        left: What has left during the time observed, >= 0, in the unit of `backlog`.
        observed_s: That time, seconds, >= 0.
    """
    if backlog <= 0 or observed_s < _SAMPLE_EVERY_S:
        return 1
    wait_s = backlog * observed_s / left if left > 0 else 2 * observed_s
    return min(max(1, math.ceil(wait_s)), RETRY_AFTER_S_MAX)


class LeavingRate:
    """How much has left within the last `_WINDOW_S` seconds, from samples of a running total."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()

    def sample(self, now_s: float, total: int) -> None:
        """Note the total that has left so far, which never falls; cheap enough for each request."""
        samples = self._samples
        if not samples or now_s - samples[-1][0] >= _SAMPLE_EVERY_S:
            samples.append((now_s, total))
        while samples and now_s - samples[0][0] > _WINDOW_S:
            samples.popleft()

    def retry_after_s(self, now_s: float, total: int, backlog: int) -> int:
        """Return `retry_after_s` for this backlog, by what has left since the oldest sample."""
        if not self._samples:
            return 1
        since_s, before = self._samples[0]
        return retry_after_s(backlog, total - before, now_s - since_s)
