"""`/status.json`: everything that a page about the service needs, from the numbers of the metrics.

The document (times are seconds since 1970, sizes bytes; null: not known, or there was nothing):

    version, uptime_s, now, ready, reasons[]
    warnings[]       what to put right in QuestDB although readings are stored
    questdb          up, reason, tables{name: exists, suspended, dedup, wal_lag_transactions}
    streams{name}
      table          its table's name in `questdb.tables`, while that is known
      delivery       first and fallback (null: none): the sinks; ack: what a 200 means
      received_rows, stored_rows, rejected_rows, failed_rows, in_flight_rows: the books;
      held_rows, spooled_rows: the parts of in flight in memory and on disk
      stored_by_sink{}, rejected_by_reason{}, failed_by_reason{}, requests_by_code{}: those not 0
      retries, restarts, dead_letters, requests_in_flight
      buffer         held_rows, capacity_rows, bytes
      fallback_lanes (that go by the fallback: their breaker is open), last_stored_at
      now            received_, stored_, refused_rows_per_s, requests_per_s: over the last 5 s
      last_minute    requests, requests_by_code{}, received_rows, refused_by_reason{} (rejected and
                     failed rows), refused_share (0..1 of received), request_p50_ms,
                     request_p99_ms, flush_p50_ms, flush_p99_ms, flush_rows_mean
      history        step_s, and one list per rate, oldest first, at most five minutes
      workers[]      pid, state ("gone": dead for a moment), stored_rows, held_rows, memory_bytes
    errors[]         at, stream, code, line (or index), field: the last 50 kinds of trouble that
                     clients were told, one per request, newest first; never a value

Counts are since the start of the service, histories since that of the operations process.
"""

from utility_ts_analytics.asgi.responses import Json
from utility_ts_analytics.config import StreamConfig
from utility_ts_analytics.service.beacon import STATE_NAMES, Sign
from utility_ts_analytics.service.departed import Books
from utility_ts_analytics.service.history import History
from utility_ts_analytics.telemetry import registry
from utility_ts_analytics.telemetry.layout import NS_PER_S, Words, label_sets, offset_of, values_of
from utility_ts_analytics.telemetry.metric import Metric


def stream_status(
    books: Books, stream: str, config: StreamConfig, history: History
) -> dict[str, Json]:
    """Return the member of one stream; see above."""
    words = books.of(stream)
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
        **history.lately(stream),
        "workers": [_worker(sign) for sign in books.signs if sign.stream == stream],
    }


def _delivery(config: StreamConfig) -> dict[str, Json]:
    sink = config.sink
    # The second choice must be another way than the first.
    fallback = sink.fallback if sink.fallback not in ("none", sink.kind) else None
    return {"first": sink.kind, "fallback": fallback, "ack": sink.ack}


def _worker(sign: Sign) -> dict[str, Json]:
    alive = sign.alive
    return {
        "pid": sign.pid,
        "state": STATE_NAMES[sign.state] if alive else "gone",
        "stored_rows": _total(sign.words, registry.ROWS_STORED),
        "held_rows": sign.held_rows,
        "memory_bytes": _one(sign.words, registry.WORKER_MEMORY) if alive else 0,
    }


def _one(words: Words, metric: Metric) -> int:
    return words[offset_of(metric)]


def _total(words: Words, metric: Metric) -> int:
    return sum(values_of(words, metric))


def _by_label(words: Words, metric: Metric) -> dict[str, Json]:
    counts = zip(label_sets(metric), values_of(words, metric), strict=True)
    return {value: count for (value,), count in counts if count}
