"""Builds from a config the plan of the service and the applications that run in its workers."""

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from utility_ts_analytics.asgi.app import StreamApp
from utility_ts_analytics.asgi.auth import BearerAuth, HeldToken
from utility_ts_analytics.asgi.endpoint import IngestEndpoint
from utility_ts_analytics.asgi.openapi import DescribedStream, openapi_document
from utility_ts_analytics.asgi.openapi_answers import Schema
from utility_ts_analytics.asgi.operations import PATHS, OpsApp
from utility_ts_analytics.asgi.protocol import AsgiApp
from utility_ts_analytics.asgi.settings import IngestLimits, IngestSettings
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
from utility_ts_analytics.consume.lag import LogWatch
from utility_ts_analytics.database.access import access_of, answers_ping
from utility_ts_analytics.database.table_spec import table_specs
from utility_ts_analytics.delivery.assembly import json_encoder_of, make_lanes
from utility_ts_analytics.delivery.lane import shared_refusal
from utility_ts_analytics.delivery.order import StreamOrder
from utility_ts_analytics.errors import ConfigError
from utility_ts_analytics.reading.ndjson import NdjsonDecoder
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.service.listeners.port_watch import PortWatch
from utility_ts_analytics.service.listeners.tls import check_tls_or_raise, weaknesses
from utility_ts_analytics.service.listeners.worker_sockets import until_listening
from utility_ts_analytics.service.monitoring.broker_watch import BrokerWatch
from utility_ts_analytics.service.monitoring.database_watch import DatabaseWatch
from utility_ts_analytics.service.monitoring.map_watch import MapWatch
from utility_ts_analytics.service.monitoring.operations import OperationsFacts
from utility_ts_analytics.service.monitoring.stores_watch import StoresWatch
from utility_ts_analytics.service.plans import Listener, ServerPlan, ServicePlan
from utility_ts_analytics.service.shared_worker_state import WorkerStateFile
from utility_ts_analytics.service.stream_worker import DrainState, StreamWorker
from utility_ts_analytics.sinks.kafka.topic import LogTopic
from utility_ts_analytics.telemetry.logs import name_process

OPERATIONS = "operations"
"""Name of the server for metrics, status and health; all other servers are streams."""

_PING_TIMEOUT_S = 1.0


def service_plan(config: Config) -> ServicePlan:
    """Return what the supervisor has to run.

    Raises:
        ConfigError: A certificate or key cannot be used, or a stream would go into shards.
    """
    check_tls_or_raise(config)
    into_shards = config.streams_into("questdb") if config.questdb.shards else []
    if into_shards:
        raise ConfigError(
            [
                f'{name}.sink.kind: must be "kafka" where there are questdb.shards: only consume'
                " writes each reading to its shard"
                for name in into_shards
            ]
        )
    server = config.server
    return ServicePlan(
        servers=server_plans(config),
        worker_silent_s=server.worker_silent_s,
        log_level=server.log_level,
        log_format=server.log_format,
        weaknesses=list(weaknesses(config)),
    )


def server_plans(config: Config) -> list[ServerPlan]:
    """Return one server per stream, and operations."""
    drain_timeout_s = config.server.drain_timeout_s
    plans = [
        ServerPlan(
            name=name,
            listener=_listener(f"{name}.source.http_bind_addr", stream.source.bind_address),
            workers=stream.source.workers or len(os.sched_getaffinity(0)),
            make_app=partial(make_stream_app, config, name),
            drain_timeout_s=drain_timeout_s,
            max_connections=stream.source.max_connections,
            tls=stream.source.tls,
        )
        for name, stream in config.streams.items()
    ]
    plans.append(operations_plan(config, partial(make_operations_app, config)))
    return plans


def operations_plan(config: Config, make_app: Callable[[Path], AsgiApp]) -> ServerPlan:
    """Return the server of the operations port.

    Args:
        config: All of it.
        make_app: Builds its application.
    """
    return ServerPlan(
        name=OPERATIONS,
        listener=_listener("metrics.bind_addr", config.metrics.bind_address),
        workers=1,
        make_app=make_app,
        drain_timeout_s=config.server.drain_timeout_s,
        tls=config.metrics.tls,
    )


def make_operations_app(config: Config, runtime_dir: Path) -> AsgiApp:
    """Build the application of the operations port. Called in its worker."""
    return operations_app(config, runtime_dir, server_plans(config), describe(config))


def operations_app(
    config: Config,
    runtime_dir: Path,
    servers: Sequence[ServerPlan],
    openapi: Schema,
    *,
    log: LogWatch | None = None,
) -> AsgiApp:
    """Build an operations port.

    Args:
        config: All of it.
        runtime_dir: Where the workers of the service keep their state.
        servers: The ports of the service.
        openapi: What they serve.
        log: How far `consume` is behind; None where nothing is consumed.
    """
    clock = SystemClock()
    facts = OperationsFacts(
        config,
        WorkerStateFile(runtime_dir, OPERATIONS),
        runtime_dir,
        watch=StoresWatch(
            {
                shard: database_watch(one, config.streams_into("questdb"))
                for shard, one in config.databases.items()
            }
        ),
        brokers=BrokerWatch(
            {
                name: LogTopic(config.kafka, config.kafka.topics.of(name), clock)
                for name in config.streams_into("kafka")
            },
            clock,
        ),
        ports=PortWatch(servers, runtime_dir, clock, worker_silent_s=config.server.worker_silent_s),
        maps=MapWatch(config.databases, clock),
        listening=partial(until_listening, config.metrics.bind_address.port, clock),
        clock=clock,
        log=log,
    )
    token = config.metrics.auth_bearer_token
    held = [] if token is None else [HeldToken(OPERATIONS, token.reveal())]
    auth = BearerAuth(held, realm=OPERATIONS, basic=True)
    hosts = [host.name for host in config.metrics.allowed_hosts]
    return OpsApp(facts, openapi, auth, hosts)


def describe(config: Config) -> Schema:
    """Return the OpenAPI document of the service that `config` describes."""
    streams = [
        DescribedStream(
            spec=STREAMS[name],
            url=url_of(stream.source),
            limits=_limits(stream.source, stream.sink),
            guarded=bool(stream.source.tokens),
            ndjson_strict=stream.source.ndjson_strict,
            allow_negative=stream.source.allow_negative,
        )
        for name, stream in config.streams.items()
    ]
    return openapi_document(streams, url_of(config.metrics), PATHS)


def make_stream_app(config: Config, name: str, runtime_dir: Path) -> AsgiApp:
    """Build the application of one stream's port. Called in each of its workers."""
    name_process(stream=name)
    stream, spec, clock = config.streams[name], STREAMS[name], SystemClock()
    tokens = [HeldToken(token.name, token.reveal()) for token in stream.source.tokens]
    token_names = list(dict.fromkeys(token.name for token in tokens))
    state_file = WorkerStateFile(runtime_dir, name, token_names)
    drain, measures = DrainState(), state_file.measures
    topic = LogTopic(config.kafka, config.kafka.topics.of(name), clock)
    watch: DatabaseWatch | BrokerWatch
    if stream.sink.kind == "kafka":
        watch, watched = BrokerWatch({name: topic}, clock), name
    else:
        watch, watched = database_watch(config, [name]), stream.table

    def trouble() -> Failure | None:
        return watch.failure_of(watched)

    def refusal() -> Failure | None:
        return drain.failure() or shared_refusal(lanes, trouble)

    lanes = make_lanes(
        config,
        name,
        measures,
        trouble=trouble,
        order=StreamOrder(runtime_dir / f"{name}.order", clock, lambda: watch.answered_s),
        topic=topic,
    )
    intake = Intake(
        [lane.queue for lane in lanes],
        max_concurrent_requests=stream.source.max_concurrent_requests,
        refusal=refusal,
        measures=measures,
    )
    record_type = spec.type_for(allow_negative=stream.source.allow_negative)
    decoder = NdjsonDecoder(spec, record_type, json_encoder_of(config, name))
    settings = _ingest_settings(name, stream)
    endpoint = IngestEndpoint(settings, decoder, intake, BearerAuth(tokens), clock)
    worker = StreamWorker(
        lanes=lanes,
        endpoint=endpoint,
        watch=watch,
        refusal=refusal,
        listening=partial(until_listening, stream.source.bind_address.port, clock),
        state_file=state_file,
        drain=drain,
        drain_timeout_s=config.server.drain_timeout_s,
        clock=clock,
    )
    return StreamApp(name, endpoint, worker, measures, clock)


def _ingest_settings(name: str, stream: StreamConfig) -> IngestSettings:
    return IngestSettings(
        stream=name,
        limits=_limits(stream.source, stream.sink),
        ndjson_strict=stream.source.ndjson_strict,
        ack="replicated" if _is_replicated(stream.sink) else stream.sink.ack,
        allowed_origins=frozenset(map(str, stream.source.allowed_origins)),
    )


def _is_replicated(sink: SinkConfig) -> bool:
    return (sink.kind, sink.ack) == ("kafka", "committed")


def _limits(source: SourceConfig, sink: SinkConfig) -> IngestLimits:
    return IngestLimits(
        max_body_bytes=source.max_body_bytes,
        max_ndjson_body_bytes=source.max_ndjson_body_bytes,
        max_decompressed_bytes=source.max_decompressed_bytes,
        max_request_records=source.max_request_records,
        max_request_days=source.max_request_days,
        max_request_errors=source.max_request_errors,
        max_line_bytes=source.max_line_bytes,
        max_future_minutes=source.max_future_minutes,
        body_idle_timeout_ms=source.body_idle_timeout_ms,
        body_min_rate_bytes=source.body_min_rate_bytes,
        delivery_timeout_ms=sink.delivery_timeout_ms,
        channel_capacity_bytes=source.channel_capacity_bytes,
        max_window_bytes=source.max_window_bytes,
    )


def _listener(setting: str, address: Address) -> Listener:
    return Listener(setting, address.host, address.port)


def database_watch(config: Config, names: Sequence[str]) -> DatabaseWatch:
    """Return a watch on the tables of these streams."""
    questdb, specs = config.questdb, table_specs()
    streams = {name: config.streams[name] for name in names}
    over_http = [
        stream.table
        for stream in streams.values()
        if (stream.sink.kind, stream.sink.transport) == ("ilp", "http")
    ]
    ping = partial(
        answers_ping,
        questdb.ilp_http_addr.host,
        questdb.ilp_http_addr.port,
        timeout_s=_PING_TIMEOUT_S,
        access=access_of(questdb),
    )
    return DatabaseWatch(
        questdb.pgwire_uri,
        [specs[name].named(stream.table) for name, stream in streams.items()],
        SystemClock(),
        wal_lag_transactions_max=questdb.wal_lag_transactions_max,
        ping=ping if over_http else None,
        pinged=over_http,
    )
