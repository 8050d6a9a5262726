"""What the supervisor runs, as values: one plan per server, and one for the service as a whole."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from utility_ts_analytics.asgi.types import AsgiApp
from utility_ts_analytics.config import TlsFiles
from utility_ts_analytics.service.ports import Listener
from utility_ts_analytics.telemetry.logs import LogFormat, LogLevel


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """One server to run.

    Attributes:
        name: The stream's name, or `operations`.
        listener: Where it listens.
        workers: Processes, >= 1.
        make_app: Builds the application in each worker; gets the runtime folder.
        connections_max: Per worker.
        tls: The files that it speaks TLS with; None for plain HTTP.
    """

    name: str
    listener: Listener
    workers: int
    make_app: Callable[[Path], AsgiApp]
    connections_max: int = 256
    tls: TlsFiles | None = None


@dataclass(frozen=True, slots=True)
class ServicePlan:
    """The service as one configuration describes it; a reload replaces it as a whole.

    Attributes:
        servers: Not empty; names differ. The names are the same in every configuration.
        drain_timeout_s: How long requests may take to end, seconds.
        worker_silent_s: How long a worker may go without a beat before it is killed, seconds.
        log_level: Lowest level that is logged.
        log_format: How it is written.
        weaknesses: What leaves a port less guarded than it could be; said at the start.
    """

    servers: Sequence[ServerPlan]
    drain_timeout_s: int
    worker_silent_s: float
    log_level: LogLevel
    log_format: LogFormat
    weaknesses: Sequence[str] = ()


def moved_listeners(old: ServicePlan, new: ServicePlan) -> list[str]:
    """Return the settings of the addresses that differ, in the order of `new`."""
    return [
        server.listener.setting
        for server in new.servers
        if server.listener not in [other.listener for other in old.servers]
    ]
