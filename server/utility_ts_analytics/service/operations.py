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
    read_signs,
)
from utility_ts_analytics.service.database_watch import DatabaseWatch

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

    def status(self) -> Mapping[str, Json]:
        """Return version, uptime, readiness, and the rows and workers of each stream."""
        reasons = self.unready_reasons()
        signs = list(read_signs(self._runtime_dir))
        return {
            "version": __version__,
            "uptime_s": int(self._clock.monotonic_s() - self._started_s),
            "ready": not reasons,
            "reasons": [*reasons],
            "questdb": self._watch.facts(),
            "streams": {
                name: _stream_facts([sign for sign in signs if sign.stream == name])
                for name in self._streams
            },
        }

    def _silent_streams(self) -> list[str]:
        now_s = self._clock.monotonic_s()
        signs = [
            sign
            for sign in read_signs(self._runtime_dir)
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


def _stream_facts(signs: Sequence[Sign]) -> dict[str, Json]:
    workers: list[Json] = [
        {
            "pid": sign.pid,
            "state": STATE_NAMES[sign.state] if sign.alive else "gone",
            "stored_rows": sign.stored_rows,
            "held_rows": sign.held_rows if sign.alive else 0,
        }
        for sign in signs
    ]
    return {
        "stored_rows": sum(sign.stored_rows for sign in signs),
        "rejected_rows": sum(sign.rejected_rows for sign in signs),
        "failed_rows": sum(sign.failed_rows for sign in signs),
        "held_rows": sum(sign.held_rows for sign in signs if sign.alive),
        "retries": sum(sign.retries for sign in signs),
        "spooled_rows": sum(sign.spooled_rows for sign in signs if sign.alive),
        "fallback_lanes": sum(sign.fallback_lanes for sign in signs if sign.alive),
        "workers": workers,
    }
