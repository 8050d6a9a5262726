"""The one process that owns the others: starts them, replaces them, stops them, reports.

One child per server (a stream, or operations); each child is a Granian that forks its own workers.
The supervisor does no I/O of its own. Its only threads are the log's, which hold nothing that a
forked child needs (`telemetry.log_relay`), so that forking is safe.
"""

import os
import shutil
import signal
import socket
from collections.abc import Callable, Iterable
from multiprocessing.connection import wait as wait_for_any
from multiprocessing.context import ForkProcess
from pathlib import Path
from types import FrameType

import structlog

from utility_ts_analytics.clock import Clock
from utility_ts_analytics.errors import EXIT_CRASH_LOOP, EXIT_FAILED, EXIT_OK, OperatorError
from utility_ts_analytics.owned_folder import make_owned_folder
from utility_ts_analytics.service.beacon import STATE_NAMES, Sign, note_start, read_signs
from utility_ts_analytics.service.child import SUPERVISOR_SIGNALS, start_child
from utility_ts_analytics.service.departed import fold
from utility_ts_analytics.service.generations import STOP_MARGIN_S, Generations
from utility_ts_analytics.service.plans import ServerPlan, ServicePlan
from utility_ts_analytics.service.ports import claim_or_raise
from utility_ts_analytics.service.reload import LoadPlan, Reloads
from utility_ts_analytics.service.server_process import ServerProcess
from utility_ts_analytics.service.service_manager import ServiceManager
from utility_ts_analytics.service.silence import SilenceWatch
from utility_ts_analytics.service.stuck_notes import take_stuck
from utility_ts_analytics.service.undelivered import WorkerEnds, undelivered
from utility_ts_analytics.telemetry.logs import report_left_out

_TICK_S = 0.5

_log = structlog.get_logger("supervisor")


class Supervisor:
    """Runs a set of servers until told to stop.

    Args:
        plan: What to run.
        load: Reads the plan again on SIGHUP; None ignores the signal.
        clock: For waits and beats.
        manager: Who started the service and wants to know how it is; None where nobody does.
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
        self._silence = SilenceWatch(clock.monotonic_s())
        self._worker_ends = WorkerEnds()
        self._companion: ForkProcess | None = None

    def run(self, companion: Callable[[], int] | None = None, *, once: bool = False) -> int:
        """Serve until SIGTERM, SIGINT, a crash loop, or, with `once`, the companion's end.

        Args:
            companion: Work to do in a process of its own while the servers run; its return value
                is its exit code.
            once: Stop when the companion ends, with its exit code.

        Returns:
            The exit code of CONTRACT section 2.

        Raises:
            OperatorError: An address is taken, or there is no room for a temporary folder;
                nothing was started then.
        """
        self._guards = [claim_or_raise(server.listener) for server in self._plan.servers]
        self._runtime_dir = _runtime_folder()
        note_start(self._runtime_dir, self._clock.monotonic_s())
        self._servers += [
            Generations(
                server,
                drain_timeout_s=self._plan.drain_timeout_s,
                start=self._start_server,
                clock=self._clock,
            )
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
            self._reloads.ask()
        else:
            self._stop_requested = True

    def _tick(self, *, once: bool) -> None:
        for server in self._servers:
            server.start_if_due()
        children = [*self._processes(), self._companion]
        wait_for_any([child.sentinel for child in children if child is not None], timeout=_TICK_S)
        signs = list(read_signs(self._runtime_dir))
        dead = [sign for sign in signs if not sign.alive]
        self._look_after_workers(signs, dead)
        self._look_after_servers(signs)
        if not self._stop_requested:
            self._reloads.look_after(signs)
            serving = all(server.serves(signs) for server in self._servers)
            self._manager.look(serving=serving, reloading=self._reloads.under_way)
        self._fold(dead)
        self._look_after_companion(once=once)
        report_left_out()

    def _start_server(self, plan: ServerPlan, drain_timeout_s: int) -> ServerProcess:
        return ServerProcess(
            plan,
            self._runtime_dir,
            drain_timeout_s=drain_timeout_s,
            now_s=self._clock.monotonic_s(),
        )

    def _processes(self) -> list[ServerProcess]:
        return [process for server in self._servers for process in server.processes]

    def _fold(self, dead: list[Sign]) -> None:
        """Keep what the dead have counted; every sign of theirs has been looked at by now."""
        try:
            fold(self._runtime_dir, dead)
        except OSError as error:
            _log.error("cannot sum up ended workers; trying again", error=str(error))

    def _look_after_workers(self, signs: list[Sign], dead: list[Sign]) -> None:
        for sign in self._worker_ends.look(dead, read_signs(self._runtime_dir)):
            _log.error("a worker died", stream=sign.stream, pid=sign.pid, lost_rows=sign.held_rows)
        # A session's id may be used again once its server has ended: only those that run count.
        ours = [sign for process in self._processes() for sign in process.signs(signs)]
        silent_s_max = self._reloads.plan.worker_silent_s
        for silent in self._silence.look(ours, self._clock.monotonic_s(), silent_s_max):
            sign = silent.sign
            if not sign.alive:  # asked again right before the signal: ids are reused
                continue
            _log.error(
                "a worker stands still and is killed",
                stream=sign.stream,
                pid=sign.pid,
                silent_s=round(silent.silent_s, 1),
                state=STATE_NAMES[sign.state],
            )
            os.kill(sign.pid, signal.SIGKILL)
        self._end_stuck(ours)

    def _end_stuck(self, workers: Iterable[Sign]) -> None:
        """Kill the workers that take no connections: they heed no other signal either."""
        notes = take_stuck(self._runtime_dir)
        for sign in workers:
            reason = notes.get(sign.identity)
            if reason is not None and sign.alive:
                _log.error(
                    "a worker takes no connections and is killed",
                    stream=sign.stream,
                    pid=sign.pid,
                    reason=reason,
                )
                os.kill(sign.pid, signal.SIGKILL)

    def _look_after_servers(self, signs: Iterable[Sign]) -> None:
        for server in self._servers:
            if server.look_after(signs) is not None:
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
        """Stop every generation of everything, with one deadline, then kill; report."""
        self._manager.stopping()
        before = [sign for sign in read_signs(self._runtime_dir) if sign.alive]
        processes = self._processes()
        drain_s = max((process.drain_timeout_s for process in processes), default=0)
        deadline_s = self._clock.monotonic_s() + drain_s + STOP_MARGIN_S
        if self._companion is not None:
            self._companion.terminate()
        for process in processes:
            process.stop()
        for process in processes:
            if not self._joined(process, deadline_s):
                _log.error("a process did not stop in time and is killed", pid=process.pid)
            process.kill(read_signs(self._runtime_dir))  # also workers that it left behind
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
        """Wait for the end of a server until the deadline; tell whether it came in time."""
        while True:
            self._manager.beat()
            left_s = max(0.0, deadline_s - self._clock.monotonic_s())
            if process.join(min(left_s, _TICK_S)):
                return True
            if not left_s:
                return False

    def _report_undelivered(self, before: Iterable[Sign]) -> None:
        for rows in undelivered(before, read_signs(self._runtime_dir)):
            _log.error(
                "rows were not delivered before the stop",
                stream=rows.stream,
                lost_rows=rows.lost_rows,
                given_back_rows=rows.given_back_rows,
                note='none of them was acknowledged, unless ack = "enqueued"',
            )


def _runtime_folder() -> Path:
    try:
        return make_owned_folder("ingestion-service-")
    except OSError as error:
        raise OperatorError(
            f"cannot make a temporary folder: {error.strerror}; make room, or set TMPDIR to a "
            "folder that the service's user can write to"
        ) from error
