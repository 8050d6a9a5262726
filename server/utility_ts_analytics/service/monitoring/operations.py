"""Facts for the operations port: readiness, metrics and status; from stores, ports and workers."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path

import structlog

from utility_ts_analytics import __version__
from utility_ts_analytics.asgi.responses import Json
from utility_ts_analytics.clock import Clock
from utility_ts_analytics.config import Config
from utility_ts_analytics.consume.lag import Lags, LogWatch
from utility_ts_analytics.consume.shard_map import dead_letter_topic
from utility_ts_analytics.service.listeners.port_watch import PortWatch
from utility_ts_analytics.service.monitoring.broker_watch import BrokerWatch
from utility_ts_analytics.service.monitoring.documents import scrape_figures, stream_status
from utility_ts_analytics.service.monitoring.history import SAMPLE_EVERY_S, History
from utility_ts_analytics.service.monitoring.kafka_facts import (
    LastReason,
    TopicsWatch,
    kafka_facts,
    waiting_letters,
)
from utility_ts_analytics.service.monitoring.map_watch import MapWatch
from utility_ts_analytics.service.monitoring.stores_watch import StoresWatch
from utility_ts_analytics.service.shared_worker_state import (
    REFUSING,
    SERVING,
    STOPPED,
    WorkerStateFile,
    started_s,
)
from utility_ts_analytics.service.worker_totals import WorkerTotals, read_worker_totals
from utility_ts_analytics.telemetry.exposition import Exposition, Figures
from utility_ts_analytics.telemetry.layout import NS_PER_S, offset_of
from utility_ts_analytics.telemetry.log_metrics import PARTITIONS_ASSIGNED
from utility_ts_analytics.telemetry.logs import report_left_out

_BEAT_S = 0.5
_SILENT_S = 5.0
"""A worker whose last beat is older than this does not count as serving."""

_log = structlog.get_logger("operations")


class OperationsFacts:
    """The `asgi.operations.Facts` of the service. One event loop.

    Args:
        config: Of the streams.
        state_file: Of this worker.
        runtime_dir: Where all workers keep their state.
        watch: Polls every QuestDB.
        brokers: Polls Kafka.
        ports: Asks the service's own ports.
        maps: Watches QuestDB's memory maps.
        listening: Returns once this worker takes connections; no beat says so before.
        clock: For beats and ages.
        log: How far `consume` is behind; None where nothing is consumed.
    """

    def __init__(
        self,
        config: Config,
        state_file: WorkerStateFile,
        runtime_dir: Path,
        *,
        watch: StoresWatch,
        brokers: BrokerWatch,
        ports: PortWatch,
        maps: MapWatch,
        listening: Callable[[], Awaitable[None]],
        clock: Clock,
        log: LogWatch | None = None,
    ) -> None:
        self._streams = config.streams
        kafka, used = config.kafka, config.streams if log else config.streams_into("kafka")
        self._topic_names = {name: kafka.topics.of(name) for name in used}
        self._letter_topics = {name: dead_letter_topic(kafka, name) for name in config.streams}
        self._last_reason = LastReason()
        self._watch = watch
        self._brokers = brokers
        self._ports = ports
        self._maps = maps
        self._log = log
        self._listening = listening
        self._state_file = state_file
        self._runtime_dir = runtime_dir
        self._clock = clock
        self._reported: Sequence[str] | None = None
        self._started_s = self._clock.monotonic_s()
        began_s = started_s(runtime_dir)
        self._service_started_s = self._started_s if began_s is None else began_s
        self._tasks: list[asyncio.Task[None]] = []
        self._history = History(self._streams)
        self._exposition = Exposition(self._figures)

    async def startup(self) -> None:
        """Start the background tasks."""
        self._tasks = [
            asyncio.create_task(self._watch.run()),
            asyncio.create_task(self._brokers.run()),
            asyncio.create_task(self._ports.run()),
            asyncio.create_task(self._maps.run()),
            asyncio.create_task(self._beat()),
            asyncio.create_task(self._sample()),
        ]
        if self._log is not None:
            self._tasks.append(asyncio.create_task(self._log.run()))

    async def shutdown(self) -> None:
        """Stop the background tasks."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._state_file.publish(STOPPED, self._clock.monotonic_s())

    def unready_reasons(self) -> Sequence[str]:
        """Return one line per reason why readings are not being stored."""
        return self._unready_reasons(read_worker_totals(self._runtime_dir))

    def warnings(self) -> Sequence[str]:
        """Return one line per thing to correct although readings are stored."""
        log = [] if self._log is None else self._log.warnings()
        return [*self._watch.warnings(), *self._brokers.warnings(), *log, *self._maps.warnings]

    def metrics(self, accept: str) -> tuple[str, bytes]:
        """Return content type and text of all metrics."""
        return self._exposition.render(accept)

    def _figures(self) -> Figures:
        totals = read_worker_totals(self._runtime_dir)
        return scrape_figures(
            totals,
            list(self._streams),
            self._watch.health,
            shards_up=self._watch.shards_up,
            kafka_up=self._kafka_up,
            replication=self._topics.replication,
            ready=not self._unready_reasons(totals),
            lags=self._lags,
        )

    def status(self) -> Mapping[str, Json]:
        """Return the document `/status.json` (`documents`)."""
        totals = read_worker_totals(self._runtime_dir)
        reasons = self._unready_reasons(totals)
        return {
            "version": __version__,
            "uptime_s": int(self._clock.monotonic_s() - self._service_started_s),
            "ready": not reasons,
            "reasons": [*reasons],
            "warnings": [*self.warnings()],
            "questdb": self._watch.facts(),
            "kafka": self._kafka_facts(),
            "now": self._clock.wall_ns() / NS_PER_S,
            "streams": {
                name: stream_status(totals, name, stream, self._history, lags=self._lags.get(name))
                for name, stream in self._streams.items()
            },
            "errors": self._history.errors(),
        }

    @property
    def _topics(self) -> TopicsWatch:
        """What knows the topics: `consume` reads all of them, `serve` writes to some or none."""
        return self._brokers if self._log is None else self._log

    @property
    def _kafka_up(self) -> bool | None:
        return self._brokers.up if self._log is None else not self._log.reasons()

    def _kafka_facts(self) -> dict[str, Json] | None:
        if self._kafka_up is None:
            return None
        return kafka_facts(self._topics, self._topic_names, self._last_reason)

    @property
    def _lags(self) -> Lags:
        return {} if self._log is None else self._log.lags

    def _unready_reasons(self, totals: WorkerTotals) -> list[str]:
        reasons = [*self._stores(), *self._silent_streams(totals), *self._ports.reasons()]
        if self._log is not None:
            reasons += self._log.reasons() or self._idle_streams(totals)
            reasons += waiting_letters(totals, self._letter_topics, self._log.letter_troubles)
        return reasons

    def _stores(self) -> list[str]:
        """Return why QuestDB or Kafka cannot take readings."""
        return [*self._watch.reasons(), *self._brokers.reasons()]

    def _idle_streams(self, totals: WorkerTotals) -> list[str]:
        """Say which streams have a topic and no partition of it here."""
        return [
            f"no partition of the topic of {name} is assigned to this service"
            for name in self._streams
            if not sum(
                worker.words[offset_of(PARTITIONS_ASSIGNED)]
                for worker in totals.workers
                if worker.stream == name
            )
        ]

    def _silent_streams(self, totals: WorkerTotals) -> list[str]:
        now_s = self._clock.monotonic_s()
        workers = [
            worker
            for worker in totals.workers
            if now_s - worker.beat_s < _SILENT_S and worker.alive
        ]
        reasons: list[str] = []
        for name in self._streams:
            states = {worker.state for worker in workers if worker.stream == name}
            # Workers poll by themselves: ready only when none of them refuses any more.
            if REFUSING in states and not self._stores():
                reasons += self._late_to_see(name)
            elif not states & {SERVING, REFUSING}:
                reasons.append(f"no worker of {name} is serving")
        return reasons

    def _late_to_see(self, stream: str) -> Iterator[str]:
        """Say what a worker waits for that is there again, unless other reasons say it."""
        if self._log is None:
            store = "Kafka" if self._streams[stream].sink.kind == "kafka" else "the database"
            yield f"a worker of {stream} has yet to see that {store} is back"
        elif not self._log.reasons():
            yield f"a worker of {stream} has yet to see that Kafka and the database are back"

    async def _beat(self) -> None:
        await self._listening()
        while True:
            self._state_file.publish(SERVING, self._clock.monotonic_s())
            self._report_changes()
            report_left_out()
            await self._clock.sleep(_BEAT_S)

    async def _sample(self) -> None:
        while True:
            if self._topics.known:
                self._last_reason.note(self._topics.reasons(), self._clock.wall_ns() / NS_PER_S)
            self._history.sample(read_worker_totals(self._runtime_dir), self._clock.monotonic_s())
            await self._clock.sleep(SAMPLE_EVERY_S)

    def _report_changes(self) -> None:
        """Log changes of readiness; in the first seconds only those of QuestDB and Kafka."""
        starting = self._clock.monotonic_s() - self._started_s < _SILENT_S
        reasons = self._stores() if starting else self.unready_reasons()
        known = self._watch.known and self._brokers.known
        if reasons == self._reported or not known:
            return
        if reasons:
            _log.warning("not ready", reasons=reasons)
        elif self._reported is not None or not starting:
            _log.info("ready")
        self._reported = reasons
