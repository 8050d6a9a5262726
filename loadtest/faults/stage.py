"""The system under fault: a QuestDB, proxies in front of it, and the service."""

import contextlib
import os
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random

from loadtest.database import QuestDBRest
from loadtest.faults.proxy import Proxy, ProxyThread
from loadtest.faults.scale import Scale
from loadtest.faults.small_disk import small_disk
from loadtest.processes import family, listeners
from loadtest.service import Database, DatabasePorts, ServiceProcess, ServiceSettings, Value
from loadtest.service_counts import wait_calm

from utility_ts_analytics.database.embedded_questdb.server import EmbeddedQuestDB, RunningQuestDB

_HOST = "127.0.0.1"
_HEAP_MIB = 256
_START_AGAIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Setup:
    """Which service a scenario needs; scenarios with the same setup share one.

    Attributes:
        workers: Processes for `meter_usage`.
        proxied: Whether proxies stand between the service and QuestDB.
        sink: Further keys of `[meter_usage.sink]`.
        spool: Keys of `[meter_usage.spool]`.
        spool_disk_bytes: Size of a disk for the folder "spool"; 0 uses the disk of everything else.
            Where no disk can be mounted, `max_bytes` of the spool is set instead.
    """

    workers: int = 2
    proxied: bool = False
    sink: tuple[tuple[str, Value], ...] = ()
    spool: tuple[tuple[str, Value], ...] = ()
    spool_disk_bytes: int = 0

    def settings(self, **spool: Value) -> ServiceSettings:
        """Return settings with timeouts short enough for faults of seconds."""
        return ServiceSettings(
            workers=self.workers,
            source={"body_idle_timeout_ms": 1_500},
            sink={
                "request_timeout_ms": 1_500,
                "delivery_timeout_ms": 5_000,
                "max_retries": 4,
                "retry_backoff_ms": 50,
                **dict(self.sink),
            },
            spool={**dict(self.spool), **spool},
            server={"drain_timeout_s": 6, "worker_silent_s": 4},
        )


class Stage:
    """All that faults need, for any number of them. Use as a context manager.

    A method raises RuntimeError where the service does not start; the message has its last log.

    Args:
        directory: For data, configs and logs; exists.
        scale: Of every fault played here.

    Attributes:
        ilp: Proxy before QuestDB's ILP over HTTP, for a proxied service.
        pgwire: The same for pgwire.
        front: Proxy before the stream's port of the service.
        opened: Accounts of all sequences so far, so that each has readings of its own.
    """

    ilp: ProxyThread
    pgwire: ProxyThread
    front: ProxyThread

    def __init__(self, directory: Path, scale: Scale) -> None:
        self.directory = directory
        self.scale = scale
        self.opened = 0
        environ = {name: value for name, value in os.environ.items() if name[:4] != "QDB_"}
        # SUSPEND WAL is taken in dev mode only.
        environ["QDB_DEV_MODE_ENABLED"] = "true"
        self._questdb = EmbeddedQuestDB(
            directory / "questdb", heap_mib=_HEAP_MIB, environ=environ, notify=print
        )
        self._running: RunningQuestDB | None = None
        self._setup: Setup | None = None
        self._service: ServiceProcess | None = None
        self._services = 0
        self._stack = contextlib.ExitStack()
        self._service_stack = contextlib.ExitStack()

    def __enter__(self) -> "Stage":
        with contextlib.ExitStack() as stack:
            stack.callback(self._questdb.stop)
            running = self._running = self._questdb.start()
            self.ilp = stack.enter_context(ProxyThread(_HOST, running.http_port))
            self.pgwire = stack.enter_context(ProxyThread(_HOST, running.pg_port))
            stack.push(self._service_stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stack.close()

    @property
    def service(self) -> ServiceProcess:
        """The service that was set up."""
        if self._service is None:
            raise AssertionError("no service was set up")
        return self._service

    @property
    def database(self) -> contextlib.AbstractContextManager[QuestDBRest]:
        """QuestDB itself, past every proxy."""
        if self._running is None:
            raise AssertionError("QuestDB was not started")
        return QuestDBRest(self._running.http_port)

    @property
    def questdb_runs(self) -> bool:
        """Whether QuestDB was started and not ended."""
        return self._running is not None

    def set_up(self, setup: Setup) -> None:
        """Have a service of this kind ready, and QuestDB and all lines in order."""
        self.set_right()
        if self._setup != setup:
            self._service_stack.close()
            self._start_service(setup)
            self._setup = setup

    def set_right(self) -> None:
        """Have QuestDB running and all lines in order."""
        self.mend()
        if self._running is None:
            self.start_questdb()

    def await_drained(self) -> None:
        """Return once nothing that was taken is on its way.

        Raises:
            RuntimeError: Something is for too long.
        """
        if self._service is not None:
            port = self._service.operations_port
            wait_calm(port, timeout_s=self.scale.recovery_s_max)

    def mend(self) -> None:
        """End the faults of every line."""
        self.ilp.do(Proxy.mend)
        self.pgwire.do(Proxy.mend)
        if self._service is not None:
            self.front.do(Proxy.mend)

    def refuse_questdb(self) -> None:
        """Refuse every connection of the service to QuestDB."""
        self.ilp.do(Proxy.refuse)
        self.pgwire.do(Proxy.refuse)

    def kill_questdb(self) -> None:
        """End QuestDB with SIGKILL."""
        if self._running is not None:
            os.kill(self._running.pid, signal.SIGKILL)
        self.stop_questdb()

    def stop_questdb(self) -> None:
        """End QuestDB with SIGTERM, if it runs."""
        self._questdb.stop()
        self._running = None

    def start_questdb(self) -> None:
        """Start QuestDB again, on the same ports and data."""
        self._running = self._questdb.start()

    def start_service_again(self, *, ready: bool = True) -> None:
        """Start the service that was ended, again until it runs, as an init system would.

        Workers of a killed supervisor may hold its ports for a moment longer.
        """
        end_s = time.monotonic() + _START_AGAIN_S
        while True:
            try:
                self.service.start(ready=ready)
            except RuntimeError:
                if time.monotonic() > end_s:
                    raise
                self.service.end()
                threading.Event().wait(0.5)
            else:
                return

    def await_service(self) -> None:
        """Return once the service is ready; start it again if it ended."""
        end_s = time.monotonic() + _START_AGAIN_S
        while True:
            if not self.service.runs:
                self.start_service_again()
            try:
                self.service.await_ready()
            except RuntimeError:
                # One that was started while a dead one's processes held its ports has ended.
                if self.service.runs or time.monotonic() > end_s:
                    raise
            else:
                return

    def workers(self) -> list[int]:
        """Return the processes that serve `meter_usage`, without those that only started them."""
        found = family(self.service.pid)
        above = {self.service.pid, *(it.pid for it in found if it.parent_pid == self.service.pid)}
        below = [it.pid for it in found if it.pid not in above]
        return listeners(below, self.service.meter_usage_port)

    def kill_workers(self, rng: Random | None = None) -> None:
        """End all workers with SIGKILL, or only the one that `rng` chooses; there may be none."""
        workers = self.workers()
        for pid in [rng.choice(workers)] if rng is not None and workers else workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def kill_supervisor(self, *, ready: bool = False) -> None:
        """End the supervisor with SIGKILL and start the service again."""
        self.service.kill()
        self.start_service_again(ready=ready)

    def restart_service(self, *, ready: bool = False) -> int:
        """Stop the service as an operator does and start it again; return its exit code."""
        code = self.service.stop()
        self.start_service_again(ready=ready)
        return code

    def reload_service(self) -> None:
        """Send SIGHUP."""
        os.kill(self.service.pid, signal.SIGHUP)

    def settings_of(self, setup: Setup, **spool: Value) -> ServiceSettings:
        """Return the settings of a service for this stage."""
        return setup.settings(**spool)

    def _start_service(self, setup: Setup) -> None:
        running = self._running
        if running is None:
            raise AssertionError("QuestDB was not started")
        ports: Database = running
        if setup.proxied:
            uri = running.pg_uri.replace(f":{running.pg_port}/", f":{self.pgwire.port}/")
            ports = DatabasePorts(self.ilp.port, running.ilp_port, uri)
        self._services += 1
        directory = self.directory / f"service-{self._services}"
        directory.mkdir()
        with contextlib.ExitStack() as stack:
            disk_bytes, limits = setup.spool_disk_bytes, {}
            if disk_bytes and not stack.enter_context(small_disk(directory / "spool", disk_bytes)):
                limits["max_bytes"] = disk_bytes
            service = ServiceProcess(directory, ports, self.settings_of(setup, **limits))
            service.apply_schema()
            stack.callback(self._forget_service)
            stack.callback(service.end)
            service.start()
            self._service = service
            self.front = stack.enter_context(ProxyThread(_HOST, service.meter_usage_port))
            self._service_stack.push(stack.pop_all())

    def _forget_service(self) -> None:
        self._service = self._setup = None
