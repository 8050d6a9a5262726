"""Which workers stand still, judged by the age of their last beat. Pure policy, no processes."""

from collections.abc import Iterable
from dataclasses import dataclass

from utility_ts_analytics.service.beacon import REFUSING, SERVING, STARTING, Sign

STARTING_S_MAX = 60.0
"""A start asks the database once, which takes up to 6 s, and may share a core with many others."""


@dataclass(frozen=True, slots=True)
class SilentWorker:
    """A worker that has to be replaced.

    Attributes:
        sign: What it said last.
        silent_s: For how long it has said nothing, seconds.
    """

    sign: Sign
    silent_s: float


class SilenceWatch:
    """Finds workers whose event loop stands still. Each is named once.

    Draining workers are not judged: Granian kills those that take too long. If the watch itself was
    late, the machine, or all of us, stood still: every worker gets its whole patience anew.

    Args:
        now_s: Monotonic time, seconds, on the clock of the beats.
    """

    def __init__(self, now_s: float) -> None:
        self._looked_at_s = now_s
        self._patient_from_s = now_s
        self._first_seen_s: dict[tuple[int, int], float] = {}
        self._named: set[tuple[int, int]] = set()

    def look(
        self, workers: Iterable[Sign], now_s: float, silent_s_max: float
    ) -> list[SilentWorker]:
        """Return the workers that have been silent for too long.

        Args:
            workers: The last signs of all workers that are alive.
            now_s: Monotonic time, seconds; to be called much more often than `silent_s_max`.
            silent_s_max: Longest time without a beat, > 0. A worker that is only starting has
                `STARTING_S_MAX`, if that is longer.
        """
        if now_s - self._looked_at_s > silent_s_max / 2:
            self._patient_from_s = now_s
        self._looked_at_s = now_s
        seen_s: dict[tuple[int, int], float] = {}
        silent = []
        for sign in workers:
            seen_s[sign.identity] = self._first_seen_s.get(sign.identity, now_s)
            if sign.state == STARTING:
                since_s, limit_s = seen_s[sign.identity], max(STARTING_S_MAX, silent_s_max)
            elif sign.state in (REFUSING, SERVING):
                since_s, limit_s = sign.beat_s, silent_s_max
            else:
                continue
            overdue = now_s - max(since_s, self._patient_from_s) > limit_s
            if overdue and sign.identity not in self._named:
                self._named.add(sign.identity)
                silent.append(SilentWorker(sign, now_s - since_s))
        self._first_seen_s = seen_s
        self._named &= seen_s.keys()
        return silent
