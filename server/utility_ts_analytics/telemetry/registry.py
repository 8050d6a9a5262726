"""Every metric there is: name, kind, unit, labels and meaning. `docs/METRICS.md` is made from it.

A metric is used through its constant, so that a typo fails type checking. To add one, define it
here, list it in `METRICS`, and make the page again (`scripts/make_metrics_page.py`).
"""

from typing import Final, Literal

from utility_ts_analytics.telemetry.log_metrics import LOG_METRICS
from utility_ts_analytics.telemetry.metric import STREAM, Label, Metric

SinkName = Literal["ilp", "pgwire", "kafka"]

SINKS: Final[tuple[SinkName, ...]] = ("ilp", "pgwire", "kafka")
STATUSES: Final = (
    *("200", "202", "400", "401", "403", "404", "405", "408"),
    *("413", "415", "422", "429", "500", "503", "other"),
)
ROW_CODES: Final = (
    *("invalid-json", "invalid-utf8", "line-too-long", "missing-field", "wrong-type"),
    *("invalid-timestamp", "invalid-number", "timestamp-out-of-range", "negative-value"),
    *("text-length", "forbidden-character", "sink-rejected"),
)
"""CONTRACT section 3; `tests/unit/telemetry/test_registry.py` holds it to `records.validation`."""
PROBLEM_CODES: Final = (
    *("invalid-json", "strict-rejected", "truncated-body", "invalid-encoding", "unknown-parameter"),
    *("unauthorized", "foreign-origin", "not-found", "method-not-allowed", "body-timeout"),
    "body-too-large",
    *("too-many-errors", "too-many-days", "too-many-records", "decompressed-too-large"),
    *("unsupported-media-type", "unsupported-encoding", "nothing-accepted", "overloaded"),
    "sink-unavailable",
    *("table-suspended", "schema-missing", "draining", "internal-error"),
)
"""What ends a whole request: `errors.ClientError`; no label, but named among the last errors."""
GIVEN_BACK: Final = ("sink-unavailable", "schema-missing", "table-suspended", "draining")
"""Why rows were given back: `buffering.block.FailureCode`."""
WORKER_DIED, SPOOL_DAMAGED = "worker-died", "spool-damaged"
FAILED: Final = (*GIVEN_BACK, WORKER_DIED, SPOOL_DAMAGED)
RETRIED: Final = (*GIVEN_BACK, "in-doubt")
STATES: Final = ("starting", "refusing", "serving", "draining", "stopped")
"""Of a worker, in the order of their numbers in `service.shared_worker_state`."""

SINK = Label("sink", SINKS, "how rows reach the database, or the log")
TABLE = Label("table", (), "the tables of the streams, as configured")
TOKEN = Label(
    "token",
    (),
    "names of the stream's tokens, now or before a reload (`token-1`, `token-2`, ... for those "
    "without a name); `_other`: those removed longest ago, once there are 256",
)

_REQUEST_S = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0),
)
_FLUSH_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_FLUSH_ROWS = (1, 10, 100, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000)

REQUESTS = Metric(
    "ingestion_requests_total",
    "counter",
    "requests",
    "Answered requests, by HTTP status, without heads that the HTTP server itself refuses.",
    (STREAM, Label("code", STATUSES, "HTTP status")),
)
REQUESTS_BY_TOKEN = Metric(
    "ingestion_requests_by_token_total",
    "counter",
    "requests",
    "Part of requests: posts with a token of the stream, whatever the answer; none for a stream "
    "without tokens.",
    (STREAM, TOKEN),
)
ROWS_BY_TOKEN = Metric(
    "ingestion_rows_accepted_by_token_total",
    "counter",
    "rows",
    "Rows reported as accepted to posts with this token; with validate_only none.",
    (STREAM, TOKEN),
)
REQUEST_BYTES = Metric(
    "ingestion_request_bytes_total",
    "counter",
    "bytes",
    "Bytes of request bodies as sent, compressed or not.",
    (STREAM,),
)
REQUEST_SECONDS = Metric(
    "ingestion_request_seconds",
    "histogram",
    "seconds",
    "Time from the head of a request to the start of its answer, upload and storing included.",
    (STREAM,),
    _REQUEST_S,
)
REQUESTS_IN_FLIGHT = Metric(
    "ingestion_requests_in_flight",
    "gauge",
    "requests",
    "Requests with a read head and no answer yet, at most 0.5 s old.",
    (STREAM,),
)
ROWS_RECEIVED = Metric(
    "ingestion_rows_received_total",
    "counter",
    "rows",
    "Rows that the buffer accepted, or that were rejected or failed at once; "
    "received = stored + rejected + failed + in flight.",
    (STREAM,),
)
ROWS_RECOVERED = Metric(
    "ingestion_rows_recovered_total",
    "counter",
    "rows",
    "Part of received: rows in the spool from an earlier service or a dead worker.",
    (STREAM,),
)
ROWS_STORED = Metric(
    "ingestion_rows_stored_total",
    "counter",
    "rows",
    "Rows that QuestDB acknowledged (over ILP/TCP, which does not acknowledge: that were sent); "
    "a row that is posted again counts again.",
    (STREAM, SINK),
)
ROWS_REJECTED = Metric(
    "ingestion_rows_rejected_total",
    "counter",
    "rows",
    "Lines that are no record, records that break a rule, rows that the database refuses.",
    (STREAM, Label("reason", ROW_CODES, "row error code")),
)
ROWS_FAILED = Metric(
    "ingestion_rows_failed_total",
    "counter",
    "rows",
    "Rows that were not stored and may be sent again.",
    (STREAM, Label("reason", FAILED, "why")),
)
ROWS_IN_FLIGHT = Metric(
    "ingestion_rows_in_flight",
    "gauge",
    "rows",
    "Accepted rows that are not settled yet: waiting, being sent, or spooled.",
    (STREAM,),
)
ROWS_SPOOLED = Metric(
    "ingestion_rows_spooled",
    "gauge",
    "rows",
    "Part of in flight: rows in the spool on this machine's disk.",
    (STREAM,),
)
BUFFER_BYTES = Metric(
    "ingestion_buffer_bytes",
    "gauge",
    "bytes",
    "Body bytes of the rows in memory, waiting or being sent.",
    (STREAM,),
)
BUFFER_ROWS_MAX = Metric(
    "ingestion_buffer_capacity_rows",
    "gauge",
    "rows",
    "Rows that the living workers may hold in memory together (channel_capacity).",
    (STREAM,),
)
FLUSH_SECONDS = Metric(
    "ingestion_flush_seconds",
    "histogram",
    "seconds",
    "Time from the first attempt to the acknowledgement of one stored batch.",
    (STREAM, SINK),
    _FLUSH_S,
)
FLUSH_ROWS = Metric(
    "ingestion_flush_rows",
    "histogram",
    "rows",
    "Rows of one stored batch.",
    (STREAM, SINK),
    _FLUSH_ROWS,
)
LAST_STORED = Metric(
    "ingestion_last_stored_timestamp_seconds",
    "gauge",
    "seconds",
    "Time of the last stored batch, seconds since 1970; 0 if there was none.",
    (STREAM,),
)
SINK_RETRIES = Metric(
    "ingestion_sink_retries_total",
    "counter",
    "count",
    "Sends that failed and were repeated.",
    (STREAM, SINK, Label("reason", RETRIED, "why")),
)
FALLBACK_ACTIVE = Metric(
    "ingestion_fallback_active",
    "gauge",
    "yes/no",
    "1 while any lane of the stream uses its fallback.",
    (STREAM,),
)
DEAD_LETTERS = Metric(
    "ingestion_dead_letters_total",
    "counter",
    "rows",
    "Rows refused by the database, while a dead-letter file is configured; of `consume`, all "
    "refused records: they are kept in the dead-letter topic.",
    (STREAM, Label("outcome", ("kept", "not-kept"), "whether there was room on the disk")),
)
WORKER_RESTARTS = Metric(
    "ingestion_worker_restarts_total",
    "counter",
    "workers",
    "Workers that died or were killed, and were replaced.",
    (STREAM,),
)
WORKER_MEMORY = Metric(
    "ingestion_worker_memory_max_bytes",
    "gauge",
    "bytes",
    "Resident memory of the largest living worker.",
    (STREAM,),
)
WORKERS = Metric(
    "ingestion_workers",
    "gauge",
    "workers",
    "Living workers by the state they last reported.",
    (STREAM, Label("state", STATES, "state of a worker")),
    per_worker=False,
)
QUESTDB_UP = Metric(
    "ingestion_questdb_up",
    "gauge",
    "yes/no",
    "1 if QuestDB answered the last health check (once a second); absent where no stream goes "
    "there.",
    per_worker=False,
)
TABLE_SUSPENDED = Metric(
    "ingestion_table_suspended",
    "gauge",
    "yes/no",
    "1 if the table is suspended: it acknowledges rows that do not become visible; absent while "
    "QuestDB is down.",
    (TABLE,),
    per_worker=False,
)
TABLE_WAL_LAG = Metric(
    "ingestion_table_wal_lag_transactions",
    "gauge",
    "transactions",
    "Transactions that are committed and not visible yet; absent while QuestDB is down.",
    (TABLE,),
    per_worker=False,
)
READY = Metric(
    "ingestion_ready",
    "gauge",
    "yes/no",
    "1 if /readyz answers 200.",
    per_worker=False,
)
LOG_LINES_DROPPED = Metric(
    "ingestion_log_lines_dropped_total",
    "counter",
    "lines",
    "Log lines dropped because standard error has no room, no reader, or a slow one.",
    per_worker=False,
)
BUILD_INFO = Metric(
    "ingestion_build_info",
    "info",
    "count",
    "Always 1; the label is the version.",
    (Label("version", (), "the version that runs"),),
    per_worker=False,
)

METRICS: Final = (
    *(REQUESTS, REQUESTS_BY_TOKEN, REQUEST_BYTES, REQUEST_SECONDS, REQUESTS_IN_FLIGHT),
    *(ROWS_RECEIVED, ROWS_RECOVERED, ROWS_STORED, ROWS_REJECTED, ROWS_FAILED, ROWS_BY_TOKEN),
    *(ROWS_IN_FLIGHT, ROWS_SPOOLED, BUFFER_BYTES, BUFFER_ROWS_MAX),
    *(FLUSH_SECONDS, FLUSH_ROWS, LAST_STORED, SINK_RETRIES, FALLBACK_ACTIVE, DEAD_LETTERS),
    *LOG_METRICS,
    *(WORKERS, WORKER_RESTARTS, WORKER_MEMORY, QUESTDB_UP),
    *(TABLE_SUSPENDED, TABLE_WAL_LAG, READY, LOG_LINES_DROPPED, BUILD_INFO),
)
"""All of them, in the order of the page and of the exposition."""
