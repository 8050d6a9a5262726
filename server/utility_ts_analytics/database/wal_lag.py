"""Whether QuestDB falls behind with making committed rows visible. Pure.

Committed rows are safe, so this refuses nothing; but a lag that never shrinks ends as a full disk,
and until then nobody sees the newest readings.
"""

from collections import deque

LAG_WINDOW_S = 30.0
"""Apply goes in bursts of seconds; over half a minute a lag that is worked off has shrunk."""


class LagTrend:
    """The lag of one table over the last `LAG_WINDOW_S` seconds.

    Args:
        transactions_max: Lag that is never a reason to worry; 0 turns this off.
    """

    def __init__(self, transactions_max: int) -> None:
        self.growing = False
        """Whether the lag has been over the maximum for the whole window and does not shrink."""
        self._transactions_max = transactions_max
        self._seen: deque[tuple[float, int]] = deque()

    def see(self, transactions: int, now_s: float) -> None:
        """Note the lag of one poll.

        Args:
            transactions: Committed and not yet visible, >= 0.
            now_s: Monotonic seconds, not before those of the last call.
        """
        if self._transactions_max == 0 or transactions <= self._transactions_max:
            self._seen.clear()
            self.growing = False
            return
        seen = self._seen
        seen.append((now_s, transactions))
        # The oldest that is kept is at least as old as the window, once there is one.
        while len(seen) > 1 and now_s - seen[1][0] >= LAG_WINDOW_S:
            seen.popleft()
        since_s = seen[0][0]
        middle_s = (since_s + now_s) / 2
        if now_s - since_s < LAG_WINDOW_S:
            return
        earlier = [lag for at_s, lag in seen if at_s < middle_s]
        later = [lag for at_s, lag in seen if at_s >= middle_s]
        self.growing = sum(later) / len(later) >= sum(earlier) / len(earlier)
