"""SIGHUP: another configuration takes over as a whole, or the old one stays.

The new generation of every server starts beside the old one and has to serve before that is told to
go, so that at every moment somebody takes connections. One reload at a time: the next one begins
when the last old process has ended, which bounds what runs at once to two generations.
"""

from collections.abc import Callable, Iterable, Sequence

import structlog

from utility_ts_analytics.clock import Clock
from utility_ts_analytics.errors import ConfigError
from utility_ts_analytics.service.beacon import Sign
from utility_ts_analytics.service.generations import Generations
from utility_ts_analytics.service.plans import ServicePlan, moved_listeners
from utility_ts_analytics.telemetry.logs import configure_logs

LoadPlan = Callable[[], ServicePlan]
"""Reads the configuration again, from where it was read at the start; raises ConfigError."""

SERVING_S_MAX = 60.0
"""How long a new generation may take until all its workers serve."""

_KEPT = "cannot reload the configuration; the old one stays in force"

_log = structlog.get_logger("supervisor")


class Reloads:
    """Carries out the reloads that are asked for.

    Args:
        plan: In force now.
        servers: One per server of the plan, by the same names.
        load: None where the configuration cannot be read again.
        clock: For the deadline.
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
        self._asked = False
        self._coming: ServicePlan | None = None
        self._deadline_s = 0.0

    @property
    def under_way(self) -> bool:
        """Whether a reload was asked for or is being carried out."""
        return self._asked or self._coming is not None

    def ask(self) -> None:
        """Ask for a reload; while one is under way, for another after it. For signal handlers."""
        self._asked = True

    def look_after(self, signs: Iterable[Sign]) -> None:
        """Take the next step, if there is one.

        Args:
            signs: Of all workers.
        """
        if self._coming is not None:
            self._go_on(self._coming, signs)
        elif self._asked and all(server.settled for server in self._servers):
            self._asked = False
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
        self._coming = plan
        self._deadline_s = self._clock.monotonic_s() + SERVING_S_MAX
        configure_logs(level=plan.log_level, log_format=plan.log_format)  # inherited by what starts
        try:
            for server, server_plan in zip(self._servers, plan.servers, strict=True):
                server.prepare(server_plan, drain_timeout_s=plan.drain_timeout_s)
        except OSError as error:
            self._give_up([f"cannot start a process: {error}"])

    def _go_on(self, plan: ServicePlan, signs: Iterable[Sign]) -> None:
        errors = {server.name: server.next_error() for server in self._servers}
        dead = {name: error for name, error in errors.items() if error is not None}
        serving = [server.next_serves(signs) for server in self._servers]
        if dead:
            self._give_up([f"the new {name} died: {error}" for name, error in dead.items()])
        elif all(serving):
            for server in self._servers:
                server.switch()
            self.plan, self._coming = plan, None
            _log.info("the configuration was reloaded")
        elif self._clock.monotonic_s() > self._deadline_s:
            late = [s.name for s, ready in zip(self._servers, serving, strict=True) if not ready]
            self._give_up([f"the new {name} does not serve after 60 s" for name in late])

    def _give_up(self, problems: Sequence[str]) -> None:
        self._coming = None
        configure_logs(level=self.plan.log_level, log_format=self.plan.log_format)
        _log.error(_KEPT, problems=problems)
        for server in self._servers:
            server.give_up_next()
