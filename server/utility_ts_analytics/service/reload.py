"""SIGHUP: the new configuration takes over as a whole, or the old one stays.

The next generation of every server starts beside the current one. Only when all of its workers
serve is the old one told to go, so that at every moment some worker takes connections. One reload
at a time: the next one begins when the last old process has ended. At most two generations run.
"""

from collections.abc import Callable, Iterable, Sequence

import structlog

from utility_ts_analytics.clock import Clock
from utility_ts_analytics.errors import ConfigError
from utility_ts_analytics.service.generations import Generations
from utility_ts_analytics.service.plans import ServicePlan
from utility_ts_analytics.service.shared_worker_state import WorkerState
from utility_ts_analytics.telemetry.logs import configure_logs

LoadPlan = Callable[[], ServicePlan]
"""Reads the configuration again, from the same place as at the start; raises ConfigError."""

SERVING_S_MAX = 60.0
"""How long a new generation may take until all its workers serve."""

_KEPT = "cannot reload the configuration; the old one stays in force"

_log = structlog.get_logger("supervisor")


class Reloads:
    """Carries out reloads.

    Args:
        plan: The plan in force.
        servers: One per server of the plan, in its order.
        load: None if the configuration cannot be read again.
        clock: For the deadline.

    Attributes:
        plan: The plan in force.
    """

    def __init__(
        self,
        plan: ServicePlan,
        servers: Sequence[Generations],
        *,
        load: LoadPlan | None,
        clock: Clock,
    ) -> None:
        self.plan = plan
        self._servers = servers
        self._load = load
        self._clock = clock
        self._requested = False
        self._next_plan: ServicePlan | None = None
        self._deadline_s = 0.0

    @property
    def under_way(self) -> bool:
        """Whether a reload was requested or is being carried out."""
        return self._requested or self._next_plan is not None

    def request(self) -> None:
        """Request a reload. During a reload: one more after it. Safe in a signal handler."""
        self._requested = True

    def look_after(self, workers: Iterable[WorkerState]) -> None:
        """Take the next step of a reload, if one is due.

        Args:
            workers: All workers of the service.
        """
        if self._next_plan is not None:
            self._switch_if_serving(self._next_plan, workers)
        elif self._requested and all(server.settled for server in self._servers):
            self._requested = False
            self._begin()

    def _begin(self) -> None:
        if self._load is None:
            _log.warning("SIGHUP is ignored: this command does not reload its configuration")
            return
        try:
            plan = self._load()
        except ConfigError as error:
            _log.error(_KEPT, problems=list(error.problems))
            return
        moved = moved_listeners(self.plan, plan)
        if moved:
            problems = [f"{setting}: a new address needs a restart" for setting in moved]
            _log.error(_KEPT, problems=problems)
            return
        self._next_plan = plan
        self._deadline_s = self._clock.monotonic_s() + SERVING_S_MAX
        configure_logs(level=plan.log_level, log_format=plan.log_format)  # inherited by children
        try:
            for server, server_plan in zip(self._servers, plan.servers, strict=True):
                server.prepare(server_plan)
        except OSError as error:
            self._give_up([f"cannot start a process: {error}"])

    def _switch_if_serving(self, plan: ServicePlan, workers: Iterable[WorkerState]) -> None:
        errors = {server.name: server.next_error() for server in self._servers}
        dead = {name: error for name, error in errors.items() if error is not None}
        serving = [server.next_serves(workers) for server in self._servers]
        if dead:
            self._give_up([f"the new {name} died: {error}" for name, error in dead.items()])
        elif all(serving):
            for server in self._servers:
                server.switch()
            self.plan, self._next_plan = plan, None
            _log.info("the configuration was reloaded")
        elif self._clock.monotonic_s() > self._deadline_s:
            late = [s.name for s, ready in zip(self._servers, serving, strict=True) if not ready]
            self._give_up([f"the new {name} does not serve after 60 s" for name in late])

    def _give_up(self, problems: Sequence[str]) -> None:
        self._next_plan = None
        configure_logs(level=self.plan.log_level, log_format=self.plan.log_format)
        _log.error(_KEPT, problems=problems)
        for server in self._servers:
            server.give_up_next()


def moved_listeners(old: ServicePlan, new: ServicePlan) -> list[str]:
    """Return the settings of the addresses that differ, in the order of `new`."""
    return [one.setting for one in new.listeners if one not in old.listeners]
