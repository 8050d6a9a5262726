"""The one place that wires: from a config to the applications that run in the workers."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from utility_ts_analytics.asgi.app import StreamApp
from utility_ts_analytics.asgi.auth import BearerAuth
from utility_ts_analytics.asgi.ingest import IngestEndpoint, IngestSettings
from utility_ts_analytics.asgi.ops import OpsApp
from utility_ts_analytics.asgi.types import AsgiApp, IngestLimits
from utility_ts_analytics.buffering.block import Failure
from utility_ts_analytics.buffering.intake import Intake
from utility_ts_analytics.buffering.queue import BlockQueue
from utility_ts_analytics.clock import SystemClock
from utility_ts_analytics.config import Address, Config, SinkConfig, SourceConfig, StreamConfig
from utility_ts_analytics.database.table_spec import TableSpec, table_specs
from utility_ts_analytics.reading.ndjson import NdjsonDecoder
from utility_ts_analytics.records.streams import STREAMS, StreamSpec
from utility_ts_analytics.service.beacon import Beacon
from utility_ts_analytics.service.database_watch import DatabaseWatch
from utility_ts_analytics.service.operations import OperationsFacts
from utility_ts_analytics.service.ports import Listener
from utility_ts_analytics.service.stream_worker import Counts, DrainState, StreamWorker, jitter
from utility_ts_analytics.service.supervisor import ServerPlan
from utility_ts_analytics.sinks.backoff import Backoff
from utility_ts_analytics.sinks.contract import Sink
from utility_ts_analytics.sinks.delivery import RetryPolicy
from utility_ts_analytics.sinks.ilp import ilp_over_http, ilp_over_tcp
from utility_ts_analytics.sinks.lane import BatchLimits, Lane
from utility_ts_analytics.sinks.observer import LaneObserver
from utility_ts_analytics.sinks.pgwire import pgwire_sink

OPERATIONS = "operations"
"""Name of the server that is no stream."""

_BACKOFF_MAX_S = 5.0


def server_plans(config: Config) -> list[ServerPlan]:
    """Return what the supervisor has to run: one server per stream, and operations."""
    plans = [
        ServerPlan(
            name=name,
            listener=_listener(f"{name}.source.http_bind_addr", stream.source.bind_address),
            workers=stream.source.workers or len(os.sched_getaffinity(0)),
            make_app=_stream_app_maker(config, name),
        )
        for name, stream in config.streams.items()
    ]
    plans.append(
        ServerPlan(
            name=OPERATIONS,
            listener=_listener("metrics.bind_addr", config.metrics.bind_address),
            workers=1,
            make_app=lambda runtime_dir: make_operations_app(config, runtime_dir),
        )
    )
    return plans


def make_operations_app(config: Config, runtime_dir: Path) -> AsgiApp:
    """Build the application of the operations port; runs in its worker."""
    watch = DatabaseWatch(config.questdb.uri.reveal(), _table_specs(config), SystemClock())
    facts = OperationsFacts(config, watch, Beacon(runtime_dir, OPERATIONS), runtime_dir)
    return OpsApp(facts)


def make_stream_app(config: Config, name: str, runtime_dir: Path) -> AsgiApp:
    """Build the application of one stream's port; runs in each of its workers."""
    stream, spec, clock = config.streams[name], STREAMS[name], SystemClock()
    counts, drain = Counts(), DrainState()
    watch = DatabaseWatch(
        config.questdb.uri.reveal(), [table_specs()[name].named(stream.table)], clock
    )

    def refusal() -> Failure | None:
        return drain.failure() or watch.failure_of(stream.table)

    sinks, lanes = make_lanes(config, name, counts)
    intake = Intake(
        [queue for queue, _ in lanes],
        sessions_max=stream.source.concurrent_requests_max,
        refusal=refusal,
    )
    decoder = NdjsonDecoder(spec, spec.type_for(allow_negative=stream.source.allow_negative))
    auth = BearerAuth([token.reveal() for token in stream.source.tokens])
    endpoint = IngestEndpoint(_ingest_settings(name, stream), decoder, intake, auth, clock)
    worker = StreamWorker(
        lanes=lanes,
        sinks=sinks,
        endpoint=endpoint,
        watch=watch,
        refusal=refusal,
        beacon=Beacon(runtime_dir, name),
        counts=counts,
        drain=drain,
        drain_timeout_s=config.server.drain_timeout_s,
        clock=clock,
    )
    return StreamApp(name, endpoint, worker)


def make_lanes(
    config: Config, name: str, observer: LaneObserver
) -> tuple[Sequence[Sink[Any]], Sequence[tuple[BlockQueue, Lane[Any]]]]:
    """Build the sinks of one stream and the lanes that feed them, each with its queue.

    The stream's capacity is shared equally between the lanes.
    """
    stream, spec = config.streams[name], STREAMS[name]
    sinks = [_sink(config, stream, spec) for _ in range(stream.sink.lanes)]
    return sinks, [_lane(stream, sink, observer) for sink in sinks]


def _lane(
    stream: StreamConfig, sink: Sink[Any], observer: LaneObserver
) -> tuple[BlockQueue, Lane[Any]]:
    source, settings = stream.source, stream.sink
    queue = BlockQueue(
        rows_max=max(1, source.channel_rows_max // settings.lanes),
        bytes_max=max(1, source.channel_bytes_max // settings.lanes),
    )
    lane = Lane(
        queue,
        sink,
        limits=BatchLimits(
            rows_max=settings.batch_rows_max, linger_s=settings.batch_linger_ms_max / 1000
        ),
        policy=_retry_policy(settings),
        clock=SystemClock(),
        random=jitter,
        observer=observer,
    )
    return queue, lane


def _retry_policy(settings: SinkConfig) -> RetryPolicy:
    first_s = settings.retry_backoff_ms / 1000
    return RetryPolicy(
        retries_max=settings.retries_max,
        backoff=Backoff(first_s, max(first_s, _BACKOFF_MAX_S)),
        attempt_timeout_s=settings.request_timeout_ms / 1000,
        delivery_timeout_s=settings.delivery_timeout_ms / 1000,
    )


def _sink(config: Config, stream: StreamConfig, spec: StreamSpec) -> Sink[Any]:
    questdb, settings = config.questdb, stream.sink
    if settings.kind == "pgwire":
        return pgwire_sink(questdb.uri.reveal(), stream.table, spec)
    if settings.transport == "tcp":
        return ilp_over_tcp(str(questdb.ilp_tcp_address), stream.table)
    credentials = None
    if questdb.ilp_user is not None and questdb.ilp_password is not None:
        credentials = (questdb.ilp_user, questdb.ilp_password.reveal())
    return ilp_over_http(
        str(questdb.ilp_http_address),
        stream.table,
        timeout_s=settings.request_timeout_ms / 1000,
        credentials=credentials,
    )


def _ingest_settings(name: str, stream: StreamConfig) -> IngestSettings:
    return IngestSettings(
        stream=name,
        limits=_limits(stream.source, stream.sink),
        strict=stream.source.ndjson_strict,
        ack=stream.sink.ack,
    )


def _limits(source: SourceConfig, sink: SinkConfig) -> IngestLimits:
    return IngestLimits(
        max_body_bytes=source.body_bytes_max,
        max_ndjson_body_bytes=source.ndjson_body_bytes_max,
        max_decompressed_bytes=source.decompressed_bytes_max,
        max_request_records=source.request_records_max,
        max_line_bytes=source.line_bytes_max,
        max_future_minutes=source.future_minutes_max,
        body_idle_timeout_s=source.body_idle_timeout_ms / 1000,
        body_min_rate_bytes=source.body_rate_bytes_min,
        delivery_timeout_s=sink.delivery_timeout_ms / 1000,
    )


def _stream_app_maker(config: Config, name: str) -> Callable[[Path], AsgiApp]:
    return lambda runtime_dir: make_stream_app(config, name, runtime_dir)


def _listener(setting: str, address: Address) -> Listener:
    return Listener(setting, address.host, address.port)


def _table_specs(config: Config) -> list[TableSpec]:
    specs = table_specs()
    return [specs[name].named(stream.table) for name, stream in config.streams.items()]
