"""The process that owns all others: starts, restarts, reloads and stops servers, and reports.

One child per server (a stream, or operations); each child forks its own workers: a Granian, or a
`worker_group` where the work comes from the log.
The supervisor does no I/O of its own. Its only threads belong to the log, and hold nothing that a
forked child needs (`telemetry.log_relay`), so that forking is safe.
"""

import os
import shutil
import signal
import socket
from collections.abc import Callable, Iterable, Sequence
from multiprocessing.connection import wait as wait_for_any
from multiprocessing.context import ForkProcess
from pathlib import Path
from types import FrameType

import structlog

from utility_ts_analytics.clock import Clock
from utility_ts_analytics.errors import EXIT_CRASH_LOOP, EXIT_FAILED, EXIT_OK, OperatorError
from utility_ts_analytics.owned_folder import make_owned_folder
from utility_ts_analytics.service.child_process import SUPERVISOR_SIGNALS, start_child
from utility_ts_analytics.service.generations import STOP_MARGIN_S, Generations
from utility_ts_analytics.service.hang_watchdog import HangWatchdog
from utility_ts_analytics.service.listeners.ports import claim_or_raise
from utility_ts_analytics.service.plans import ProcessPlan, ServicePlan
from utility_ts_analytics.service.reload import LoadPlan, Reloads
from utility_ts_analytics.service.server_process import ServerProcess
from utility_ts_analytics.service.service_manager import ServiceManager
from utility_ts_analytics.service.shared_worker_state import (
    STATE_NAMES,
    WorkerState,
    note_start,
    read_workers,
    take_stuck,
)
from utility_ts_analytics.service.worker_totals import (
    WorkerDeaths,
    add_dead_workers,
    undelivered_rows,
)
from utility_ts_analytics.telemetry.logs import report_left_out

_TICK_S = 0.5

_log = structlog.get_logger("supervisor")


class Supervisor:
    """Runs a set of servers until told to stop.

    Args:
        plan: What to run.
        load: Reads the plan again on SIGHUP; None ignores the signal.
        clock: For waits and beats.
        manager: The service manager to notify; by default none.
    """

    def __init__(
        self,
        plan: ServicePlan,
        *,
        load: LoadPlan | None,
        clock: Clock,
        manager: ServiceManager | None = None,
    ) -> None:
        self._plan = plan
        self._clock = clock
        self._manager = manager or ServiceManager({}, clock)
        self._stop_requested = False
        self._exit_code = EXIT_OK
        self._guards: list[socket.socket] = []
        self._runtime_dir = Path()
        self._servers: list[Generations] = []
        self._reloads = Reloads(plan, self._servers, load=load, clock=clock)
        self._watchdog = HangWatchdog(clock.monotonic_s())
        self._worker_deaths = WorkerDeaths()
        self._companion: ForkProcess | None = None

    def run(self, companion: Callable[[], int] | None = None, *, once: bool = False) -> int:
        """Serve until SIGTERM, SIGINT, a crash loop, or, with `once`, the end of the companion.

        Args:
            companion: Work for a process of its own while the servers run; returns its exit code.
            once: Stop when the companion ends, with its exit code.

        Returns:
            The exit code of CONTRACT section 2.

        Raises:
            OperatorError: An address is taken, or there is no room for a temporary folder;
                nothing was started then.
        """
        self._guards = [claim_or_raise(listener) for listener in self._plan.listeners]
        self._runtime_dir = _runtime_folder()
        note_start(self._runtime_dir, self._clock.monotonic_s())
        self._servers += [
            Generations(server, start=self._start_server, clock=self._clock)
            for server in self._plan.servers
        ]
        previous = {name: signal.signal(name, self._on_signal) for name in SUPERVISOR_SIGNALS}
        try:
            if companion is not None:
                self._companion = start_child(companion)
            while not self._stop_requested:
                self._tick(once=once)
        finally:
            self._shutdown()
            for name, handler in previous.items():
                signal.signal(name, handler)
        return self._exit_code

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            self._reloads.request()
        else:
            self._stop_requested = True

    def _tick(self, *, once: bool) -> None:
        for server in self._servers:
            server.start_if_due()
        children = [*self._processes(), self._companion]
        wait_for_any([child.sentinel for child in children if child is not None], timeout=_TICK_S)
        workers = list(read_workers(self._runtime_dir))
        dead = [worker for worker in workers if not worker.alive]
        self._report_deaths(dead)
        self._kill_unresponsive(workers)
        self._look_after_servers(workers)
        if not self._stop_requested:
            self._reloads.look_after(workers)
            serving = all(server.serves(workers) for server in self._servers)
            self._manager.look(serving=serving, reloading=self._reloads.under_way)
        self._add_to_totals(dead)
        self._look_after_companion(once=once)
        report_left_out()

    def _start_server(self, plan: ProcessPlan) -> ServerProcess:
        return ServerProcess(plan, self._runtime_dir, now_s=self._clock.monotonic_s())

    def _processes(self) -> list[ServerProcess]:
        return [process for server in self._servers for process in server.processes]

    def _add_to_totals(self, dead: Sequence[WorkerState]) -> None:
        """Keep the counts of dead workers. Last in a tick: this removes their state."""
        try:
            add_dead_workers(self._runtime_dir, dead)
        except OSError as error:
            _log.error("cannot sum up ended workers; trying again", error=str(error))

    def _report_deaths(self, dead: Sequence[WorkerState]) -> None:
        for worker in self._worker_deaths.find(dead, read_workers(self._runtime_dir)):
            _log.error(
                "a worker died", stream=worker.stream, pid=worker.pid, lost_rows=worker.held_rows
            )

    def _kill_unresponsive(self, workers: Sequence[WorkerState]) -> None:
        """Kill the workers that hang or take no connections; they obey no other signal."""
        # Only of running servers: the session id of one that has ended may be reused.
        ours = [worker for process in self._processes() for worker in process.own_workers(workers)]
        worker_silent_s = self._reloads.plan.worker_silent_s
        for hung in self._watchdog.find(ours, self._clock.monotonic_s(), worker_silent_s):
            silent_s, state = round(hung.silent_s, 1), STATE_NAMES[hung.worker.state]
            _kill(hung.worker, "worker unresponsive; killing it", silent_s=silent_s, state=state)
        notes = take_stuck(self._runtime_dir)
        for worker in ours:
            reason = notes.get(worker.identity)
            if reason is not None:
                _kill(worker, "a worker takes no connections and is killed", reason=reason)

    def _look_after_servers(self, workers: Iterable[WorkerState]) -> None:
        for server in self._servers:
            if not server.look_after(workers):
                self._exit_code = EXIT_CRASH_LOOP
                self._stop_requested = True
                return

    def _look_after_companion(self, *, once: bool) -> None:
        if self._companion is None or self._companion.is_alive():
            return
        code = self._companion.exitcode
        self._companion = None
        if code and not self._stop_requested:
            self._exit_code = EXIT_FAILED
        if once or code:
            self._stop_requested = True

    def _shutdown(self) -> None:
        """Stop all generations of all servers with one deadline, kill what is left, report."""
        self._manager.stopping()
        before = [worker for worker in read_workers(self._runtime_dir) if worker.alive]
        processes = self._processes()
        drain_timeout_s = max((process.drain_timeout_s for process in processes), default=0)
        deadline_s = self._clock.monotonic_s() + drain_timeout_s + STOP_MARGIN_S
        if self._companion is not None:
            self._companion.terminate()
        for process in processes:
            process.stop()
        for process in processes:
            if not self._joined(process, deadline_s):
                _log.error("a process did not stop in time and is killed", pid=process.pid)
            process.kill(read_workers(self._runtime_dir))  # also workers that it left behind
        if self._companion is not None:
            self._companion.join(max(0.0, deadline_s - self._clock.monotonic_s()))
            self._companion.kill()
            self._companion.join()
        self._report_undelivered(before)
        shutil.rmtree(self._runtime_dir, ignore_errors=True)
        for guard in self._guards:
            guard.close()
        self._manager.close()

    def _joined(self, process: ServerProcess, deadline_s: float) -> bool:
        """Wait for the end of a server; return False if it is still running at the deadline."""
        while True:
            self._manager.beat()
            left_s = max(0.0, deadline_s - self._clock.monotonic_s())
            if process.join(min(left_s, _TICK_S)):
                return True
            if not left_s:
                return False

    def _report_undelivered(self, before: Iterable[WorkerState]) -> None:
        for rows in undelivered_rows(before, read_workers(self._runtime_dir)):
            _log.error(
                "rows were not delivered before the stop",
                stream=rows.stream,
                lost_rows=rows.lost_rows,
                given_back_rows=rows.given_back_rows,
                note='none of them was acknowledged, unless ack = "enqueued"',
            )


def _kill(worker: WorkerState, event: str, **facts: object) -> None:
    if worker.alive:  # checked right before the signal: process ids are reused
        _log.error(event, stream=worker.stream, pid=worker.pid, **facts)
        os.kill(worker.pid, signal.SIGKILL)


def _runtime_folder() -> Path:
    try:
        return make_owned_folder("ingestion-service-")
    except OSError as error:
        raise OperatorError(
            f"cannot make a temporary folder: {error.strerror}; make room, or set TMPDIR to a "
            "folder that the service's user can write to"
        ) from error
