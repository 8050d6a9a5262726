"""What the operations port knows: the database's health, and what the workers last said."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog

from utility_ts_analytics import __version__
from utility_ts_analytics.asgi.responses import Json
from utility_ts_analytics.clock import Clock, SystemClock
from utility_ts_analytics.config import Config
from utility_ts_analytics.service.beacon import (
    REFUSING,
    SERVING,
    STOPPED,
    Beacon,
    started_s,
)
from utility_ts_analytics.service.database_watch import DatabaseWatch
from utility_ts_analytics.service.departed import Books, read_books
from utility_ts_analytics.service.figures import scrape_figures
from utility_ts_analytics.service.history import SAMPLE_EVERY_S, History
from utility_ts_analytics.service.map_watch import MapWatch
from utility_ts_analytics.service.port_watch import PortWatch
from utility_ts_analytics.service.status import stream_status
from utility_ts_analytics.telemetry.exposition import Exposition, Figures
from utility_ts_analytics.telemetry.layout import NS_PER_S
from utility_ts_analytics.telemetry.logs import report_left_out

_BEAT_S = 0.5
_SILENT_S = 5.0
"""A worker whose last sign is older than this does not count as serving."""

_log = structlog.get_logger("operations")


class OperationsFacts:
    """The `asgi.ops.Facts` of the service. One event loop.

    Args:
        config: Which streams there are.
        watch: The database's health.
        beacon: This worker's own signs of life.
        runtime_dir: Where all workers' signs are.
        ports: Whether the service's own ports answer.
        maps: How near QuestDB is to a limit of the kernel.
        clock: Time.
    """

    def __init__(
        self,
        config: Config,
        watch: DatabaseWatch,
        beacon: Beacon,
        runtime_dir: Path,
        *,
        ports: PortWatch,
        maps: MapWatch,
        clock: Clock | None = None,
    ) -> None:
        self._streams = config.streams
        self._watch = watch
        self._ports = ports
        self._maps = maps
        self._beacon = beacon
        self._runtime_dir = runtime_dir
        self._clock = clock or SystemClock()
        self._reported: Sequence[str] | None = None
        self._started_s = self._clock.monotonic_s()
        began_s = started_s(runtime_dir)
        self._service_started_s = self._started_s if began_s is None else began_s
        self._tasks: list[asyncio.Task[None]] = []
        self._history = History(self._streams)
        self._exposition = Exposition(self._figures)

    async def startup(self) -> None:
        """Start watching."""
        self._tasks = [
            asyncio.create_task(self._watch.run()),
            asyncio.create_task(self._ports.run()),
            asyncio.create_task(self._maps.run()),
            asyncio.create_task(self._beat()),
            asyncio.create_task(self._sample()),
        ]

    async def shutdown(self) -> None:
        """Stop watching."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._beacon.say(STOPPED, self._clock.monotonic_s())

    def unready_reasons(self) -> Sequence[str]:
        """Return one line per reason why readings are not being stored."""
        return self._unready_reasons(read_books(self._runtime_dir))

    def warnings(self) -> Sequence[str]:
        """Return one line per thing to put right that keeps no reading from being stored."""
        return [*self._watch.warnings(), *self._maps.warnings]

    def metrics(self, accept: str) -> tuple[str, bytes]:
        """Return content type and text of all metrics."""
        return self._exposition.render(accept)

    def _figures(self) -> Figures:
        books = read_books(self._runtime_dir)
        ready = not self._unready_reasons(books)
        return scrape_figures(books, list(self._streams), self._watch.health, ready=ready)

    def status(self) -> Mapping[str, Json]:
        """Return the document that `service.status` describes."""
        books = read_books(self._runtime_dir)
        reasons = self._unready_reasons(books)
        return {
            "version": __version__,
            "uptime_s": int(self._clock.monotonic_s() - self._service_started_s),
            "ready": not reasons,
            "reasons": [*reasons],
            "warnings": [*self.warnings()],
            "questdb": self._watch.facts(),
            "now": self._clock.wall_ns() / NS_PER_S,
            "streams": {
                name: stream_status(books, name, stream, self._history)
                for name, stream in self._streams.items()
            },
            "errors": self._history.errors(),
        }

    def _unready_reasons(self, books: Books) -> list[str]:
        return [*self._watch.reasons(), *self._silent_streams(books), *self._ports.reasons()]

    def _silent_streams(self, books: Books) -> list[str]:
        now_s = self._clock.monotonic_s()
        signs = [sign for sign in books.signs if now_s - sign.beat_s < _SILENT_S and sign.alive]
        reasons = []
        for name in self._streams:
            states = {sign.state for sign in signs if sign.stream == name}
            # Workers ask the database themselves: ready only when none of them refuses any more.
            if REFUSING in states and not self._watch.reasons():
                reasons.append(f"a worker of {name} has yet to see that the database is back")
            elif not states & {SERVING, REFUSING}:
                reasons.append(f"no worker of {name} is serving")
        return reasons

    async def _beat(self) -> None:
        while True:
            self._beacon.say(SERVING, self._clock.monotonic_s())
            self._report_changes()
            report_left_out()
            await self._clock.sleep(_BEAT_S)

    async def _sample(self) -> None:
        while True:
            self._history.sample(read_books(self._runtime_dir), self._clock.monotonic_s())
            await self._clock.sleep(SAMPLE_EVERY_S)

    def _report_changes(self) -> None:
        """Log readiness when it changes; the first seconds of a start are no news."""
        starting = self._clock.monotonic_s() - self._started_s < _SILENT_S
        reasons = self._watch.reasons() if starting else self.unready_reasons()
        if reasons == self._reported or not self._watch.known:
            return
        if reasons:
            _log.warning("not ready", reasons=reasons)
        elif self._reported is not None or not starting:
            _log.info("ready")
        self._reported = reasons
