"""Servers without processes: the test says when they serve and how they end."""

from collections.abc import Iterable
from typing import cast

from utility_ts_analytics.asgi.types import AsgiApp
from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.service.beacon import Sign
from utility_ts_analytics.service.generations import Generations
from utility_ts_analytics.service.plans import ServerPlan, ServicePlan
from utility_ts_analytics.service.ports import Listener
from utility_ts_analytics.service.server_process import ServerProcess
from utility_ts_analytics.telemetry.logs import LogLevel

NO_APP = cast("AsgiApp", None)


def server_plan(name: str, *, workers: int = 1, port: int = 7001) -> ServerPlan:
    listener = Listener(f"{name}.source.http_bind_addr", "127.0.0.1", port)
    return ServerPlan(name, listener, workers, lambda _folder: NO_APP)


def service_plan(
    *servers: ServerPlan, drain_timeout_s: int = 30, log_level: LogLevel = "error"
) -> ServicePlan:
    return ServicePlan(
        servers,
        drain_timeout_s=drain_timeout_s,
        worker_silent_s=15,
        log_level=log_level,
        log_format="json",
    )


class FakeProcess(ServerProcess):
    """Notes what it is told; whether it serves and how it ends, the test sets."""

    def __init__(self, plan: ServerPlan, drain_timeout_s: int) -> None:
        self.name, self.plan, self.pid = plan.name, plan, 0
        self.drain_timeout_s = drain_timeout_s
        self.told: list[str] = []
        self.served = self.serving = self.workers_left = False
        self.ended_with: int | None = None

    @property
    def exit_code(self) -> int | None:
        return self.ended_with

    @property
    def last_error(self) -> str:
        return "OSError: a reason"

    def has_served(self, signs: Iterable[Sign]) -> bool:
        return self.served

    def serves(self, signs: Iterable[Sign]) -> bool:
        return self.serving

    def hand_over(self) -> None:
        self.told.append("hand over")

    def orphaned(self, signs: Iterable[Sign]) -> bool:
        return self.workers_left

    def ended(self, signs: Iterable[Sign]) -> bool:
        return self.ended_with is not None and not self.workers_left

    def kill(self, signs: Iterable[Sign]) -> None:
        self.told.append("kill")
        self.ended_with, self.workers_left = -9, False


class ServerRig:
    """One server on a held clock, with every process that was ever started for it."""

    def __init__(self, clock: ManualClock, plan: ServerPlan, *, drain_timeout_s: int = 30) -> None:
        self.started: list[FakeProcess] = []
        self.short_of_processes = False
        self.server = Generations(
            plan, drain_timeout_s=drain_timeout_s, start=self._start, clock=clock
        )

    def _start(self, plan: ServerPlan, drain_timeout_s: int) -> ServerProcess:
        if self.short_of_processes:
            raise BlockingIOError
        self.started.append(FakeProcess(plan, drain_timeout_s))
        return self.started[-1]
