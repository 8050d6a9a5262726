"""A dead-letter topic that takes nothing: it is told, and no refused record is passed over."""

import uuid
from collections.abc import Iterator

import msgspec
import pytest
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)
from tests.process.log_topics import ANSWER_S, SUFFIX, LogTopics, reading
from tests.process.running_consumer import run_consumer
from tests.process.running_service import QuestDBPorts, RunningService
from tests.process.stored_tables import StoredTables, until

LONG_S = 60.0


class Letters:
    """The dead-letter topic of a test, which is made late and changed."""

    def __init__(self, topics: LogTopics) -> None:
        self.name = topics.topic + SUFFIX
        self._admin = AdminClient({"bootstrap.servers": topics.addr})

    def make(self) -> None:
        made = self._admin.create_topics([NewTopic(self.name, 1, 1)], operation_timeout=ANSWER_S)
        made[self.name].result(ANSWER_S)

    def set(self, name: str, value: str) -> None:
        entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, self.name, incremental_configs=[entry])
        for done in self._admin.incremental_alter_configs([resource]).values():
            done.result(ANSWER_S)


@pytest.fixture(scope="module")
def topics(kafka_addr: str) -> LogTopics:
    return LogTopics(kafka_addr, uuid.uuid4().hex[:8], letter_partitions=0)


@pytest.fixture(scope="module")
def letters(topics: LogTopics) -> Letters:
    return Letters(topics)


@pytest.fixture(scope="module")
def consumer(
    questdb: QuestDBPorts, topics: LogTopics, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningService]:
    with run_consumer(tmp_path_factory.mktemp("letters"), questdb, topics) as running:
        yield running


def waiting(consumer: RunningService) -> dict[str, int]:
    """Return the refused records that wait, by reason, as the metrics have them."""
    found: dict[str, int] = {}
    for line in consumer.ask_operations("/metrics").body.decode().splitlines():
        if line.startswith("ingestion_dead_letters_waiting{") and 'stream="meter_usage"' in line:
            found[line.partition('reason="')[2].partition('"')[0]] = int(float(line.split()[-1]))
    return {reason: rows for reason, rows in found.items() if rows}


def log_of(consumer: RunningService) -> dict[str, object]:
    status = msgspec.json.decode(consumer.ask_operations("/status.json").body)
    found: dict[str, object] = status["streams"]["meter_usage"]["log"]
    return found


def assert_waits_until(
    consumer: RunningService, topics: LogTopics, reason: str, words: str
) -> tuple[int, bytes]:
    """Put a record that is refused: it waits, is told, and is not passed over."""
    offset, bad = topics.end(0), b"no json but " + uuid.uuid4().hex.encode()
    topics.put(bad, partition=0)
    until(lambda: waiting(consumer) == {reason: 1}, f"a letter waits: {reason}", timeout_s=LONG_S)
    until(lambda: words in consumer.unreadiness(), "it is told", timeout_s=LONG_S)
    assert "1 refused records of meter_usage wait" in consumer.unreadiness()
    assert log_of(consumer)["letters_waiting"] == {reason: 1}
    topics.put(reading(f"behind-{offset}"), partition=0)
    assert topics.committed()[0] <= offset
    return offset, bad


def assert_goes_on(
    consumer: RunningService, topics: LogTopics, tables: StoredTables, offset: int, bad: bytes
) -> None:
    """The record is kept, and what is behind it is committed."""
    until(lambda: topics.committed()[0] == offset + 2, "all is committed", timeout_s=LONG_S)
    until(lambda: not consumer.unreadiness(), "it is ready", timeout_s=LONG_S)
    assert waiting(consumer) == {}
    end = topics.end(0, topics.topic + SUFFIX)
    assert bad in {letter.value for letter in topics.dead_letters(end)}
    until(lambda: tables.count_meter(f"behind-{offset}") == 1, "the next record is stored")


def test_topic_that_is_missing_holds_the_partition_until_it_is_made(
    consumer: RunningService, topics: LogTopics, letters: Letters, tables: StoredTables
) -> None:
    warned = f"Kafka has no topic {letters.name}"
    until(lambda: warned in consumer.ask_operations("/readyz").body.decode(), "it is warned of")
    assert consumer.unreadiness() == ""
    told = f"the dead-letter topic {letters.name} does not exist"
    refused = assert_waits_until(consumer, topics, "missing", told)
    letters.make()
    assert_goes_on(consumer, topics, tables, *refused)


def test_topic_that_refuses_a_letter_holds_the_partition_until_it_is_mended(
    consumer: RunningService, topics: LogTopics, letters: Letters, tables: StoredTables
) -> None:
    letters.set("max.message.bytes", "90")
    refused = assert_waits_until(consumer, topics, "too-large", "raise max.message.bytes")
    letters.set("max.message.bytes", "1048588")
    assert_goes_on(consumer, topics, tables, *refused)
