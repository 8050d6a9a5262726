"""Wires lanes: from a stream's config to queue, sinks, fallback, dead letters and spool."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from utility_ts_analytics.buffering.block import Failure
from utility_ts_analytics.buffering.queue import BlockQueue
from utility_ts_analytics.clock import SystemClock
from utility_ts_analytics.config import Config, SinkConfig, StreamConfig
from utility_ts_analytics.database.http_access import access_of
from utility_ts_analytics.records.streams import STREAMS, StreamSpec
from utility_ts_analytics.service.delivery_lane import Closable, DeliveryLane, SpoolParts
from utility_ts_analytics.sinks.backoff import Backoff
from utility_ts_analytics.sinks.batch import BatchLimits, Settler
from utility_ts_analytics.sinks.contract import Sink
from utility_ts_analytics.sinks.dead_letter import DeadLetters
from utility_ts_analytics.sinks.delivery import RetryPolicy
from utility_ts_analytics.sinks.dispatch import Dispatch
from utility_ts_analytics.sinks.ilp import ilp_over_http, ilp_over_tcp
from utility_ts_analytics.sinks.lane import Lane
from utility_ts_analytics.sinks.observer import LaneObserver, ReplayObserver
from utility_ts_analytics.sinks.order import LaneOrder, StreamOrder
from utility_ts_analytics.sinks.pgwire import pgwire_sink
from utility_ts_analytics.sinks.route import Route
from utility_ts_analytics.sinks.spool import Spool
from utility_ts_analytics.sinks.store_forward import StoreForward

_BACKOFF_MAX_S = 5.0

_jitter = random.SystemRandom().random
"""Differs between workers that were forked from one process at the same moment."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What the lanes of one stream and worker have in common.

    Attributes:
        config: All of it.
        stream: This stream's part.
        spec: The stream.
        observer: Counters and logs.
        trouble: Returns why the table cannot take rows, or None.
        spools: Whether to use the spool, if there is one.
        order: Of all lanes of the stream.
    """

    config: Config
    stream: StreamConfig
    spec: StreamSpec
    observer: LaneObserver
    trouble: Callable[[], Failure | None]
    spools: bool
    order: StreamOrder


def make_lanes(
    config: Config,
    name: str,
    observer: LaneObserver,
    *,
    trouble: Callable[[], Failure | None] = lambda: None,
    spools: bool = True,
    order: StreamOrder | None = None,
) -> list[DeliveryLane]:
    """Build the lanes of one stream. The stream's capacity is shared equally between them.

    Args:
        config: All of it.
        name: The stream.
        observer: Counters and logs.
        trouble: Returns why the table cannot take rows just now, as far as is known.
        spools: False leaves a configured spool alone.
        order: Shared with the other workers of the stream; None where these lanes are alone.
    """
    order = order or StreamOrder(None, SystemClock())
    plan = _Plan(config, config.streams[name], STREAMS[name], observer, trouble, spools, order)
    return [_lane(plan) for _ in range(plan.stream.sink.lanes)]


def _lane(plan: _Plan) -> DeliveryLane:
    settings, clock = plan.stream.sink, SystemClock()
    sink = _sink(plan)
    fallback = _fallback(plan)
    letters = _dead_letters(plan)
    observer = ReplayObserver(plan.observer)
    order = plan.order.lane()
    route = Route(
        sink,
        fallback=fallback,
        policy=_retry_policy(settings),
        order=order,
        clock=clock,
        random=_jitter,
        observer=observer,
    )
    dispatch = Dispatch(sink, route, clock=clock, observer=observer, dead_letters=letters)
    spool = _spool(plan, dispatch, sink, observer, order)
    queue = _queue(plan.stream)
    settler: Settler[Any] = dispatch if spool is None else spool.forward
    lane = Lane(
        queue,
        sink,
        settler,
        limits=BatchLimits(
            rows_max=settings.batch_rows_max, linger_s=settings.batch_linger_ms_max / 1000
        ),
        delivery_timeout_s=settings.delivery_timeout_ms / 1000,
        order=order,
        clock=clock,
        observer=observer,
    )
    owned: list[Closable | None] = [sink, fallback, letters]
    closables = [part for part in owned if part is not None]
    return DeliveryLane(queue, lane, dispatch, closables, spool)


def _queue(stream: StreamConfig) -> BlockQueue:
    source, lanes = stream.source, stream.sink.lanes
    return BlockQueue(
        rows_max=max(1, source.channel_rows_max // lanes),
        bytes_max=max(1, source.channel_bytes_max // lanes),
    )


def _retry_policy(settings: SinkConfig) -> RetryPolicy:
    first_s = settings.retry_backoff_ms / 1000
    return RetryPolicy(
        retries_max=settings.retries_max,
        backoff=Backoff(first_s, max(first_s, _BACKOFF_MAX_S)),
        attempt_timeout_s=settings.request_timeout_ms / 1000,
        delivery_timeout_s=settings.delivery_timeout_ms / 1000,
    )


def _sink(plan: _Plan) -> Sink[Any]:
    questdb, settings, table = plan.config.questdb, plan.stream.sink, plan.stream.table
    if settings.kind == "pgwire":
        return pgwire_sink(questdb.pgwire_uri, table, plan.spec)
    if settings.transport == "tcp":
        return ilp_over_tcp(str(questdb.ilp_tcp_address), table)
    return ilp_over_http(questdb.ilp_http_address.addr, table, access=access_of(questdb))


def _fallback(plan: _Plan) -> Sink[Any] | None:
    """Return the second choice; pgwire has none behind it."""
    if plan.stream.sink.fallback == "none" or plan.stream.sink.kind == "pgwire":
        return None
    return pgwire_sink(plan.config.questdb.pgwire_uri, plan.stream.table, plan.spec)


def _dead_letters(plan: _Plan) -> DeadLetters | None:
    settings = plan.stream.sink
    if settings.dead_letter_folder is None:
        return None
    return DeadLetters(
        Path(settings.dead_letter_folder),
        plan.spec.name,
        bytes_max=settings.dead_letter_bytes_max,
        clock=SystemClock(),
    )


def _spool(
    plan: _Plan,
    dispatch: Dispatch[Any],
    sink: Sink[Any],
    observer: ReplayObserver,
    order: LaneOrder,
) -> SpoolParts | None:
    settings = plan.stream.spool
    if settings.folder is None or not plan.spools:
        return None
    spool = Spool(Path(settings.folder), plan.spec, bytes_max=settings.bytes_max, order=order)
    forward = StoreForward(
        dispatch,
        sink,
        spool,
        order,
        delivery_timeout_s=plan.stream.sink.delivery_timeout_ms / 1000,
        clock=SystemClock(),
        observer=observer,
        trouble=plan.trouble,
    )
    return SpoolParts(spool, forward)
