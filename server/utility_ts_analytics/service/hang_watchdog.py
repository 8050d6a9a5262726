"""Finds workers whose event loop hangs, by the age of their last beat. Pure policy."""

from collections.abc import Iterable
from dataclasses import dataclass

from utility_ts_analytics.service.shared_worker_state import (
    REFUSING,
    SERVING,
    STARTING,
    WorkerId,
    WorkerState,
)

STARTING_S_MAX = 60.0
"""A start asks the database once, which takes up to 6 s, and may share a core with many others."""


@dataclass(frozen=True, slots=True)
class HungWorker:
    """A worker that has to be replaced.

    Attributes:
        worker: Its last state.
        silent_s: Time without a beat, seconds.
    """

    worker: WorkerState
    silent_s: float


class HangWatchdog:
    """Finds workers whose event loop hangs. Reports each one once.

    Draining workers are not judged: Granian kills those that take too long. If the watchdog itself
    was late, the whole machine was suspended or overloaded: every worker's time starts again.

    Args:
        now_s: Monotonic time, seconds, on the clock of the beats.
    """

    def __init__(self, now_s: float) -> None:
        self._checked_at_s = now_s
        self._count_from_s = now_s
        self._first_seen_s: dict[WorkerId, float] = {}
        self._reported: set[WorkerId] = set()

    def find(
        self, workers: Iterable[WorkerState], now_s: float, worker_silent_s: float
    ) -> list[HungWorker]:
        """Return the workers without a beat for more than `worker_silent_s`.

        Args:
            workers: All workers that are alive.
            now_s: Monotonic time, seconds. Call this much more often than `worker_silent_s`.
            worker_silent_s: Longest time without a beat, > 0. A worker that is starting has
                `STARTING_S_MAX`, if that is longer.
        """
        if now_s - self._checked_at_s > worker_silent_s / 2:
            self._count_from_s = now_s
        self._checked_at_s = now_s
        seen_s: dict[WorkerId, float] = {}
        hung = []
        for worker in workers:
            seen_s[worker.identity] = self._first_seen_s.get(worker.identity, now_s)
            if worker.state == STARTING:
                since_s = seen_s[worker.identity]
                limit_s = max(STARTING_S_MAX, worker_silent_s)
            elif worker.state in (REFUSING, SERVING):
                since_s, limit_s = worker.beat_s, worker_silent_s
            else:
                continue
            overdue = now_s - max(since_s, self._count_from_s) > limit_s
            if overdue and worker.identity not in self._reported:
                self._reported.add(worker.identity)
                hung.append(HungWorker(worker, now_s - since_s))
        self._first_seen_s = seen_s
        self._reported &= seen_s.keys()
        return hung
