"""Builds lanes: from the config of a stream to queue, sinks, dead letters and spool."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from utility_ts_analytics.buffering.block import Failure
from utility_ts_analytics.buffering.queue import BlockQueue
from utility_ts_analytics.clock import SystemClock
from utility_ts_analytics.config import Config, SinkConfig, StreamConfig
from utility_ts_analytics.database.access import access_of
from utility_ts_analytics.delivery.batch import BatchLimits
from utility_ts_analytics.delivery.counts import LaneCounts
from utility_ts_analytics.delivery.dead_letters import DeadLetters
from utility_ts_analytics.delivery.lane import Closable, Lane
from utility_ts_analytics.delivery.order import LaneOrder, StreamOrder
from utility_ts_analytics.delivery.sending import RetryPolicy, Sender
from utility_ts_analytics.delivery.settling import Settler
from utility_ts_analytics.delivery.spool import Spool
from utility_ts_analytics.delivery.spooling import Spooler
from utility_ts_analytics.delivery.waits import Backoff
from utility_ts_analytics.records.encoded import JsonEncoder
from utility_ts_analytics.records.streams import STREAMS, StreamSpec
from utility_ts_analytics.sinks.contract import Sink
from utility_ts_analytics.sinks.ilp import ilp_over_http, ilp_over_tcp
from utility_ts_analytics.sinks.ilp.text_blocks import json_encoder
from utility_ts_analytics.sinks.kafka.sink import KafkaSink
from utility_ts_analytics.sinks.kafka.topic import LogTopic
from utility_ts_analytics.sinks.pgwire import PgwireSink
from utility_ts_analytics.telemetry.measures import Measures

_BACKOFF_MAX_S = 5.0

_jitter = random.SystemRandom().random
"""Differs between workers that were forked from one process at the same moment."""


def make_lanes(
    config: Config,
    name: str,
    measures: Measures,
    *,
    trouble: Callable[[], Failure | None] = lambda: None,
    spools: bool = True,
    order: StreamOrder | None = None,
    guard: Callable[[Sink], Sink] = lambda sink: sink,
    topic: LogTopic | None = None,
) -> list[Lane]:
    """Build the lanes of one stream. The stream's capacity is shared equally between them.

    Args:
        config: All of it.
        name: The stream.
        measures: Where the lanes count.
        trouble: Returns why the table cannot take rows just now, as far as is known.
        spools: False leaves a configured spool alone.
        order: Shared with the other workers of the stream; None where these lanes are alone.
        guard: Returns the sink to use in place of each sink.
        topic: The stream's, if the caller watches it; used where rows go to Kafka.
    """
    order = order or StreamOrder(None, SystemClock())
    topic = topic or LogTopic(config.kafka, config.kafka.topics.of(name), SystemClock())
    stream, spec = config.streams[name], STREAMS[name]
    plan = _Plan(config, stream, spec, measures, trouble, spools, order, guard, topic)
    return [_lane(plan) for _ in range(plan.stream.sink.lanes)]


def json_encoder_of(config: Config, name: str, *, versions: bool = False) -> JsonEncoder | None:
    """Return what encodes lines of JSON for the lanes of a stream, if they send lines by ILP."""
    stream, spec = config.streams[name], STREAMS[name]
    if stream.sink.kind != "ilp":
        return None
    return json_encoder(
        stream.table,
        spec,
        spec.type_for(allow_negative=stream.source.allow_negative),
        versions=versions,
    )


@dataclass(frozen=True, slots=True)
class _Plan:
    """What the lanes of one stream and worker have in common; attributes as of `make_lanes`."""

    config: Config
    stream: StreamConfig
    spec: StreamSpec
    measures: Measures
    trouble: Callable[[], Failure | None]
    spools: bool
    order: StreamOrder
    guard: Callable[[Sink], Sink]
    topic: LogTopic


def _lane(plan: _Plan) -> Lane:
    settings, clock, order = plan.stream.sink, SystemClock(), plan.order.lane()
    counts = LaneCounts(plan.measures, clock, plan.spec.name)
    sink, dead_letters = plan.guard(_sink(plan)), _dead_letters(plan)
    fallback = _fallback(plan)
    sender = Sender(
        sink,
        fallback,
        policy=_retry_policy(settings),
        order=order,
        clock=clock,
        random=_jitter,
        counts=counts,
    )
    settler = Settler(sender, clock=clock, counts=counts, dead_letters=dead_letters)
    owned: list[Closable | None] = [sink, fallback, dead_letters]
    return Lane(
        _queue(plan.stream),
        sink,
        settler,
        limits=BatchLimits(
            batch_size=settings.batch_size,
            max_batch_linger_s=settings.max_batch_linger_ms / 1000,
        ),
        delivery_timeout_s=settings.delivery_timeout_ms / 1000,
        order=order,
        clock=clock,
        spooler=_spooler(plan, settler, order, counts, sink.name),
        closables=[part for part in owned if part is not None],
    )


def _queue(stream: StreamConfig) -> BlockQueue:
    source, lanes = stream.source, stream.sink.lanes
    return BlockQueue(
        rows_max=max(1, source.channel_capacity // lanes),
        bytes_max=max(1, source.channel_capacity_bytes // lanes),
    )


def _retry_policy(settings: SinkConfig) -> RetryPolicy:
    first_s = settings.retry_backoff_ms / 1000
    return RetryPolicy(
        max_retries=settings.max_retries,
        backoff=Backoff(first_s, max(first_s, _BACKOFF_MAX_S)),
        request_timeout_s=settings.request_timeout_ms / 1000,
    )


def _sink(plan: _Plan) -> Sink:
    questdb, settings, table = plan.config.questdb, plan.stream.sink, plan.stream.table
    if settings.kind == "kafka":
        written = plan.measures.messages_written
        return KafkaSink(plan.config.kafka, plan.topic, plan.spec, written=written)
    if settings.kind == "pgwire":
        return PgwireSink(questdb.pgwire_uri, table, plan.spec)
    if settings.transport == "tcp":
        return ilp_over_tcp(str(questdb.ilp_tcp_addr), table)
    return ilp_over_http(questdb.ilp_http_addr.addr, table, access=access_of(questdb))


def _fallback(plan: _Plan) -> Sink | None:
    """Return the second choice; pgwire has none."""
    if plan.stream.sink.fallback == "none" or plan.stream.sink.kind == "pgwire":
        return None
    return plan.guard(PgwireSink(plan.config.questdb.pgwire_uri, plan.stream.table, plan.spec))


def _dead_letters(plan: _Plan) -> DeadLetters | None:
    settings = plan.stream.sink
    if settings.dead_letter_dir is None:
        return None
    return DeadLetters(
        Path(settings.dead_letter_dir),
        plan.spec.name,
        dead_letter_max_bytes=settings.dead_letter_max_bytes,
        clock=SystemClock(),
    )


def _spooler(
    plan: _Plan, settler: Settler, order: LaneOrder, counts: LaneCounts, sink_name: str
) -> Spooler | None:
    settings = plan.stream.spool
    if settings.dir is None or not plan.spools:
        return None
    spool = Spool(Path(settings.dir), plan.spec, max_bytes=settings.max_bytes, order=order)
    return Spooler(
        settler,
        spool,
        order,
        sink_name=sink_name,
        delivery_timeout_s=plan.stream.sink.delivery_timeout_ms / 1000,
        clock=SystemClock(),
        counts=counts,
        trouble=plan.trouble,
    )
