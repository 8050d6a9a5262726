"""One server over time: restarts after a death, and the generations that a reload replaces."""

from collections.abc import Callable, Iterable, Sequence

import structlog

from utility_ts_analytics.clock import Clock
from utility_ts_analytics.service.plans import ProcessPlan
from utility_ts_analytics.service.server_process import ServerProcess
from utility_ts_analytics.service.shared_worker_state import WorkerState

StartProcess = Callable[[ProcessPlan], ServerProcess]
"""Starts a process for a plan; raises OSError if the machine is short of processes or memory."""

STOP_MARGIN_S = 10.0
"""Time to exit after `drain_timeout_s`; then the processes are killed."""

_FORK_RETRY_S = 5.0

_log = structlog.get_logger("supervisor")


class RestartPolicy:
    """Decides when to restart one server. Waits double from 0.2 s to 10 s.

    Only deaths before serving count as a crash loop: a server that served and died is always
    restarted, and its waits begin at 0.2 s again.

    Attributes:
        deaths_before_serving: Consecutive ones.
    """

    WAIT_S_MIN, WAIT_S_MAX = 0.2, 10.0
    DEATHS_MAX = 5

    def __init__(self) -> None:
        self.deaths_before_serving = 0

    def wait_after_death(self, *, served: bool) -> float | None:
        """Return the seconds until the restart; None in a crash loop: give up.

        Args:
            served: Whether the server has served since its last start.
        """
        self.deaths_before_serving = 0 if served else self.deaths_before_serving + 1
        if self.deaths_before_serving >= self.DEATHS_MAX:
            return None
        return min(self.WAIT_S_MAX, self.WAIT_S_MIN * 2.0**self.deaths_before_serving)


class Generations:
    """Keeps one server running, and lets another generation of it take over.

    Args:
        plan: What to run. A later generation has the same name; the rest may differ.
        start: Starts a process.
        clock: For waits.
    """

    def __init__(self, plan: ProcessPlan, *, start: StartProcess, clock: Clock) -> None:
        self.name = plan.name
        self._plan = self._next_plan = plan
        self._start = start
        self._clock = clock
        self._policy = RestartPolicy()
        self._start_at_s = 0.0
        self._current: ServerProcess | None = None
        self._next: ServerProcess | None = None
        self._leaving: list[tuple[ServerProcess, float]] = []

    @property
    def processes(self) -> Sequence[ServerProcess]:
        """All processes of all generations, until `look_after` has noted their end."""
        kept = (self._current, self._next, *(process for process, _ in self._leaving))
        return [process for process in kept if process is not None]

    @property
    def settled(self) -> bool:
        """Whether no generation is coming or leaving."""
        return self._next is None and not self._leaving

    def start_if_due(self) -> None:
        """Start the server unless it runs or has to wait."""
        if self._current is not None or self._clock.monotonic_s() < self._start_at_s:
            return
        try:
            self._current = self._start(self._plan)
        except OSError as error:
            _log.error("cannot start a process; trying again", server=self.name, error=str(error))
            self._start_at_s = self._clock.monotonic_s() + _FORK_RETRY_S

    def look_after(self, workers: Iterable[WorkerState]) -> bool:
        """Handle processes that ended, and kill those that take too long to leave.

        Args:
            workers: All workers of the service, dead ones included.

        Returns:
            False if the current server is in a crash loop and is not restarted.
        """
        self._look_after_leaving(workers)
        process = self._current
        if process is None:
            return True
        served = process.has_served(workers)
        if process.exit_code is None:
            return True
        self._current = None
        if process.drain_workers_left(workers):
            self._let_leave(process)
        wait_s = self._policy.wait_after_death(served=served)
        facts = {
            "server": self.name,
            "exit_code": process.exit_code,
            "last_error": process.last_error,
        }
        if wait_s is None:
            deaths = self._policy.deaths_before_serving
            _log.error("a server dies before it serves; giving up", deaths=deaths, **facts)
            return False
        _log.error("a server died; starting it again", **facts)
        self._start_at_s = self._clock.monotonic_s() + wait_s
        return True

    def prepare(self, plan: ProcessPlan) -> None:
        """Start the next generation beside the current one, on the same port.

        Raises:
            OSError: The machine is short of processes or memory.
        """
        self._next_plan = plan
        self._next = self._start(plan)

    def serves(self, workers: Iterable[WorkerState]) -> bool:
        """Tell whether all workers of the current generation take connections."""
        return self._current is not None and self._current.serves(workers)

    def next_serves(self, workers: Iterable[WorkerState]) -> bool:
        """Tell whether all workers of the next generation take connections."""
        return self._next is not None and self._next.serves(workers)

    def next_error(self) -> str | None:
        """Return why the next generation died; None if it did not."""
        if self._next is None or self._next.exit_code is None:
            return None
        return self._next.last_error

    def switch(self) -> None:
        """Make the next generation current; the old one finishes its requests and exits."""
        assert self._next is not None  # noqa: S101  prepared before
        if self._current is not None:
            self._dismiss(self._current)
        self._current, self._next = self._next, None
        self._plan = self._next_plan

    def give_up_next(self) -> None:
        """Keep the current generation; stop the next one, if any."""
        if self._next is not None:
            self._dismiss(self._next)
        self._next = None

    def _dismiss(self, process: ServerProcess) -> None:
        process.hand_over()
        self._let_leave(process)

    def _let_leave(self, process: ServerProcess) -> None:
        deadline_s = self._clock.monotonic_s() + process.drain_timeout_s + STOP_MARGIN_S
        self._leaving.append((process, deadline_s))

    def _look_after_leaving(self, workers: Iterable[WorkerState]) -> None:
        self._leaving = [left for left in self._leaving if not left[0].ended(workers)]
        for process, deadline_s in self._leaving:
            if self._clock.monotonic_s() > deadline_s:
                _log.error("a process did not stop in time and is killed", pid=process.pid)
                process.kill(workers)
