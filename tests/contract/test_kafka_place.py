"""What `consume` relies on: where a partition was assigned by a number, a `seek` holds.

`OFFSET_END` is a question to brokers, which is asked again while they do not answer; the answer
moves the place behind a `seek` that was made meanwhile, and the messages between are never read.
"""

import threading
from contextlib import closing

import pytest
from confluent_kafka import OFFSET_END, Consumer, Producer, TopicPartition
from tests.running_kafka import TestKafka

from utility_ts_analytics.clock import SystemClock

pytestmark = pytest.mark.kafka

MESSAGES, WANTED = 20, 5
TIMEOUT_S = 1.0
READ_S = 6.0


@pytest.mark.parametrize("assigned", [0, OFFSET_END], ids=["number", "end"])
def test_seek_holds_where_the_place_was_a_number(assigned: int, kafka: TestKafka) -> None:
    topic = f"places{assigned}".replace("-", "_")
    kafka.make_topic(topic)
    producer = Producer({"bootstrap.servers": kafka.addr})
    for number in range(MESSAGES):
        producer.produce(topic, str(number), partition=0)
    assert producer.flush(READ_S) == 0
    options = {
        "bootstrap.servers": kafka.addr,
        "group.id": topic,
        "auto.offset.reset": "error",
        "enable.auto.commit": False,
        "socket.timeout.ms": int(1000 * TIMEOUT_S),
    }
    place = TopicPartition(topic, 0, assigned)
    with closing(Consumer(options)) as consumer:
        consumer.assign([TopicPartition(topic, 1, 0)])  # so that it is connected
        consumer.poll(1.0)
        with kafka.frozen():
            consumer.incremental_assign([place])
            consumer.pause([place])
            threading.Event().wait(2 * TIMEOUT_S)
            consumer.seek(TopicPartition(topic, 0, WANTED))
            consumer.resume([place])
            threading.Event().wait(TIMEOUT_S)
        found = offsets(consumer, MESSAGES - WANTED)
    if assigned == OFFSET_END:
        assert found == [], "the client has got better"
    else:
        assert found == list(range(WANTED, MESSAGES))


def offsets(consumer: Consumer, count: int) -> list[int | None]:
    """Return where messages of the first partition stand: so many, or those of some seconds."""
    found: list[int | None] = []
    clock = SystemClock()
    give_up_s = clock.monotonic_s() + READ_S
    while len(found) < count and clock.monotonic_s() < give_up_s:
        message = consumer.poll(0.1)
        if message is not None and message.error() is None and message.partition() == 0:
            found.append(message.offset())
    return found
