"""The documents `/status.json` and `/metrics`, from the numbers of all workers.

`/status.json` (times are seconds since 1970, sizes bytes; null: not known, or none yet):

    version, uptime_s, now, ready, reasons[]
    warnings[]       what to correct in QuestDB although readings are stored
    questdb          up, reason, tables{name: exists, suspended, dedup, wal_lag_transactions};
                     null where no stream goes there. With shards: shards{name: up}, tables are
                     named shard/table, and up is true if all of them are
    kafka            up, reason, brokers (with a replica of the topics), brokers_in_sync,
                     last_error{at, reason} (null: none), topics{name: stream, partitions, replicas,
                     in_sync_min (of its worst partition), under_replicated (partitions), reason};
                     null where no stream goes there or comes from there
    streams{name}
      table          name of its table in `questdb.tables`, while that is known
      delivery       first and fallback sink (null: none); ack: what a 200 means
      received_rows, stored_rows, rejected_rows, failed_rows, in_flight_rows: the books;
      held_rows, spooled_rows: the parts of in_flight_rows in memory and on disk
      stored_by_sink{}, rejected_by_reason{}, failed_by_reason{}, requests_by_code{}: those not 0
      retries, restarts, dead_letters, requests_in_flight
      buffer         held_rows, capacity_rows, bytes
      fallback_lanes (lanes that use the fallback: their breaker is open), last_stored_at
      messages_written  only of a stream that goes to Kafka
      log            only of a stream that is consumed: lag_messages, lag_rows_estimate (null: not
                     known), lag_s (the largest of its partitions), lost_messages (that the log
                     deleted before they were stored), last_lost_at (null: never), partitions (of
                     the topic); assigned_partitions, paused_partitions, messages_read, rebalances
                     of this service; letters_waiting{reason}: refused records that cannot be kept
      now            received_, stored_, refused_rows_per_s, requests_per_s: over the last 5 s
      last_minute    requests, requests_by_code{}, received_rows, refused_by_reason{} (rejected and
                     failed rows), refused_share (0..1 of received), request_p50_ms,
                     request_p99_ms, flush_p50_ms, flush_p99_ms, flush_rows_mean
      history        step_s, and one list per rate, oldest first, at most five minutes
      workers[]      pid, state ("gone": dead for a moment), stored_rows, held_rows, memory_bytes
    errors[]         at, stream, code, line (or index), field: the last 50 kinds of errors that
                     clients got, one per request, newest first; never a value

Counts are since the start of the service, histories since that of the operations process.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from utility_ts_analytics import __version__
from utility_ts_analytics.asgi.responses import Json
from utility_ts_analytics.config import StreamConfig
from utility_ts_analytics.consume.lag import Lag, Lags
from utility_ts_analytics.database.health import QuestDBHealth
from utility_ts_analytics.service.monitoring.history import History
from utility_ts_analytics.service.monitoring.kafka_facts import letters_waiting
from utility_ts_analytics.service.shared_worker_state import STATE_NAMES, WorkerState
from utility_ts_analytics.service.worker_totals import WorkerTotals
from utility_ts_analytics.sinks.kafka.replication import Replication
from utility_ts_analytics.telemetry import log_metrics, registry
from utility_ts_analytics.telemetry.exposition import Figures, Samples
from utility_ts_analytics.telemetry.layout import NS_PER_S, Words, label_sets, offset_of, values_of
from utility_ts_analytics.telemetry.log_stream import DROPS
from utility_ts_analytics.telemetry.metric import Metric


def stream_status(
    totals: WorkerTotals,
    stream: str,
    config: StreamConfig,
    history: History,
    *,
    lags: Mapping[int, Lag] | None = None,
) -> dict[str, Json]:
    """Return the member of `streams` for one stream; with `log` where it is consumed."""
    words = totals.of(stream)
    in_flight, spooled = _one(words, registry.ROWS_IN_FLIGHT), _one(words, registry.ROWS_SPOOLED)
    last_stored_ns = _one(words, registry.LAST_STORED)
    return {
        "table": config.table,
        "delivery": _delivery(config),
        "received_rows": _one(words, registry.ROWS_RECEIVED),
        "stored_rows": _total(words, registry.ROWS_STORED),
        "rejected_rows": _total(words, registry.ROWS_REJECTED),
        "failed_rows": _total(words, registry.ROWS_FAILED),
        "in_flight_rows": in_flight,
        "held_rows": in_flight - spooled,
        "spooled_rows": spooled,
        "stored_by_sink": _by_label(words, registry.ROWS_STORED),
        "rejected_by_reason": _by_label(words, registry.ROWS_REJECTED),
        "failed_by_reason": _by_label(words, registry.ROWS_FAILED),
        "requests_by_code": _by_label(words, registry.REQUESTS),
        "retries": _total(words, registry.SINK_RETRIES),
        "restarts": _one(words, registry.WORKER_RESTARTS),
        "dead_letters": _total(words, registry.DEAD_LETTERS),
        "requests_in_flight": _one(words, registry.REQUESTS_IN_FLIGHT),
        "buffer": {
            "held_rows": in_flight - spooled,
            "capacity_rows": _one(words, registry.BUFFER_ROWS_MAX),
            "bytes": _one(words, registry.BUFFER_BYTES),
        },
        "fallback_lanes": _one(words, registry.FALLBACK_ACTIVE),
        "last_stored_at": last_stored_ns / NS_PER_S or None,
        **_messages(words, config, lags),
        **history.lately(stream),
        "workers": [_worker(worker) for worker in totals.workers if worker.stream == stream],
    }


def scrape_figures(
    totals: WorkerTotals,
    streams: Sequence[str],
    health: QuestDBHealth | None,
    *,
    shards_up: Mapping[str, bool] = MappingProxyType({}),
    kafka_up: bool | None,
    ready: bool,
    replication: Mapping[str, Replication] = MappingProxyType({}),
    lags: Lags = MappingProxyType({}),
) -> Figures:
    """Return the figures of `/metrics`. Checks which workers are alive.

    Args:
        totals: Of all workers.
        streams: Names of all streams.
        health: Result of the last poll of QuestDB; None where no stream goes there.
        shards_up: Whether each shard answered; empty without shards.
        kafka_up: Whether every topic can be used; None where no stream goes to Kafka or comes
            from there.
        ready: Whether readings are being stored.
        replication: Of the topic of each stream, as far as it is known.
        lags: Of the log; empty where nothing is consumed.
    """
    alive = [worker for worker in totals.workers if worker.alive]
    tables = {} if health is None else health.tables
    by_token = [
        (stream, token, numbers)
        for stream in streams
        for token, numbers in totals.by_token(stream).items()
    ]
    found: Mapping[str, Samples] = {
        registry.WORKERS.name: _workers_by_state(alive, streams),
        registry.QUESTDB_UP.name: {} if health is None else {(): float(health.up)},
        log_metrics.SHARD_UP.name: {(shard,): float(up) for shard, up in shards_up.items()},
        log_metrics.KAFKA_UP.name: {} if kafka_up is None else {(): float(kafka_up)},
        registry.TABLE_SUSPENDED.name: {
            (name,): float(table.suspended) for name, table in tables.items()
        },
        registry.TABLE_WAL_LAG.name: {
            (name,): float(table.wal_lag_transactions) for name, table in tables.items()
        },
        registry.REQUESTS_BY_TOKEN.name: {
            (stream, token): float(numbers.requests) for stream, token, numbers in by_token
        },
        registry.ROWS_BY_TOKEN.name: {
            (stream, token): float(numbers.rows) for stream, token, numbers in by_token
        },
        **dict(_log_samples(replication, lags)),
        registry.READY.name: {(): float(ready)},
        registry.LOG_LINES_DROPPED.name: {(): float(DROPS.total)},
        registry.BUILD_INFO.name: {(__version__,): 1.0},
    }
    return Figures({name: totals.of(name) for name in streams}, found)


def _log_samples(
    replication: Mapping[str, Replication], lags: Lags
) -> Iterator[tuple[str, Samples]]:
    """Yield what the brokers tell, by the name of the metric."""
    lag_of = {
        (stream, str(partition)): lag
        for stream, partitions in lags.items()
        for partition, lag in partitions.items()
    }
    behind = {name: one.under_replicated for name, one in replication.items() if one.partitions}
    rows = {place: lag.rows for place, lag in lag_of.items() if lag.rows is not None}
    yield log_metrics.UNDER_REPLICATED.name, {(name,): float(n) for name, n in behind.items()}
    yield log_metrics.LAG_MESSAGES.name, {p: float(lag.messages) for p, lag in lag_of.items()}
    yield log_metrics.LAG_ROWS.name, {place: float(number) for place, number in rows.items()}
    yield log_metrics.LAG_SECONDS.name, {place: lag.seconds for place, lag in lag_of.items()}
    yield log_metrics.LOST.name, {place: float(lag.lost) for place, lag in lag_of.items()}


def _workers_by_state(alive: Sequence[WorkerState], streams: Sequence[str]) -> Samples:
    states = [(worker.stream, STATE_NAMES[worker.state]) for worker in alive]
    return {(name, state): states.count((name, state)) for name in streams for state in STATE_NAMES}


def _messages(
    words: Words, config: StreamConfig, lags: Mapping[int, Lag] | None
) -> dict[str, Json]:
    if lags is not None:
        return {"log": _log(words, lags)}
    if config.sink.kind == "kafka":
        return {"messages_written": _one(words, log_metrics.MESSAGES_WRITTEN)}
    return {}


def _log(words: Words, lags: Mapping[int, Lag]) -> dict[str, Json]:
    rows = [lag.rows for lag in lags.values()]
    known = [number for number in rows if number is not None]
    return {
        "lag_messages": sum(lag.messages for lag in lags.values()),
        "lag_rows_estimate": sum(known) if len(known) == len(rows) else None,
        "lag_s": round(max((lag.seconds for lag in lags.values()), default=0.0), 1),
        "lost_messages": sum(lag.lost for lag in lags.values()),
        "last_lost_at": max((lag.lost_ms for lag in lags.values()), default=0) / 1000 or None,
        "partitions": len(lags),
        "assigned_partitions": _one(words, log_metrics.PARTITIONS_ASSIGNED),
        "paused_partitions": _one(words, log_metrics.PARTITIONS_PAUSED),
        "messages_read": _one(words, log_metrics.MESSAGES_READ),
        "rebalances": _one(words, log_metrics.REBALANCES),
        "letters_waiting": {**letters_waiting(words)},
    }


def _delivery(config: StreamConfig) -> dict[str, Json]:
    sink = config.sink
    # A fallback to the same sink is none.
    fallback = sink.fallback if sink.fallback not in ("none", sink.kind) else None
    return {"first": sink.kind, "fallback": fallback, "ack": sink.ack}


def _worker(worker: WorkerState) -> dict[str, Json]:
    alive = worker.alive
    return {
        "pid": worker.pid,
        "state": STATE_NAMES[worker.state] if alive else "gone",
        "stored_rows": _total(worker.words, registry.ROWS_STORED),
        "held_rows": worker.held_rows,
        "memory_bytes": _one(worker.words, registry.WORKER_MEMORY) if alive else 0,
    }


def _one(words: Words, metric: Metric) -> int:
    return words[offset_of(metric)]


def _total(words: Words, metric: Metric) -> int:
    return sum(values_of(words, metric))


def _by_label(words: Words, metric: Metric) -> dict[str, Json]:
    counts = zip(label_sets(metric), values_of(words, metric), strict=True)
    return {value: count for (value,), count in counts if count}
