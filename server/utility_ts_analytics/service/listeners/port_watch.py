"""Asks every port of the service as a client does, and finds workers that take no connections.

Workers share a port but not a queue: the kernel picks a worker for each connection. Each round asks
as often as there are workers, so that each is met soon. An unanswered question stays in the queue
of the worker that does not accept it, where `accepting` finds it.

Runs in the operations server, and asks its port too. A worker that has no file descriptors left
cannot check anything, and exits.
"""

import asyncio
import errno
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import structlog

from utility_ts_analytics.clock import Clock
from utility_ts_analytics.service.listeners.accepting import AcceptWatch, StuckWorker
from utility_ts_analytics.service.listeners.ports import answers
from utility_ts_analytics.service.listeners.worker_sockets import WorkerSockets, read_sockets
from utility_ts_analytics.service.plans import ServerPlan
from utility_ts_analytics.service.shared_worker_state import (
    REFUSING,
    SERVING,
    WorkerId,
    WorkerState,
    note_stuck,
    read_workers,
)

PROBE_EVERY_S = 1.0
PROBE_TIMEOUT_S = 1.5
UNREADY_AFTER_S = 2.0
"""Time that connections wait for a worker with room: at least two looks."""
UNANSWERED_S = 15.0
"""A port without an answer for so long is not ready, whatever state its workers publish."""
WAITING_EVERY_S = 10.0
"""Interval while questions wait: each takes a client's place in the queue of a worker."""
_KILL_AFTER_S_MIN = 5.0
_LATE_S = 8.0
"""A round takes at most `PROBE_EVERY_S` + `PROBE_TIMEOUT_S` and a look at /proc."""

_log = structlog.get_logger("operations")


class PortWatch:
    """Watches the ports of the service. One event loop.

    Args:
        servers: All servers, operations included.
        runtime_dir: Where workers keep their state, and notes to the supervisor go.
        clock: For waits and ages.
        worker_silent_s: How long a worker may take no connections before the supervisor is asked
            to kill it, seconds; at least 5 s apply.
        give_up: Ends this process, which cannot open files any more.
    """

    def __init__(
        self,
        servers: Sequence[ServerPlan],
        runtime_dir: Path,
        clock: Clock,
        *,
        worker_silent_s: float,
        give_up: Callable[[], None] = lambda: os._exit(1),
    ) -> None:
        self._runtime_dir = runtime_dir
        self._clock = clock
        self._kill_after_s = max(worker_silent_s, _KILL_AFTER_S_MIN)
        self._give_up = give_up
        self._watched = [_WatchedPort(server) for server in servers]
        self._short_since_s: float | None = None

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            await self.look()
            await self._clock.sleep(PROBE_EVERY_S)

    async def look(self) -> None:
        """Ask every port once; bounded in time."""
        try:
            workers = [worker for worker in read_workers(self._runtime_dir) if worker.alive]
            await asyncio.gather(*(self._look_at(watched, workers) for watched in self._watched))
        except (OSError, RuntimeError) as error:  # no file, no memory, no thread
            self._note_shortage(error)
        else:
            self._short_since_s = None

    def reasons(self) -> list[str]:
        """Return one line per reason why connections are not taken; usually none."""
        now_s = self._clock.monotonic_s()
        return [reason for watched in self._watched for reason in watched.reasons(now_s)]

    async def _look_at(self, watched: "_WatchedPort", workers: Iterable[WorkerState]) -> None:
        server = watched.server
        serving = [
            worker
            for worker in workers
            if worker.stream == server.name and worker.state in (SERVING, REFUSING)
        ]
        # None: `/readyz` reports missing beats. More: a reload, and each may have other limits.
        if not 0 < len(serving) <= server.workers:
            watched.pass_over(self._clock.monotonic_s())
            return
        if watched.is_due(self._clock.monotonic_s()):
            questions = (
                answers(server.listener, tls=server.tls is not None, timeout_s=PROBE_TIMEOUT_S)
                for _ in serving
            )
            answered = await asyncio.gather(*questions)
            watched.note_answers(answered, self._clock.monotonic_s())
            if all(answered) and not watched.waited_for:
                return
        pids = [worker.pid for worker in serving]
        found = await asyncio.to_thread(read_sockets, pids, server.listener.port)
        sockets = {worker.identity: found[worker.pid] for worker in serving if worker.pid in found}
        for identity, stuck in watched.look(sockets, self._clock.monotonic_s()).items():
            if stuck.since_s > self._kill_after_s:
                note_stuck(self._runtime_dir, identity, stuck.reason)

    def _note_shortage(self, error: OSError | RuntimeError) -> None:
        now_s = self._clock.monotonic_s()
        if self._short_since_s is None:
            self._short_since_s = now_s
            _log.error("cannot ask the ports", error=str(error))
        elif not isinstance(error, OSError) or error.errno != errno.EMFILE:
            return  # the whole machine is short: a new process would not help
        elif now_s - self._short_since_s > self._kill_after_s:
            _log.critical("cannot ask the ports; the worker stops", error=str(error))
            self._give_up()


class _WatchedPort:
    """The port of one server, and the findings about its workers.

    Attributes:
        server: The server.
        waited_for: Whether connections waited for a worker at the last look.
    """

    def __init__(self, server: ServerPlan) -> None:
        self.server = server
        self.waited_for = False
        self._accepting = AcceptWatch(
            server.max_connections, tls=server.tls is not None, late_s=_LATE_S
        )
        self._stuck: Mapping[WorkerId, StuckWorker] = {}
        self._full = False
        self._asked_at_s = 0.0
        self._unanswered_since_s: float | None = None

    def is_due(self, now_s: float) -> bool:
        """Tell whether to ask now, beside looking at the connections that wait."""
        return not self.waited_for or now_s - self._asked_at_s >= WAITING_EVERY_S

    def note_answers(self, answered: Sequence[bool], now_s: float) -> None:
        """Record which questions of one round were answered."""
        self._asked_at_s = now_s
        if any(answered):
            self._unanswered_since_s = None
        elif self._unanswered_since_s is None:
            self._unanswered_since_s = now_s

    def pass_over(self, now_s: float) -> None:
        """Record that the port cannot be judged at the moment."""
        self._unanswered_since_s = None
        self.look({}, now_s)

    def look(
        self, workers: Mapping[WorkerId, WorkerSockets], now_s: float
    ) -> Mapping[WorkerId, StuckWorker]:
        """Record the sockets of the workers; return the workers that take no connections."""
        self._stuck = self._accepting.look(workers, now_s)
        self._full = bool(workers) and all(map(self._accepting.is_full, workers.values()))
        self.waited_for = any(sockets.waiting for sockets in workers.values())
        return self._stuck

    def reasons(self, now_s: float) -> list[str]:
        """Return why connections to this port are not taken."""
        name = self.server.name
        stuck = [worker for worker in self._stuck.values() if worker.since_s >= UNREADY_AFTER_S]
        if stuck:
            return [f"a worker of {name} takes no connections: {worker.reason}" for worker in stuck]
        since_s = self._unanswered_since_s
        if since_s is not None and now_s - since_s > UNANSWERED_S and not self._full:
            return [f"{name} does not answer on its port"]
        return []
