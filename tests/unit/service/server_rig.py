"""Servers without processes: the test says when they serve and how they end."""

from collections.abc import Iterable
from typing import cast

from utility_ts_analytics.asgi.protocol import AsgiApp
from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.service.generations import Generations
from utility_ts_analytics.service.plans import Listener, ProcessPlan, ServerPlan, ServicePlan
from utility_ts_analytics.service.server_process import ServerProcess
from utility_ts_analytics.service.shared_worker_state import WorkerState
from utility_ts_analytics.telemetry.logs import LogLevel

NO_APP = cast("AsgiApp", None)


def server_plan(
    name: str, *, workers: int = 1, port: int = 7001, drain_timeout_s: int = 30
) -> ServerPlan:
    listener = Listener(f"{name}.source.http_bind_addr", "127.0.0.1", port)
    return ServerPlan(name, listener, workers, lambda _folder: NO_APP, drain_timeout_s)


def service_plan(*servers: ProcessPlan, log_level: LogLevel = "error") -> ServicePlan:
    return ServicePlan(servers, worker_silent_s=15, log_level=log_level, log_format="json")


class FakeProcess(ServerProcess):
    """Notes what it is told; the test sets whether it serves and how it ends."""

    def __init__(self, plan: ProcessPlan) -> None:
        self.name, self.plan, self.pid = plan.name, plan, 0
        self.drain_timeout_s = plan.drain_timeout_s
        self.told: list[str] = []
        self.served = self.serving = self.workers_left = False
        self.ended_with: int | None = None

    @property
    def exit_code(self) -> int | None:
        return self.ended_with

    @property
    def last_error(self) -> str:
        return "OSError: a reason"

    def has_served(self, workers: Iterable[WorkerState]) -> bool:
        return self.served

    def serves(self, workers: Iterable[WorkerState]) -> bool:
        return self.serving

    def hand_over(self) -> None:
        self.told.append("hand over")

    def drain_workers_left(self, workers: Iterable[WorkerState]) -> bool:
        return self.workers_left

    def ended(self, workers: Iterable[WorkerState]) -> bool:
        return self.ended_with is not None and not self.workers_left

    def kill(self, workers: Iterable[WorkerState]) -> None:
        self.told.append("kill")
        self.ended_with, self.workers_left = -9, False


class ServerRig:
    """One server on a held clock, with every process that was ever started for it."""

    def __init__(self, clock: ManualClock, plan: ProcessPlan) -> None:
        self.started: list[FakeProcess] = []
        self.short_of_processes = False
        self.server = Generations(plan, start=self._start, clock=clock)

    def _start(self, plan: ProcessPlan) -> ServerProcess:
        if self.short_of_processes:
            raise BlockingIOError
        self.started.append(FakeProcess(plan))
        return self.started[-1]
