"""The promises of the Kafka sink against a real broker; `test_sinks.py` has those of QuestDB."""

import asyncio
import itertools
import random
import threading
import time
from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from confluent_kafka import Message
from tests.running_kafka import KAFKA_PARTITIONS, TestKafka
from tests.unit.delivery.lane_rig import settled_by_a_lane

from utility_ts_analytics.buffering.block import Block, Settlement
from utility_ts_analytics.clock import SystemClock
from utility_ts_analytics.config import Address, KafkaConfig
from utility_ts_analytics.config.problems import Problems
from utility_ts_analytics.delivery.sending import RetryPolicy
from utility_ts_analytics.delivery.waits import Backoff
from utility_ts_analytics.records.reading import Reading
from utility_ts_analytics.records.streams import STREAMS, MeterUsage
from utility_ts_analytics.sinks.contract import Delivered, InDoubt, Outcome, Rejected, RetryLater
from utility_ts_analytics.sinks.kafka.messages import head_of
from utility_ts_analytics.sinks.kafka.partitioning import partition_of
from utility_ts_analytics.sinks.kafka.sink import KafkaSink
from utility_ts_analytics.sinks.kafka.topic import LogTopic, make_topics

pytestmark = pytest.mark.kafka

SPEC = STREAMS["meter_usage"]
TS = datetime(2026, 1, 1, tzinfo=UTC)
TIMEOUT_S = 90.0


def reading(number: int, meter_id: str | None = None, **fields: Any) -> MeterUsage:
    event_id = f"0a1b2c3d-0a1b-8c2d-9a1b-{number:012x}"
    ts = TS + timedelta(minutes=number)
    name = meter_id or f"m-{number % 50}"
    return MeterUsage(ts=ts, meter_id=name, kwh=float(number), event_id=event_id, **fields)


def block_of(rows: Sequence[Reading], request_id: str = "r1") -> Block:
    return Block(rows, range(len(rows)), 100 * len(rows), Settlement(request_id))


def sink_of(kafka: KafkaConfig, topic: str) -> KafkaSink:
    return KafkaSink(kafka, LogTopic(kafka, topic, SystemClock()), SPEC)


async def send(
    sink: KafkaSink, *blocks: Block, times: int = 1, timeout_s: float = TIMEOUT_S
) -> list[Outcome]:
    payload = sink.new_payload()
    for block in blocks:
        payload.encode(block)
    return [await payload.send(timeout_s=timeout_s) for _ in range(times)]


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def rows_of(messages: Sequence[Message]) -> list[MeterUsage]:
    decode = msgspec.json.Decoder(MeterUsage).decode_lines
    return [row for message in messages for row in decode(message.value() or b"")]


def test_every_row_is_in_the_partition_of_its_key_in_order(kafka: TestKafka) -> None:
    kafka.make_topic("sink-order")
    rows = [reading(number) for number in range(2000)]

    async def main() -> None:
        sink = sink_of(kafka.config, "sink-order")
        blocks = [block_of(rows[:700]), block_of(rows[700:1500], "r2"), block_of(rows[1500:], "")]
        assert await send(sink, *blocks) == [Delivered()]
        assert [list(block.rows) for block in blocks] == [rows[:700], rows[700:1500], rows[1500:]]
        await sink.close()
        await sink.close()

    run(main())
    messages = kafka.read("sink-order", len(rows))
    assert len(messages) == KAFKA_PARTITIONS
    for message in messages:
        mine = [
            r for r in rows if partition_of(r.meter_id, KAFKA_PARTITIONS) == message.partition()
        ]
        assert rows_of([message]) == mine
        head = head_of(message.headers())
        assert head is not None
        assert (head.stream, head.rows, head.request_ids) == (
            "meter_usage",
            len(mine),
            ("r1", "r2"),
        )


def test_messages_are_split_at_the_wanted_size(kafka: TestKafka) -> None:
    kafka.make_topic("sink-split", 1)
    small = msgspec.structs.replace(kafka.config, message_max_bytes=16_384)
    rows = [reading(number, "m", premise_id="\x01" * 256) for number in range(200)]

    async def main() -> None:
        sink = sink_of(small, "sink-split")
        assert await send(sink, block_of(rows)) == [Delivered()]
        await sink.close()

    run(main())
    messages = kafka.read("sink-split", len(rows))
    assert rows_of(messages) == rows
    assert len(messages) > 10
    assert max(len(message.value() or b"") for message in messages) <= 16_384


def test_payload_that_is_delivered_is_not_sent_again(kafka: TestKafka) -> None:
    kafka.make_topic("sink-twice", 1)

    async def main() -> None:
        sink = sink_of(kafka.config, "sink-twice")
        assert await send(sink, block_of([reading(1)]), times=2) == [Delivered()] * 2
        assert await send(sink, block_of([reading(2)])) == [Delivered()]
        await sink.close()

    run(main())
    assert rows_of(kafka.read("sink-twice", 2)) == [reading(1), reading(2)]


def test_missing_topic_is_said_until_it_is_made(kafka: TestKafka) -> None:
    async def main() -> None:
        sink = sink_of(kafka.config, "sink-late")
        payload = sink.new_payload()
        payload.encode(block_of([reading(1)]))
        outcome = await payload.send(timeout_s=TIMEOUT_S)
        assert isinstance(outcome, RetryLater)
        assert outcome.code == "schema-missing"
        await asyncio.to_thread(kafka.make_topic, "sink-late")
        assert await payload.send(timeout_s=TIMEOUT_S) == Delivered()
        await sink.close()

    run(main())


def test_message_over_the_topics_limit_is_refused_so_that_it_is_halved(kafka: TestKafka) -> None:
    make_topics(kafka.config, {"sink-narrow": 1}, settings={"max.message.bytes": "2000"})

    async def main() -> None:
        sink = sink_of(kafka.config, "sink-narrow")
        rows = [reading(number, f"m-{number * 7919}") for number in range(500)]
        outcomes = await send(sink, block_of(rows))
        assert isinstance(outcomes[0], Rejected)
        assert outcomes[0].row_index is None
        # A new producer takes the place of the one that failed.
        assert await send(sink, block_of([reading(1)])) == [Delivered()]
        await sink.close()

    run(main())


def test_a_refused_row_does_not_take_others_with_it(kafka: TestKafka) -> None:
    """A whole lane: the batch is halved until the row that is too large is alone."""
    make_topics(kafka.config, {"sink-refused": 1}, settings={"max.message.bytes": "900"})
    letters = random.Random(7)  # noqa: S311 - no secret
    texts = iter(letters.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=5 * 256))
    large = {
        name: "".join(itertools.islice(texts, 256))
        for name in ("premise_id", "quality_flag", "source_system", "meter_id")
    }
    rows = [reading(number, "m") for number in range(12)]
    rows[7] = msgspec.structs.replace(rows[7], **large)

    async def main() -> Settlement:
        return await settled_by_a_lane(
            sink_of(kafka.config, "sink-refused"),
            block_of(rows),
            RetryPolicy(2, Backoff(0.01, 0.1), 20.0),
            delivery_timeout_s=60.0,
        )

    settlement = asyncio.run(main())
    assert settlement.stored_rows == 11
    assert [error.position for error in settlement.rejected] == [7]
    found = rows_of(kafka.read("sink-refused", 11))
    assert {row.kwh for row in found} == {float(number) for number in range(12) if number != 7}


def test_away_brokers_are_an_outcome_within_the_time() -> None:
    async def main() -> None:
        away = KafkaConfig(brokers=(Address("127.0.0.1", 1),))
        topic = LogTopic(away, "meter_usage", SystemClock())
        for partitions in (0, 4):  # not known yet, and known from before
            topic.partitions = partitions
            sink = KafkaSink(away, topic, SPEC)
            started_s = time.monotonic()
            (outcome,) = await send(sink, block_of([reading(1)]), timeout_s=4.0)
            assert time.monotonic() - started_s < 4.0 + 5.0
            assert isinstance(outcome, RetryLater | InDoubt)
            assert not (isinstance(outcome, InDoubt) and outcome.may_come_late)
            assert "127.0.0.1:1" in outcome.reason
            await sink.close()

    run(main())


@pytest.mark.process
def test_frozen_broker_leaves_its_messages_in_doubt_and_a_new_producer_goes_on(
    kafka: TestKafka,
) -> None:
    kafka.make_topic("sink-frozen", 1)

    async def main() -> None:
        sink = sink_of(kafka.config, "sink-frozen")
        assert await send(sink, block_of([reading(1)])) == [Delivered()]
        payload = sink.new_payload()
        payload.encode(block_of([reading(2)]))
        with kafka.frozen():
            outcome = await payload.send(timeout_s=3.0)
            assert isinstance(outcome, InDoubt)
            assert outcome.may_come_late
        assert await payload.send(timeout_s=TIMEOUT_S) == Delivered()
        await sink.close()

    run(main())
    numbers = [row.kwh for row in rows_of(kafka.read("sink-frozen", 2))]
    assert numbers[0] == 1.0
    assert set(numbers[1:]) == {2.0}


@pytest.mark.process
def test_cancelled_send_leaves_no_thread_behind(kafka: TestKafka) -> None:
    kafka.make_topic("sink-cancelled", 1)

    async def main() -> None:
        sink = sink_of(kafka.config, "sink-cancelled")
        assert await send(sink, block_of([reading(1)])) == [Delivered()]
        with kafka.frozen():
            sending = asyncio.ensure_future(send(sink, block_of([reading(2)])))
            await asyncio.sleep(0.1)
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
        await sink.close()

    run(main())
    give_up_at_s = time.monotonic() + TIMEOUT_S
    while any(thread.name == "kafka-poll" for thread in threading.enumerate()):
        assert time.monotonic() < give_up_at_s
        threading.Event().wait(0.05)


def test_wrong_client_setting_is_an_outcome_that_names_it(kafka: TestKafka) -> None:
    client = kafka.config.client.overlaid({"no.such.setting": "hush"}, Problems())
    wrong = msgspec.structs.replace(kafka.config, client=client)

    async def main() -> None:
        topic = LogTopic(wrong, "meter_usage", SystemClock())
        topic.partitions = 4
        (outcome,) = await send(KafkaSink(wrong, topic, SPEC), block_of([reading(1)]))
        assert isinstance(outcome, RetryLater)
        assert "no.such.setting" in outcome.reason
        assert "hush" not in outcome.reason

    run(main())
