"""One server over time: the process in charge, the one to replace it, those on their way out."""

from collections.abc import Callable, Iterable, Sequence

import structlog

from utility_ts_analytics.clock import Clock
from utility_ts_analytics.service.beacon import Sign
from utility_ts_analytics.service.plans import ServerPlan
from utility_ts_analytics.service.restarts import CrashLoop, RestartPolicy
from utility_ts_analytics.service.server_process import ServerProcess

StartProcess = Callable[[ServerPlan, int], ServerProcess]

STOP_MARGIN_S = 10.0
"""What an end may take beyond the drain limit; then the processes are killed."""

_FORK_RETRY_S = 5.0
"""The machine is short of processes, files or memory: no fault of what would be started."""

_log = structlog.get_logger("supervisor")


class Generations:
    """Keeps one server running, and lets another generation of it take over.

    Args:
        plan: What to run; the name stays, the rest may change with a generation.
        drain_timeout_s: How long its requests may take to end, seconds.
        start: Starts a process for a plan and a drain limit; OSError where there is no room.
        clock: For waits.
    """

    def __init__(
        self, plan: ServerPlan, *, drain_timeout_s: int, start: StartProcess, clock: Clock
    ) -> None:
        self.name = plan.name
        self._plan = plan
        self._drain_timeout_s = drain_timeout_s
        self._start = start
        self._clock = clock
        self._policy = RestartPolicy()
        self._start_at_s = 0.0
        self._current: ServerProcess | None = None
        self._next: ServerProcess | None = None
        self._next_plan = (plan, drain_timeout_s)
        self._leaving: list[tuple[ServerProcess, float]] = []

    @property
    def processes(self) -> Sequence[ServerProcess]:
        """All that run, or ended and were not looked after yet."""
        kept = (self._current, self._next, *(process for process, _ in self._leaving))
        return [process for process in kept if process is not None]

    @property
    def settled(self) -> bool:
        """Whether there is one generation, and no other coming or going."""
        return self._next is None and not self._leaving

    def start_if_due(self) -> None:
        """Start the server unless it runs or has to wait."""
        if self._current is not None or self._clock.monotonic_s() < self._start_at_s:
            return
        try:
            self._current = self._start(self._plan, self._drain_timeout_s)
        except OSError as error:
            _log.error("cannot start a process; trying again", server=self.name, error=str(error))
            self._start_at_s = self._clock.monotonic_s() + _FORK_RETRY_S

    def look_after(self, signs: Iterable[Sign]) -> CrashLoop | None:
        """Note what ended, and end what takes too long to leave.

        Args:
            signs: Of all workers.

        Returns:
            Not None if the server in charge cannot be kept running.
        """
        self._look_after_leaving(signs)
        process = self._current
        if process is None:
            return None
        served = process.has_served(signs)
        if process.exit_code is None:
            return None
        self._current = None
        if process.orphaned(signs):
            self._let_leave(process)
        decision = self._policy.died(served=served)
        facts = {
            "server": self.name,
            "exit_code": process.exit_code,
            "last_error": process.last_error,
        }
        if isinstance(decision, CrashLoop):
            _log.error("a server dies before it serves; giving up", deaths=decision.deaths, **facts)
            return decision
        _log.error("a server died; starting it again", **facts)
        self._start_at_s = self._clock.monotonic_s() + decision.wait_s
        return None

    def prepare(self, plan: ServerPlan, *, drain_timeout_s: int) -> None:
        """Start another generation beside the one in charge, on the same port.

        Raises:
            OSError: The machine has no room for another process.
        """
        self._next_plan = (plan, drain_timeout_s)
        self._next = self._start(plan, drain_timeout_s)

    def serves(self, signs: Iterable[Sign]) -> bool:
        """Tell whether all workers of the generation in charge take connections."""
        return self._current is not None and self._current.serves(signs)

    def next_serves(self, signs: Iterable[Sign]) -> bool:
        """Tell whether all workers of the prepared generation take connections."""
        return self._next is not None and self._next.serves(signs)

    def next_error(self) -> str | None:
        """Return why the prepared generation ended, or None while it has not."""
        if self._next is None or self._next.exit_code is None:
            return None
        return self._next.last_error

    def switch(self) -> None:
        """Put the prepared generation in charge; the one before finishes its requests and goes."""
        assert self._next is not None  # noqa: S101  prepared before
        if self._current is not None:
            self._dismiss(self._current)
        self._current, self._next = self._next, None
        self._plan, self._drain_timeout_s = self._next_plan

    def give_up_next(self) -> None:
        """Keep the generation in charge; the prepared one, if any, goes."""
        if self._next is not None:
            self._dismiss(self._next)
        self._next = None

    def _dismiss(self, process: ServerProcess) -> None:
        process.hand_over()
        self._let_leave(process)

    def _let_leave(self, process: ServerProcess) -> None:
        deadline_s = self._clock.monotonic_s() + process.drain_timeout_s + STOP_MARGIN_S
        self._leaving.append((process, deadline_s))

    def _look_after_leaving(self, signs: Iterable[Sign]) -> None:
        self._leaving = [left for left in self._leaving if not left[0].ended(signs)]
        for process, deadline_s in self._leaving:
            if self._clock.monotonic_s() > deadline_s:
                _log.error("a process did not stop in time and is killed", pid=process.pid)
                process.kill(signs)
