"""Builds from a config the plan of `consume`, its workers and its operations port."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Final

import msgspec
import uvloop

from utility_ts_analytics.asgi.openapi import openapi_document
from utility_ts_analytics.asgi.operations import PATHS
from utility_ts_analytics.asgi.protocol import AsgiApp
from utility_ts_analytics.buffering.block import Failure
from utility_ts_analytics.clock import SystemClock
from utility_ts_analytics.config import Config, url_of
from utility_ts_analytics.consume.claims import Lease
from utility_ts_analytics.consume.dead_letters import DeadLetterTopic
from utility_ts_analytics.consume.feed import Feed
from utility_ts_analytics.consume.fence import Fence, FencedSink
from utility_ts_analytics.consume.group import GroupMember
from utility_ts_analytics.consume.lag import LogWatch
from utility_ts_analytics.consume.pieces import Reshape
from utility_ts_analytics.consume.reader import Reader
from utility_ts_analytics.consume.rules import Rules
from utility_ts_analytics.consume.shard_map import dead_letter_topic, why_not_to_read
from utility_ts_analytics.delivery.assembly import json_encoder_of, make_lanes
from utility_ts_analytics.delivery.lane import shared_refusal
from utility_ts_analytics.delivery.order import StreamOrder
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.service.assembly import database_watch, operations_app, operations_plan
from utility_ts_analytics.service.consume_worker import ConsumeWorker, Store
from utility_ts_analytics.service.plans import ConsumerPlan, ServicePlan
from utility_ts_analytics.service.shared_worker_state import WorkerStateFile
from utility_ts_analytics.telemetry.logs import name_process
from utility_ts_analytics.telemetry.measures import Measures

_RETRIES_MAX: Final = 100
"""So that only `delivery_timeout_ms` bounds a delivery: nobody waits for an answer."""


def consume_plan(config: Config) -> ServicePlan:
    """Return what the supervisor of `consume` has to run."""
    server = config.server
    consumers = [
        ConsumerPlan(
            name=name,
            workers=config.kafka.consumer.workers,
            run=partial(run_worker, config, name),
            drain_timeout_s=server.drain_timeout_s,
        )
        for name in config.streams
    ]
    operations = operations_plan(config, partial(_operations, config))
    return ServicePlan(
        servers=[*consumers, operations],
        worker_silent_s=server.worker_silent_s,
        log_level=server.log_level,
        log_format=server.log_format,
    )


def run_worker(config: Config, name: str, runtime_dir: Path) -> None:
    """Consume one stream until a signal to stop. The body of a worker process."""
    name_process(stream=name)

    async def work() -> None:
        kafka = config.kafka
        topic = kafka.topics.of(name)
        await make_worker(config, name, runtime_dir, topic=topic, group=kafka.group).run()

    uvloop.run(work())


def make_worker(
    config: Config,
    name: str,
    runtime_dir: Path,
    *,
    topic: str,
    group: str,
    ends: Mapping[int, int] = MappingProxyType({}),
) -> ConsumeWorker:
    """Build a worker. On its event loop.

    Args:
        config: All of it.
        name: The stream.
        runtime_dir: For its state, and the order of the stream.
        topic: That it reads.
        group: The consumer group.
        ends: By partition, the offset from which on messages are left alone.
    """
    clock = SystemClock()
    state_file = WorkerStateFile(runtime_dir, name)
    lease = Lease(config.kafka.consumer.session_timeout_ms / 1000, clock.boot_s)

    async def prove() -> None:
        await reader.prove()

    fence = Fence(lease, prove)
    reshape = Reshape(name, config.kafka.fields.of(name))
    letters_topic = dead_letter_topic(config.kafka, name)
    letters = DeadLetterTopic(config.kafka, letters_topic, by_partition=bool(config.questdb.shards))
    into = _into_questdb(config)
    stores = [
        _store(shard, one, name, runtime_dir, measures=state_file.measures, fence=fence)
        for shard, one in into.databases.items()
    ]
    encode = json_encoder_of(into, name)
    make_feed = partial(
        Feed,
        rules=Rules(STREAMS[name], into.streams[name].source, clock, encode),
        reshape=reshape,
        letters=letters,
        stream=name,
        topic=topic,
        measures=state_file.measures,
        clock=clock,
    )
    reader = Reader(
        [_feed(one, config, make_feed) for one in stores],
        reshape=reshape,
        letters=letters,
        lease=lease,
        topic=topic,
        measures=state_file.measures,
        clock=clock,
    )
    reader.join_as(
        GroupMember(config.kafka, group, topic, release=reader.release, clock=clock, ends=ends)
    )
    why_not = partial(why_not_to_read, config)
    return ConsumeWorker(stores, reader, state_file, config.server.drain_timeout_s, clock, why_not)


def _feed(store: Store, config: Config, make_feed: Callable[..., Feed]) -> Feed:
    """Build the feed of one database; `make_feed` has what it shares with the others."""
    return make_feed(
        store.lanes,
        partitions=config.questdb.shards.partitions_of(store.shard),
        refusal=store.refusal,
        shard=store.shard,
    )


def _store(
    shard: str, config: Config, name: str, runtime_dir: Path, *, measures: Measures, fence: Fence
) -> Store:
    """Build what stores the rows of one database; `config` is that of this database alone."""
    clock, stream = SystemClock(), config.streams[name]
    watch = database_watch(config, [name])

    def trouble() -> Failure | None:
        return watch.failure_of(stream.table)

    order_file = f"{name}.{shard}.order" if shard else f"{name}.order"
    lanes = make_lanes(
        config,
        name,
        measures,
        trouble=trouble,
        spools=False,
        order=StreamOrder(runtime_dir / order_file, clock, lambda: watch.answered_s),
        guard=lambda sink: FencedSink(sink, fence),
    )
    return Store(shard, lanes, watch, lambda: shared_refusal(lanes, trouble))


def _into_questdb(config: Config) -> Config:
    """Return a configuration whose sinks write into QuestDB, acknowledged and with patience.

    A stream whose posts go into the log (`kind = "kafka"`) goes on from there by ILP. Refused
    records go into a topic, and the log is what a spool would be.
    """
    changed = {}
    for name, stream in config.streams.items():
        sink = stream.sink
        posts_to_log = sink.kind == "kafka"
        changed[name] = msgspec.structs.replace(
            stream,
            sink=msgspec.structs.replace(
                sink,
                kind="ilp" if posts_to_log else sink.kind,
                fallback="pgwire" if posts_to_log else sink.fallback,
                transport="http",
                ack="committed",
                max_retries=_RETRIES_MAX,
                dead_letter_dir=None,
            ),
        )
    return msgspec.structs.replace(config, **changed)


def _operations(config: Config, runtime_dir: Path) -> AsgiApp:
    """Build the application of the operations port. Called in its worker."""
    into_questdb = _into_questdb(config)
    own = operations_plan(config, partial(_operations, config))
    openapi = openapi_document([], url_of(config.metrics), PATHS)
    log = LogWatch(config, SystemClock())
    return operations_app(into_questdb, runtime_dir, [own], openapi, log=log)
