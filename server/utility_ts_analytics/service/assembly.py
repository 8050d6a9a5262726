"""Wires, from a config to the applications that run in the workers; `lane_assembly` the lanes."""

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from utility_ts_analytics.asgi.alive import AnsweringHealth
from utility_ts_analytics.asgi.app import StreamApp
from utility_ts_analytics.asgi.auth import BearerAuth, HeldToken
from utility_ts_analytics.asgi.exchange import IngestSettings
from utility_ts_analytics.asgi.ingest import IngestEndpoint
from utility_ts_analytics.asgi.metering import MeteredApp
from utility_ts_analytics.asgi.openapi import DescribedStream, openapi_document
from utility_ts_analytics.asgi.openapi_schemas import Schema
from utility_ts_analytics.asgi.ops import PATHS, OpsApp
from utility_ts_analytics.asgi.ops_guard import OpsGuard
from utility_ts_analytics.asgi.types import AsgiApp, IngestLimits
from utility_ts_analytics.buffering.block import Failure
from utility_ts_analytics.buffering.intake import Intake
from utility_ts_analytics.clock import SystemClock
from utility_ts_analytics.config import (
    Address,
    Config,
    SinkConfig,
    SourceConfig,
    StreamConfig,
    url_of,
)
from utility_ts_analytics.database.http_access import access_of
from utility_ts_analytics.database.ping import answers_ping
from utility_ts_analytics.database.table_spec import table_specs
from utility_ts_analytics.reading.ndjson import NdjsonDecoder
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.service.beacon import Beacon
from utility_ts_analytics.service.checks import weaknesses
from utility_ts_analytics.service.database_watch import DatabaseWatch
from utility_ts_analytics.service.delivery_lane import shared_refusal
from utility_ts_analytics.service.lane_assembly import make_lanes
from utility_ts_analytics.service.lane_counts import LaneCounts
from utility_ts_analytics.service.map_watch import MapWatch
from utility_ts_analytics.service.operations import OperationsFacts
from utility_ts_analytics.service.plans import ServerPlan, ServicePlan
from utility_ts_analytics.service.port_probe import Port
from utility_ts_analytics.service.port_watch import PortWatch
from utility_ts_analytics.service.ports import Listener
from utility_ts_analytics.service.stream_worker import DrainState, StreamWorker
from utility_ts_analytics.service.tls import check_tls_or_raise
from utility_ts_analytics.sinks.order import StreamOrder
from utility_ts_analytics.telemetry.logs import name_process

OPERATIONS = "operations"
"""Name of the server that is no stream."""

_PING_TIMEOUT_S = 1.0


def service_plan(config: Config) -> ServicePlan:
    """Return what the supervisor has to run.

    Raises:
        ConfigError: A certificate or key cannot be used.
    """
    check_tls_or_raise(config)
    server = config.server
    return ServicePlan(
        servers=server_plans(config),
        drain_timeout_s=server.drain_timeout_s,
        worker_silent_s=server.worker_silent_s,
        log_level=server.log_level,
        log_format=server.log_format,
        weaknesses=[line.text for line in weaknesses(config)],
    )


def server_plans(config: Config) -> list[ServerPlan]:
    """Return one server per stream, and operations."""
    plans = [
        ServerPlan(
            name=name,
            listener=_listener(f"{name}.source.http_bind_addr", stream.source.bind_address),
            workers=stream.source.workers or len(os.sched_getaffinity(0)),
            make_app=_stream_app_maker(config, name),
            connections_max=stream.source.connections_max,
            tls=stream.source.tls,
        )
        for name, stream in config.streams.items()
    ]
    plans.append(
        ServerPlan(
            name=OPERATIONS,
            listener=_listener("metrics.bind_addr", config.metrics.bind_address),
            workers=1,
            make_app=lambda runtime_dir: make_operations_app(config, runtime_dir),
            tls=config.metrics.tls,
        )
    )
    return plans


def make_operations_app(config: Config, runtime_dir: Path) -> AsgiApp:
    """Build the application of the operations port; runs in its worker."""
    watch = _watch(config, list(config.streams))
    ports = PortWatch(
        [_port(plan) for plan in server_plans(config)],
        runtime_dir,
        SystemClock(),
        stuck_s_max=config.server.worker_silent_s,
    )
    maps = MapWatch(config, SystemClock())
    beacon = Beacon(runtime_dir, OPERATIONS)
    facts = OperationsFacts(config, watch, beacon, runtime_dir, ports=ports, maps=maps)
    token = config.metrics.auth_bearer_token
    held = [] if token is None else [HeldToken(OPERATIONS, token.reveal())]
    ops = OpsApp(facts, describe(config))
    hosts = [host.name for host in config.metrics.allowed_hosts]
    return OpsGuard(ops, BearerAuth(held, realm=OPERATIONS, basic=True), hosts)


def describe(config: Config) -> Schema:
    """Return the OpenAPI document of the service that `config` describes."""
    streams = [
        DescribedStream(
            spec=STREAMS[name],
            url=url_of(stream.source),
            limits=_limits(stream.source, stream.sink),
            guarded=bool(stream.source.tokens),
            strict=stream.source.ndjson_strict,
            allow_negative=stream.source.allow_negative,
        )
        for name, stream in config.streams.items()
    ]
    return openapi_document(streams, url_of(config.metrics), PATHS)


def make_stream_app(config: Config, name: str, runtime_dir: Path) -> AsgiApp:
    """Build the application of one stream's port; runs in each of its workers."""
    name_process(stream=name)
    stream, spec, clock = config.streams[name], STREAMS[name], SystemClock()
    tokens = [HeldToken(token.name, token.reveal()) for token in stream.source.tokens]
    beacon = Beacon(runtime_dir, name, list(dict.fromkeys(token.name for token in tokens)))
    drain, measures = DrainState(), beacon.measures
    watch = _watch(config, [name])

    def trouble() -> Failure | None:
        return watch.failure_of(stream.table)

    def refusal() -> Failure | None:
        return drain.failure() or shared_refusal(lanes, trouble)

    lanes = make_lanes(
        config,
        name,
        LaneCounts(measures, clock, name),
        trouble=trouble,
        order=StreamOrder(runtime_dir / f"{name}.order", clock, lambda: watch.answered_s),
    )
    intake = Intake(
        [lane.queue for lane in lanes],
        sessions_max=stream.source.concurrent_requests_max,
        refusal=refusal,
        measures=measures,
    )
    decoder = NdjsonDecoder(spec, spec.type_for(allow_negative=stream.source.allow_negative))
    endpoint = IngestEndpoint(
        _ingest_settings(name, stream), decoder, intake, BearerAuth(tokens), clock
    )
    worker = StreamWorker(
        lanes=lanes,
        endpoint=endpoint,
        watch=watch,
        refusal=refusal,
        beacon=beacon,
        drain=drain,
        drain_timeout_s=config.server.drain_timeout_s,
        clock=clock,
    )
    return AnsweringHealth(MeteredApp(StreamApp(name, endpoint, worker), measures, clock))


def _ingest_settings(name: str, stream: StreamConfig) -> IngestSettings:
    return IngestSettings(
        stream=name,
        limits=_limits(stream.source, stream.sink),
        strict=stream.source.ndjson_strict,
        ack=stream.sink.ack,
        allowed_origins=frozenset(map(str, stream.source.allowed_origins)),
    )


def _limits(source: SourceConfig, sink: SinkConfig) -> IngestLimits:
    return IngestLimits(
        max_body_bytes=source.body_bytes_max,
        max_ndjson_body_bytes=source.ndjson_body_bytes_max,
        max_decompressed_bytes=source.decompressed_bytes_max,
        max_request_records=source.request_records_max,
        max_request_days=source.request_days_max,
        max_request_errors=source.request_errors_max,
        max_line_bytes=source.line_bytes_max,
        max_future_minutes=source.future_minutes_max,
        body_idle_timeout_s=source.body_idle_timeout_ms / 1000,
        body_min_rate_bytes=source.body_rate_bytes_min,
        delivery_timeout_s=sink.delivery_timeout_ms / 1000,
        held_body_bytes=source.channel_bytes_max,
        window_bytes=source.window_bytes_max,
    )


def _stream_app_maker(config: Config, name: str) -> Callable[[Path], AsgiApp]:
    return lambda runtime_dir: make_stream_app(config, name, runtime_dir)


def _listener(setting: str, address: Address) -> Listener:
    return Listener(setting, address.host, address.port)


def _port(plan: ServerPlan) -> Port:
    return Port(
        plan.name,
        plan.listener.host,
        plan.listener.port,
        tls=plan.tls is not None,
        connections_max=plan.connections_max,
        workers=plan.workers,
    )


def _watch(config: Config, names: Sequence[str]) -> DatabaseWatch:
    questdb, specs = config.questdb, table_specs()
    streams = {name: config.streams[name] for name in names}
    over_http = [
        stream.table
        for stream in streams.values()
        if (stream.sink.kind, stream.sink.transport) == ("ilp", "http")
    ]
    ping = partial(
        answers_ping,
        questdb.ilp_http_address.host,
        questdb.ilp_http_address.port,
        timeout_s=_PING_TIMEOUT_S,
        access=access_of(questdb),
    )
    return DatabaseWatch(
        questdb.pgwire_uri,
        [specs[name].named(stream.table) for name, stream in streams.items()],
        SystemClock(),
        lag_transactions_max=questdb.wal_lag_transactions_max,
        ping=ping if over_http else None,
        pinged=over_http,
    )
