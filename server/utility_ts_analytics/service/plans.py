"""What the supervisor runs, as values: one plan per server, and one for the whole service."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from utility_ts_analytics.asgi.protocol import AsgiApp
from utility_ts_analytics.config import TlsFiles
from utility_ts_analytics.telemetry.logs import LogFormat, LogLevel


@dataclass(frozen=True, slots=True)
class Listener:
    """An address to listen on.

    Attributes:
        setting: Path of the config key that it comes from.
        host: IP literal.
        port: 1..65535.
    """

    setting: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """One server to run.

    Attributes:
        name: The stream's name, or `operations`.
        listener: Where it listens.
        workers: Processes, >= 1.
        make_app: Builds the application in each worker; gets the runtime folder.
        drain_timeout_s: How long requests may take to end after a stop or reload, seconds.
        max_connections: Per worker.
        tls: Certificate and key; None for plain HTTP.
    """

    name: str
    listener: Listener
    workers: int
    make_app: Callable[[Path], AsgiApp]
    drain_timeout_s: int
    max_connections: int = 256
    tls: TlsFiles | None = None


@dataclass(frozen=True, slots=True)
class ConsumerPlan:
    """Workers that take their work from the log, and listen nowhere.

    Attributes:
        name: The stream's name.
        workers: Processes, >= 1.
        run: The work of each worker: returns after SIGTERM; gets the runtime folder.
        drain_timeout_s: How long the workers may take to end after a stop or reload, seconds.
    """

    name: str
    workers: int
    run: Callable[[Path], None]
    drain_timeout_s: int


ProcessPlan = ServerPlan | ConsumerPlan
"""What one child of the supervisor runs."""


@dataclass(frozen=True, slots=True)
class ServicePlan:
    """The service as one configuration describes it; a reload replaces the whole plan.

    Attributes:
        servers: Not empty; every configuration has the same names in the same order.
        worker_silent_s: How long a worker may go without a beat before it is killed, seconds.
        log_level: Lowest level that is logged.
        log_format: How log lines are written.
        weaknesses: Settings that leave a port open, one sentence each; logged at the start.
    """

    servers: Sequence[ProcessPlan]
    worker_silent_s: float
    log_level: LogLevel
    log_format: LogFormat
    weaknesses: Sequence[str] = ()

    @property
    def listeners(self) -> Sequence[Listener]:
        """The addresses that the service listens on, in the order of its servers."""
        return [server.listener for server in self.servers if isinstance(server, ServerPlan)]
