"""Limits on connections: the open files that a worker needs, and a bound on TLS handshakes.

Granian counts a connection only once its handshake is done. Unfinished ones are bounded by nothing
but the limit on open files, get 10 s each, and once they have used up the files Granian cannot
recover (docs/decisions/0026). So the worker itself closes those that are too many, oldest first: an
honest client is through within a few round trips, a flood makes its own connections the oldest.
"""

import asyncio
import contextlib
import errno
import os
import resource
import socket
import stat
from collections.abc import Awaitable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import structlog

from utility_ts_analytics.asgi.protocol import AsgiApp, Receive, Scope, Send
from utility_ts_analytics.clock import Clock

NEWCOMERS_MAX = 2048
"""Connections without a request yet; above it the oldest are closed at any age."""
CROWD = 256
"""So many newcomers may stay until Granian's own timeout closes them."""
PATIENCE_S = 3.0
"""Time that a newcomer has even in a crowd: a handshake and a head are three round trips."""
LOOK_EVERY_S = 0.2
_HEADROOM_FILES = 2 * NEWCOMERS_MAX
"""Open files for newcomers: as many again may come between two looks."""
_OTHER_FILES = 512
"""Open files besides connections: of the process itself, QuestDB, logs, and a reserve."""
_NOTED_MAX = 4_096
"""Clients that sent requests; above it a look forgets those that have gone."""

Client = tuple[str, str]
"""IP address and port, as in the ASGI scope under Granian."""

_log = structlog.get_logger("worker")


def files_needed(max_connections: int, *, tls: bool) -> int:
    """Return the open files that a worker needs; with TLS also for unfinished handshakes."""
    return max_connections + _OTHER_FILES + (_HEADROOM_FILES if tls else 0)


def raise_open_files_limit(files: int) -> None:
    """Raise the soft limit on open files to `files`, as far as the hard limit allows.

    Children inherit it. Never lowers it.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= files:
        return
    wanted = files if hard == resource.RLIM_INFINITY else min(files, hard)
    if wanted > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@dataclass(slots=True)
class _Connection:
    descriptor: int
    inode: int
    client: Client | None
    since_s: float
    is_newcomer: bool


class HandshakeBound:
    """An application behind TLS that bounds the unfinished handshakes of its server.

    Args:
        app: Gets every scope.
        port: The port that this process listens on.
        clock: For waits and ages.
    """

    def __init__(self, app: AsgiApp, port: int, clock: Clock) -> None:
        self._app = app
        self._port = port
        self._clock = clock
        self._noted: set[Client] = set()
        self._noted_before: set[Client] = set()
        self._sockets: dict[int, _Connection] = {}
        self._settled = 0

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one connection scope."""
        if scope["type"] == "lifespan":
            return self._live(scope, receive, send)
        if scope["client"] is not None:
            self._noted.add(tuple(scope["client"]))
        return self._app(scope, receive, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        task = asyncio.create_task(self._run())
        try:
            await self._app(scope, receive, send)
        finally:
            task.cancel()

    async def _run(self) -> None:
        while True:
            await self._clock.sleep(LOOK_EVERY_S)
            # Without a free file or thread nothing can be done here; `port_watch` notices it.
            with contextlib.suppress(OSError, RuntimeError):
                if self._is_crowded():
                    await asyncio.to_thread(self.look)

    def _is_crowded(self) -> bool:
        # Takes 10 us with 30 open files, 1 ms with 4,000.
        count = len(_descriptors())
        self._settled = min(self._settled, count)
        return count - self._settled > CROWD or len(self._noted) > _NOTED_MAX

    def look(self) -> int:
        """Close the newcomers that are too many; return how many.

        Not for the event loop: takes 1 ms per 1,000 connections, more for new ones.

        Raises:
            OSError: This process cannot open another file.
        """
        noted, self._noted = self._noted, set()
        try:
            return self._look(noted, self._clock.monotonic_s())
        except OSError:
            self._noted.update(noted)  # for the next look
            raise

    def _look(self, noted: set[Client], now_s: float) -> int:
        newcomers = []
        sockets = {}
        descriptors = _descriptors()
        for inode, descriptor in _sockets_among(descriptors):
            connection = self._sockets.get(inode) or self._new_connection(descriptor, inode, now_s)
            sockets[inode] = connection
            if not connection.is_newcomer:
                continue
            if connection.client in noted or connection.client in self._noted_before:
                connection.is_newcomer = False
            else:
                newcomers.append(connection)
        self._sockets, self._noted_before = sockets, noted
        self._settled = len(descriptors) - len(newcomers)
        too_many = list(_too_many(newcomers, now_s))
        for connection in too_many:
            _end(connection)
            connection.is_newcomer = False  # the server closes it, at the latest when it has room
        if too_many:
            _log.warning(
                "connections without a request are ended: too many TLS handshakes at a time",
                ended=len(too_many),
                newcomers=len(newcomers),
            )
        return len(too_many)

    def _new_connection(self, descriptor: int, inode: int, now_s: float) -> _Connection:
        client = _client_of(descriptor, inode, self._port)
        return _Connection(descriptor, inode, client, now_s, client is not None)


def _descriptors() -> Sequence[str]:
    return os.listdir("/proc/self/fd")  # noqa: PTH208  a Path per descriptor takes five times as long


def _too_many(newcomers: Sequence[_Connection], now_s: float) -> Iterator[_Connection]:
    left = len(newcomers)
    for connection in sorted(newcomers, key=lambda newcomer: newcomer.since_s):
        overdue = now_s - connection.since_s >= PATIENCE_S
        if left > NEWCOMERS_MAX or (left > CROWD and overdue):
            left -= 1
            yield connection


def _sockets_among(descriptors: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Yield inode and descriptor of those that are sockets."""
    for name in descriptors:
        try:
            found = os.fstat(int(name))
        except OSError:  # closed in between
            continue
        if stat.S_ISSOCK(found.st_mode):
            yield found.st_ino, int(name)


def _client_of(descriptor: int, inode: int, port: int) -> Client | None:
    """Return the client of a connection to the port; None if the socket is none."""
    with _held(descriptor, inode) as connection:
        if connection is None or connection.family not in (socket.AF_INET, socket.AF_INET6):
            return None
        try:
            if connection.getsockname()[1] != port:
                return None
            host, number = connection.getpeername()[:2]
        except OSError:  # it listens, or the client has gone
            return None
        return str(host).partition("%")[0], str(number)


def _end(connection: _Connection) -> None:
    """Shut a connection down; the server then finds its end and closes it."""
    with _held(connection.descriptor, connection.inode) as held:
        if held is not None:
            with contextlib.suppress(OSError):  # the client has gone
                held.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def _held(descriptor: int, inode: int) -> Iterator[socket.socket | None]:
    """Yield a socket of the server by a duplicate descriptor; None if it was replaced since."""
    try:
        own = os.dup(descriptor)
    except OSError as error:
        if error.errno == errno.EBADF:
            yield None
            return
        raise
    if os.fstat(own).st_ino != inode:
        os.close(own)
        yield None
        return
    with socket.socket(fileno=own) as held:
        yield held
