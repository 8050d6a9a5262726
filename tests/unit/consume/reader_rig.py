"""A reader with its feeds, real lanes, and Kafka's clients as fakes; sinks end when told to."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import msgspec
import pytest
from tests.unit.consume.fake_kafka import TOPIC, FakeConsumer, FakeFacts, FakeProducer
from tests.unit.delivery.lane_rig import GatedSink, settler_of

from utility_ts_analytics.buffering.block import Failure
from utility_ts_analytics.buffering.queue import BlockQueue
from utility_ts_analytics.clock import SystemClock
from utility_ts_analytics.config import KafkaConfig, SourceConfig, parse_config
from utility_ts_analytics.consume import dead_letters, group
from utility_ts_analytics.consume.claims import Lease
from utility_ts_analytics.consume.dead_letters import DeadLetterTopic
from utility_ts_analytics.consume.feed import Feed
from utility_ts_analytics.consume.fence import Fence, FencedSink
from utility_ts_analytics.consume.group import GroupMember
from utility_ts_analytics.consume.pieces import Reshape
from utility_ts_analytics.consume.reader import Reader
from utility_ts_analytics.consume.rules import Rules
from utility_ts_analytics.delivery.batch import BatchLimits
from utility_ts_analytics.delivery.lane import Lane
from utility_ts_analytics.delivery.order import StreamOrder
from utility_ts_analytics.delivery.sending import RetryPolicy
from utility_ts_analytics.delivery.waits import Backoff
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.sinks.contract import Delivered, Outcome
from utility_ts_analytics.sinks.ilp.text_blocks import json_encoder
from utility_ts_analytics.telemetry.measures import Measures

STREAM = "meter_usage"
SESSION_S = 2.0
STORED: Outcome = Delivered()
_LIMIT_S = 30.0
_STOP_S = 4.0


class QuickClock(SystemClock):
    """The machine's time, with waits that end at once."""

    async def sleep(self, duration_s: float) -> None:
        await asyncio.sleep(min(duration_s, 0.002))


def reading(meter: str, **more: object) -> bytes:
    """Return a record; its meter says which one it is."""
    return msgspec.json.encode({"ts": "2024-05-01T00:00:00Z", "meter_id": meter, "kwh": 1, **more})


class Rig:
    """One database per sink; partition n goes to database n, if there are several.

    Attributes:
        sinks: What each database is sent.
        consumer: Kafka's client.
        facts: What brokers say of the topic.
        producer: The one of the dead-letter topic.
        ended: Tasks that ended before they should.
    """

    def __init__(self, databases: int, ends: dict[int, int]) -> None:
        self.consumer = FakeConsumer(partitions=3)
        self.facts = FakeFacts(self.consumer)
        self.producer = FakeProducer()
        self.sinks = [GatedSink() for _ in range(databases)]
        self.ended: list[asyncio.Task[None]] = []
        self.refusal: Failure | None = None
        self.clock = QuickClock()
        self.measures = Measures()
        self._ends = ends

    def build(self) -> Reader:
        """Build the parts; on the event loop, with the fakes in place."""
        kafka, clock = KafkaConfig(), self.clock
        lease = Lease(SESSION_S, clock.boot_s)
        reshape = Reshape(STREAM, {})
        letters = DeadLetterTopic(kafka, "letters", by_partition=False)

        async def prove() -> None:
            await reader.prove()

        fence = Fence(lease, prove)
        self.lanes = [self._lane(sink, fence) for sink in self.sinks]
        feeds = [
            self._feed(lane, number, reshape, letters) for number, lane in enumerate(self.lanes)
        ]
        reader = Reader(
            feeds,
            reshape=reshape,
            letters=letters,
            lease=lease,
            topic=TOPIC,
            measures=self.measures,
            clock=clock,
        )
        reader.join_as(
            GroupMember(kafka, "group", TOPIC, release=reader.release, clock=clock, ends=self._ends)
        )
        return reader

    def _feed(self, lane: Lane, number: int, reshape: Reshape, letters: DeadLetterTopic) -> Feed:
        source: SourceConfig = parse_config({}, {}).meter_usage.source
        spec = STREAMS[STREAM]
        return Feed(
            [lane],
            partitions=None if len(self.sinks) == 1 else [number],
            rules=Rules(spec, source, self.clock, json_encoder(STREAM, spec, spec.record_type)),
            reshape=reshape,
            letters=letters,
            refusal=lambda: self.refusal,
            stream=STREAM,
            topic=TOPIC,
            shard=str(number) if len(self.sinks) > 1 else "",
            measures=self.measures,
            clock=self.clock,
        )

    def _lane(self, sink: GatedSink, fence: Fence) -> Lane:
        clock = SystemClock()
        fenced, order = FencedSink(sink, fence), StreamOrder(None, clock).lane()
        policy = RetryPolicy(0, Backoff(0.001, 0.001), 10.0)
        return Lane(
            BlockQueue(rows_max=40, bytes_max=2_000_000),
            fenced,
            settler_of(fenced, policy, clock, order=order),
            limits=BatchLimits(batch_size=10, max_batch_linger_s=0.0),
            delivery_timeout_s=30.0,
            order=order,
            clock=clock,
            closables=[],
        )

    def open_gates(self, *numbers: int) -> None:
        """Let these sinks, or all, store what they are sent from now on."""
        for sink in [self.sinks[number] for number in numbers] or self.sinks:
            sink.open_gate = True
            if sink.gate is not None and not sink.gate.done():
                sink.end_send(STORED)

    async def until(self, holds: Callable[[], object], what: str) -> None:
        """Wait for a condition."""
        try:
            async with asyncio.timeout(_LIMIT_S):
                while not holds():
                    await asyncio.sleep(0.002)
        except TimeoutError:
            events = self.consumer.events
            raise AssertionError(f"never so: {what}; {events}, {self.ended}") from None

    async def begin_sending(self, *values: bytes | None) -> None:
        """Assign partition 0 with these messages; return when the first sink is sent a row."""
        self.consumer.put(0, *values)
        self.consumer.assign(0)
        await self.until(lambda: self.sinks[0].gate, "a row is being sent")

    async def polled(self, times: int = 3) -> None:
        """Wait for some more polls: what was told before has happened."""
        wanted = self.consumer.polls + times
        await self.until(lambda: self.consumer.polls >= wanted, "it polls")

    def sent(self, number: int = 0) -> Sequence[str]:
        """Return the meters that a database was sent, in order."""
        return [meter for meters in self.sinks[number].sent for meter in meters]


Check = Callable[[Rig, Reader], Any]


def with_reader(
    monkeypatch: pytest.MonkeyPatch,
    check: Check,
    *,
    databases: int = 1,
    ends: dict[int, int] = {},  # noqa: B006  never changed
) -> Rig:
    """Run an asynchronous check beside a reader that has joined its group, then stop it."""
    rig = Rig(databases, ends)
    monkeypatch.setattr(group, "Consumer", lambda _options: rig.consumer)
    monkeypatch.setattr(group, "TopicFacts", lambda *_: rig.facts)
    monkeypatch.setattr(dead_letters, "Producer", lambda _options: rig.producer)
    monkeypatch.setattr(dead_letters, "_BACKOFF", Backoff(0.001, 0.001))

    async def main() -> None:
        async with _running(rig) as reader:
            await check(rig, reader)

    asyncio.run(main())
    return rig


@contextlib.asynccontextmanager
async def _running(rig: Rig) -> AsyncIterator[Reader]:
    reader = rig.build()
    for lane in rig.lanes:
        await lane.start(lambda _task: None)
    await reader.start(rig.ended.append)
    try:
        yield reader
    finally:
        reader.stop_reading()
        await asyncio.gather(*(lane.drain(0.2) for lane in rig.lanes))
        await reader.stop(_STOP_S)
        for lane in rig.lanes:
            await lane.close()
