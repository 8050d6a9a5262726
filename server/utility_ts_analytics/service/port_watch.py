"""Asks every port of the service for a sign of life, as its clients would, and names who is deaf.

Workers share a port without sharing a queue: the kernel picks one for each connection. So that each
is met soon, every round asks as often as there are workers, and a question that is not answered
stays in the queue of the worker that does not take it, where `accepting` finds it.

Runs in the operations server. It asks its own port too; but a worker that has no file descriptors
left can look at nothing, and ends itself.
"""

import asyncio
import errno
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import structlog

from utility_ts_analytics.clock import Clock
from utility_ts_analytics.service.accepting import AcceptWatch, Identity, Stuck
from utility_ts_analytics.service.beacon import REFUSING, SERVING, Sign, read_signs
from utility_ts_analytics.service.port_probe import Port, answers
from utility_ts_analytics.service.stuck_notes import note_stuck
from utility_ts_analytics.service.worker_sockets import WorkerSockets, read_sockets

PROBE_EVERY_S = 1.0
PROBE_TIMEOUT_S = 1.5
UNREADY_AFTER_S = 2.0
"""Of connections that wait for a worker that has room: at least two looks."""
UNANSWERED_S = 15.0
"""Without an answer for so long a port is not ready, whatever its workers look like."""
WAITING_EVERY_S = 10.0
"""A question that waits in a worker's queue takes the place of a client's: few are asked then."""
_KILL_AFTER_S_MIN = 5.0
_LATE_S = 8.0
"""A round takes at most `PROBE_EVERY_S` + `PROBE_TIMEOUT_S` and a look at /proc."""

_log = structlog.get_logger("operations")


class PortWatch:
    """Watches the ports of the service. One event loop.

    Args:
        ports: All of them, that of operations too.
        runtime_dir: Where workers' signs are, and notes for the supervisor go.
        clock: For waits and ages.
        stuck_s_max: How long a worker may take no connections before its end is asked for,
            seconds; at least 5 s all the same.
        give_up: Ends this process, which cannot open files any more.
    """

    def __init__(
        self,
        ports: Sequence[Port],
        runtime_dir: Path,
        clock: Clock,
        *,
        stuck_s_max: float,
        give_up: Callable[[], None] = lambda: os._exit(1),
    ) -> None:
        self._runtime_dir = runtime_dir
        self._clock = clock
        self._stuck_s_max = max(stuck_s_max, _KILL_AFTER_S_MIN)
        self._give_up = give_up
        self._watched = [_WatchedPort(port) for port in ports]
        self._short_since_s: float | None = None

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            await self.look()
            await self._clock.sleep(PROBE_EVERY_S)

    async def look(self) -> None:
        """Ask every port once; bounded in time."""
        try:
            signs = [sign for sign in read_signs(self._runtime_dir) if sign.alive]
            await asyncio.gather(*(self._look_at(watched, signs) for watched in self._watched))
        except (OSError, RuntimeError) as error:  # no file, no memory, no thread
            self._note_shortage(error)
        else:
            self._short_since_s = None

    def reasons(self) -> list[str]:
        """Return one line per reason why connections are not taken; empty when all is well."""
        now_s = self._clock.monotonic_s()
        return [reason for watched in self._watched for reason in watched.reasons(now_s)]

    async def _look_at(self, watched: "_WatchedPort", signs: Iterable[Sign]) -> None:
        port = watched.port
        serving = [
            sign for sign in signs if sign.stream == port.name and sign.state in (SERVING, REFUSING)
        ]
        # None: `/readyz` says so by the beats. More: a reload, and who has which limit is unknown.
        if not 0 < len(serving) <= port.workers:
            watched.pass_over(self._clock.monotonic_s())
            return
        if watched.is_due(self._clock.monotonic_s()):
            questions = (answers(port, timeout_s=PROBE_TIMEOUT_S) for _ in serving)
            answered = await asyncio.gather(*questions)
            watched.note_answers(answered, self._clock.monotonic_s())
            if all(answered) and not watched.waited_for:
                return
        pids = [sign.pid for sign in serving]
        sockets = await asyncio.to_thread(read_sockets, pids, port.number)
        by_identity = {sign.identity: sockets[sign.pid] for sign in serving if sign.pid in sockets}
        for worker, stuck in watched.look(by_identity, self._clock.monotonic_s()).items():
            if stuck.since_s > self._stuck_s_max:
                note_stuck(self._runtime_dir, worker, stuck.reason)

    def _note_shortage(self, error: OSError | RuntimeError) -> None:
        now_s = self._clock.monotonic_s()
        if self._short_since_s is None:
            self._short_since_s = now_s
            _log.error("cannot ask the ports", error=str(error))
        elif not isinstance(error, OSError) or error.errno != errno.EMFILE:
            return  # the whole machine is short: another process would be, too
        elif now_s - self._short_since_s > self._stuck_s_max:
            _log.critical("cannot ask the ports; the worker stops", error=str(error))
            self._give_up()


class _WatchedPort:
    """One port, and what is known of its workers.

    Attributes:
        port: It.
        waited_for: Whether connections waited for a worker when they were last looked at.
    """

    def __init__(self, port: Port) -> None:
        self.port = port
        self.waited_for = False
        self._accepting = AcceptWatch(port.connections_max, tls=port.tls, late_s=_LATE_S)
        self._stuck: Mapping[Identity, Stuck] = {}
        self._full = False
        self._asked_at_s = 0.0
        self._unanswered_since_s: float | None = None

    def is_due(self, now_s: float) -> bool:
        """Tell whether to ask now, and not only to look at what waits already."""
        return not self.waited_for or now_s - self._asked_at_s >= WAITING_EVERY_S

    def note_answers(self, answered: Sequence[bool], now_s: float) -> None:
        """Note which questions of one round were answered."""
        self._asked_at_s = now_s
        if any(answered):
            self._unanswered_since_s = None
        elif self._unanswered_since_s is None:
            self._unanswered_since_s = now_s

    def pass_over(self, now_s: float) -> None:
        """Note that the port cannot be judged just now."""
        self._unanswered_since_s = None
        self.look({}, now_s)

    def look(
        self, workers: Mapping[Identity, WorkerSockets], now_s: float
    ) -> Mapping[Identity, Stuck]:
        """Note how the workers are; return those that take no connections."""
        self._stuck = self._accepting.look(workers, now_s)
        self._full = bool(workers) and all(map(self._accepting.is_full, workers.values()))
        self.waited_for = any(sockets.waiting for sockets in workers.values())
        return self._stuck

    def reasons(self, now_s: float) -> list[str]:
        """Return why connections to this port are not taken."""
        name = self.port.name
        stuck = [it.reason for it in self._stuck.values() if it.since_s >= UNREADY_AFTER_S]
        if stuck:
            return [f"a worker of {name} takes no connections: {reason}" for reason in stuck]
        since_s = self._unanswered_since_s
        if since_s is not None and now_s - since_s > UNANSWERED_S and not self._full:
            return [f"{name} does not answer on its port"]
        return []
