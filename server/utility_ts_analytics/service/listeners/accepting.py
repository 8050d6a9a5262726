"""Finds workers that could accept connections and do not. Pure policy.

A worker with all its `max_connections` accepts no more by design; new connections wait in the
kernel. Its open connections tell a full worker from one that is stuck.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from utility_ts_analytics.service.listeners.worker_sockets import WorkerSockets
from utility_ts_analytics.service.shared_worker_state import WorkerId

_FILES_SPARE = 8
"""Free descriptors that a worker at its limit may still have at a given moment."""


@dataclass(frozen=True, slots=True)
class StuckWorker:
    """A worker that takes no connections.

    Attributes:
        since_s: For how long at least, seconds.
        reason: The evidence, as the rest of a sentence.
    """

    since_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class _Suspect:
    from_s: float
    connections: frozenset[int]


class AcceptWatch:
    """Follows the workers of one port.

    A worker that has used up its descriptors is full if it speaks plain HTTP: it accepts a
    connection when another ends. With TLS it is stuck: Granian handles unfinished handshakes, even
    those that timed out, only once it has accepted every waiting connection (docs/decisions/0026).

    Args:
        max_connections: Of a worker; one with fewer has room.
        tls: Whether the port speaks TLS.
        late_s: If two looks are further apart, seconds, the watch itself was suspended: every
            worker's time starts again.
    """

    def __init__(self, max_connections: int, *, tls: bool, late_s: float) -> None:
        self._max_connections = max_connections
        self._tls = tls
        self._late_s = late_s
        self._looked_at_s = 0.0
        self._suspects: dict[WorkerId, _Suspect] = {}

    def look(
        self, workers: Mapping[WorkerId, WorkerSockets], now_s: float
    ) -> dict[WorkerId, StuckWorker]:
        """Return the workers that have not accepted waiting connections since an earlier look.

        Args:
            workers: All serving workers of the port.
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
            if suspect is None or self._has_accepted(suspect, sockets):
                suspect = _Suspect(now_s, sockets.connections)
            else:
                stuck[identity] = StuckWorker(now_s - suspect.from_s, reason)
            self._suspects[identity] = suspect
        return stuck

    def is_full(self, sockets: WorkerSockets) -> bool:
        """Tell whether a worker has as many connections as it may have."""
        if _out_of_files(sockets):
            return not self._tls
        return len(sockets.connections) >= self._max_connections

    def _reason(self, sockets: WorkerSockets) -> str | None:
        if not sockets.listens:
            return "it does not listen"
        if not sockets.waiting or self.is_full(sockets):
            return None
        if _out_of_files(sockets):
            return f"all its {sockets.open_files_max} file descriptors are in use"
        return f"it has {len(sockets.connections)} connections and lets others wait"

    def _has_accepted(self, suspect: _Suspect, sockets: WorkerSockets) -> bool:
        """Tell whether a worker has accepted connections and can still finish their handshakes."""
        accepted = sockets.connections - suspect.connections
        return bool(accepted) and not (self._tls and _out_of_files(sockets))


def _out_of_files(sockets: WorkerSockets) -> bool:
    return sockets.open_files >= sockets.open_files_max - _FILES_SPARE
