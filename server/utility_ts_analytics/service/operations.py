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
    STATE_NAMES,
    STOPPED,
    Beacon,
    Sign,
)
from utility_ts_analytics.service.database_watch import DatabaseWatch
from utility_ts_analytics.service.departed import Books, read_books
from utility_ts_analytics.service.figures import scrape_figures
from utility_ts_analytics.telemetry import registry
from utility_ts_analytics.telemetry.exposition import Exposition, Figures
from utility_ts_analytics.telemetry.layout import Words, label_sets, offset_of
from utility_ts_analytics.telemetry.logs import report_left_out
from utility_ts_analytics.telemetry.registry import Metric

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
        clock: Time.
    """

    def __init__(
        self,
        config: Config,
        watch: DatabaseWatch,
        beacon: Beacon,
        runtime_dir: Path,
        clock: Clock | None = None,
    ) -> None:
        self._streams = {name: stream.table for name, stream in config.streams.items()}
        self._watch = watch
        self._beacon = beacon
        self._runtime_dir = runtime_dir
        self._clock = clock or SystemClock()
        self._reported: Sequence[str] | None = None
        self._started_s = self._clock.monotonic_s()
        self._tasks: list[asyncio.Task[None]] = []
        self._exposition = Exposition(self._figures)

    async def startup(self) -> None:
        """Start watching."""
        self._tasks = [
            asyncio.create_task(self._watch.run()),
            asyncio.create_task(self._beat()),
        ]

    async def shutdown(self) -> None:
        """Stop watching."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._beacon.say(STOPPED, self._clock.monotonic_s())

    def unready_reasons(self) -> Sequence[str]:
        """Return one line per reason why readings are not being stored."""
        return [*self._watch.reasons(), *self._silent_streams()]

    def metrics(self, accept: str) -> tuple[str, bytes]:
        """Return content type and text of all metrics."""
        return self._exposition.render(accept)

    def _figures(self) -> Figures:
        ready = not self.unready_reasons()
        books = read_books(self._runtime_dir)
        return scrape_figures(books, list(self._streams), self._watch.health, ready=ready)

    def status(self) -> Mapping[str, Json]:
        """Return version, uptime, readiness, and the rows and workers of each stream."""
        reasons = self.unready_reasons()
        books = read_books(self._runtime_dir)
        return {
            "version": __version__,
            "uptime_s": int(self._clock.monotonic_s() - self._started_s),
            "ready": not reasons,
            "reasons": [*reasons],
            "questdb": self._watch.facts(),
            "streams": {name: _stream_facts(books, name) for name in self._streams},
        }

    def _silent_streams(self) -> list[str]:
        now_s = self._clock.monotonic_s()
        signs = [
            sign
            for sign in read_books(self._runtime_dir).signs
            if now_s - sign.beat_s < _SILENT_S and sign.alive
        ]
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


def _stream_facts(books: Books, stream: str) -> dict[str, Json]:
    words = books.of(stream)
    return {
        "received_rows": words[offset_of(registry.ROWS_RECEIVED)],
        "stored_rows": _total(words, registry.ROWS_STORED),
        "rejected_rows": _total(words, registry.ROWS_REJECTED),
        "failed_rows": _total(words, registry.ROWS_FAILED),
        "in_flight_rows": words[offset_of(registry.ROWS_IN_FLIGHT)],
        "held_rows": words[offset_of(registry.ROWS_IN_FLIGHT)]
        - words[offset_of(registry.ROWS_SPOOLED)],
        "retries": _total(words, registry.SINK_RETRIES),
        "spooled_rows": words[offset_of(registry.ROWS_SPOOLED)],
        "fallback_lanes": words[offset_of(registry.FALLBACK_ACTIVE)],
        "workers": [_worker_facts(sign) for sign in books.signs if sign.stream == stream],
    }


def _worker_facts(sign: Sign) -> Json:
    alive = sign.alive
    return {
        "pid": sign.pid,
        "state": STATE_NAMES[sign.state] if alive else "gone",
        "stored_rows": _total(sign.words, registry.ROWS_STORED),
        "held_rows": sign.held_rows if alive else 0,
        "memory_bytes": sign.words[offset_of(registry.WORKER_MEMORY)] if alive else 0,
    }


def _total(words: Words, metric: Metric) -> int:
    return sum(words[offset_of(metric, *values)] for values in label_sets(metric))
