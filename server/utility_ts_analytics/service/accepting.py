"""Which workers could take connections and do not. Pure policy, no processes.

A worker that has all its `max_connections` takes no more: that is the design, and connections wait
in the kernel. It is told from one that cannot go on by what it holds.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from utility_ts_analytics.service.worker_sockets import WorkerSockets

Identity = tuple[int, int]
"""Process ids of a worker's server and of the worker: `Sign.identity`."""

_FILES_SPARE = 8
"""Descriptors that come and go while a worker is at its limit."""


@dataclass(frozen=True, slots=True)
class Stuck:
    """A worker that takes no connections.

    Attributes:
        since_s: For how long at least, seconds.
        reason: What it was seen by.
    """

    since_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class _Suspect:
    from_s: float
    connections: frozenset[int]


class AcceptWatch:
    """Follows the workers of one port.

    With its descriptors used up, a worker that speaks plain HTTP takes connections as others end:
    it is full. One that speaks TLS is lost: Granian looks at unfinished handshakes, also those that
    timed out, only once it has accepted all that wait (docs/decisions/0026).

    Args:
        connections_max: What a worker takes by its configuration; with fewer it has room.
        tls: Whether the port speaks TLS.
        late_s: Time between two looks, seconds, after which the watch itself stood still: every
            worker then gets its whole patience anew.
    """

    def __init__(self, connections_max: int, *, tls: bool, late_s: float) -> None:
        self._connections_max = connections_max
        self._tls = tls
        self._late_s = late_s
        self._looked_at_s = 0.0
        self._suspects: dict[Identity, _Suspect] = {}

    def look(
        self, workers: Mapping[Identity, WorkerSockets], now_s: float
    ) -> dict[Identity, Stuck]:
        """Return the workers that have not accepted for a while, with what they could.

        Args:
            workers: All workers of the port that serve.
            now_s: Monotonic time, seconds.
        """
        if now_s - self._looked_at_s > self._late_s:
            self._suspects.clear()
        self._looked_at_s = now_s
        before, self._suspects = self._suspects, {}
        stuck = {}
        for identity, sockets in workers.items():
            reason = self._reason(sockets)
            if reason is None:
                continue
            suspect = before.get(identity)
            if suspect is None or self._went_on(suspect, sockets):
                suspect = _Suspect(now_s, sockets.connections)
            else:
                stuck[identity] = Stuck(now_s - suspect.from_s, reason)
            self._suspects[identity] = suspect
        return stuck

    def is_full(self, sockets: WorkerSockets) -> bool:
        """Tell whether a worker has all the connections that it may have."""
        if _out_of_files(sockets):
            return not self._tls
        return len(sockets.connections) >= self._connections_max

    def _reason(self, sockets: WorkerSockets) -> str | None:
        if not sockets.listens:
            return "it does not listen"
        if not sockets.waiting or self.is_full(sockets):
            return None
        if _out_of_files(sockets):
            return f"all its {sockets.open_files_max} file descriptors are in use"
        return f"it has {len(sockets.connections)} connections and lets others wait"

    def _went_on(self, suspect: _Suspect, sockets: WorkerSockets) -> bool:
        """Tell whether a worker has accepted connections and may still finish their handshakes."""
        accepted = sockets.connections - suspect.connections
        return bool(accepted) and not (self._tls and _out_of_files(sockets))


def _out_of_files(sockets: WorkerSockets) -> bool:
    return sockets.open_files >= sockets.open_files_max - _FILES_SPARE
