"""One generation of one server: a Granian in a child process, with the workers that it forks."""

import contextlib
import errno
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Iterable
from pathlib import Path
from typing import Final

import structlog

from utility_ts_analytics.asgi.types import AsgiApp, Message, Receive, Scope, Send
from utility_ts_analytics.clock import SystemClock
from utility_ts_analytics.service import http_server
from utility_ts_analytics.service.beacon import REFUSING, SERVING, Sign
from utility_ts_analytics.service.child import start_child
from utility_ts_analytics.service.handshakes import HandshakeBound
from utility_ts_analytics.service.last_words import LastWords, how_it_ended
from utility_ts_analytics.service.orphans import stop_with_parent
from utility_ts_analytics.service.plans import ServerPlan
from utility_ts_analytics.service.standard_files import STDOUT_FD
from utility_ts_analytics.telemetry.log_stream import STDERR_FD

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_NO_ROOM_RETRY_S: Final = 5.0

_log = structlog.get_logger("server")


class ServerProcess:
    """A running server. Starts when made.

    Args:
        plan: What to run.
        runtime_dir: Where its workers leave their signs.
        drain_timeout_s: How long its requests may take to end, seconds.
        now_s: Monotonic time, seconds.
    """

    def __init__(
        self, plan: ServerPlan, runtime_dir: Path, *, drain_timeout_s: int, now_s: float
    ) -> None:
        self.name = plan.name
        self.drain_timeout_s = drain_timeout_s
        self._workers = plan.workers
        self._started_at_s = now_s
        self._first_beats_s: dict[int, float] = {}
        self._served = False
        words = self._words = LastWords()
        self._process = start_child(lambda: _serve(plan, runtime_dir, drain_timeout_s, words))
        assert self._process.pid is not None  # noqa: S101  for the type checker
        self.pid: int = self._process.pid

    @property
    def sentinel(self) -> int:
        """What `multiprocessing.connection.wait` takes; ready once all its processes ended."""
        return self._process.sentinel

    @property
    def exit_code(self) -> int | None:
        """How the server ended; None while it runs. Its workers may outlive it by a moment."""
        return self._process.exitcode

    @property
    def last_error(self) -> str:
        """What its last worker or the server itself said of its end; empty while all is well."""
        code = self.exit_code
        return self._words.read() or ("" if code is None else how_it_ended(code))

    def signs(self, signs: Iterable[Sign]) -> list[Sign]:
        """Pick the signs of its living workers from those of all workers."""
        return [sign for sign in signs if sign.server_pid == self.pid and sign.alive]

    def has_served(self, signs: Iterable[Sign]) -> bool:
        """Tell whether any of its workers, dead ones included, served at any time.

        To be asked again and again: the signs of the dead do not stay.
        """
        self._served = self._served or any(
            sign.server_pid == self.pid
            and sign.state >= REFUSING
            and sign.beat_s >= self._started_at_s  # an earlier server may have had its process id
            for sign in signs
        )
        return self._served

    def serves(self, signs: Iterable[Sign]) -> bool:
        """Tell whether all its workers take connections; to be asked again and again.

        A worker says that it serves just before it listens, and beats again only after that: so
        a second beat is waited for.
        """
        ready = 0
        for sign in self.signs(signs):
            if sign.state in (REFUSING, SERVING):
                ready += sign.beat_s > self._first_beats_s.setdefault(sign.pid, sign.beat_s)
        return ready >= self._workers

    def stop(self) -> None:
        """Begin to stop: requests end within the drain limit, new ones are refused."""
        self._process.terminate()

    def hand_over(self) -> None:
        """Begin to stop while another generation serves the port: no request is refused."""
        _signal(self.pid, http_server.HANDOVER_SIGNAL)

    def orphaned(self, signs: Iterable[Sign]) -> bool:
        """Tell whether the server ended before its workers, and have these end too.

        The kernel has sent them SIGTERM; that sets no limit to their uploads, this signal does.
        """
        workers = self.signs(signs)
        for sign in workers:
            _signal(sign.pid, http_server.DRAIN_SIGNAL)
        return bool(workers)

    def ended(self, signs: Iterable[Sign]) -> bool:
        """Tell whether the server and all its workers have ended."""
        return self.exit_code is not None and not self.signs(signs)

    def join(self, timeout_s: float) -> bool:
        """Wait for the end of the server; tell whether it came in time."""
        self._process.join(timeout_s)
        return self.exit_code is not None

    def kill(self, signs: Iterable[Sign]) -> None:
        """End the server and all its workers at once.

        Args:
            signs: Of all workers; those of this server are killed one by one if it has ended.
        """
        if self.exit_code is None:  # not reaped yet, so the process group is its own
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self._process.kill()
            self._process.join()
        for sign in self.signs(signs):
            _signal(sign.pid, signal.SIGKILL)


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _serve(
    plan: ServerPlan, runtime_dir: Path, drain_timeout_s: int, words: LastWords
) -> int | None:
    """Be one server: the body of a child process."""
    own_pid = os.getpid()
    # Granian logs to standard output, which the log's relay does not stand in front of.
    os.dup2(STDERR_FD, STDOUT_FD)
    sys.stdout = sys.stderr

    def make_app() -> AsgiApp:
        # Granian's handlers come with the fork and would only note a signal for the server.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(http_server.DRAIN_SIGNAL, signal.SIG_IGN)
        stop_with_parent(own_pid)
        try:
            app = _heard(make_when_there_is_room(plan, runtime_dir), words)
        except Exception as error:
            words.say(f"{type(error).__name__}: {error}")
            raise
        if plan.tls is None:
            return app
        return HandshakeBound(app, plan.listener.port, SystemClock())

    http_server.serve(
        make_app,
        host=plan.listener.host,
        port=plan.listener.port,
        workers=plan.workers,
        connections_max=plan.connections_max,
        tls=plan.tls,
        drain_timeout_s=drain_timeout_s,
        on_worker_death=lambda code: words.say(words.read() or f"a worker: {how_it_ended(code)}"),
    )
    return None


def make_when_there_is_room(
    plan: ServerPlan, runtime_dir: Path, *, retry_s: float = _NO_ROOM_RETRY_S
) -> AsgiApp:
    """Make an application; waits while the disk of the runtime folder is full.

    A worker that died for that again and again would end the service, and with it the workers that
    serve.
    """
    while True:
        try:
            return plan.make_app(runtime_dir)
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            reason = error.strerror
        _log.error("a worker cannot start; trying again", server=plan.name, reason=reason)
        threading.Event().wait(retry_s)


def _heard(app: AsgiApp, words: LastWords) -> AsgiApp:
    """Return `app`, with the reason why its startup failed kept as last words."""

    def listening(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "lifespan":
            return app(scope, receive, send)

        async def send_and_note(message: Message) -> None:
            if message["type"] == "lifespan.startup.failed":
                words.say(f"startup failed: {message['message']}")
            elif message["type"] == "lifespan.startup.complete":
                words.say("")  # what an earlier worker died of is over
            await send(message)

        return app(scope, receive, send_and_note)

    return listening
