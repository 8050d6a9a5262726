"""A dead-letter topic that takes nothing: it is told, and no refused record is passed over."""

import os
import secrets
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)
from tests.process.log_topics import ANSWER_S, SUFFIX, LogTopics, reading
from tests.process.running_consumer import family_of, run_consumer
from tests.process.running_service import QuestDBPorts, RunningService
from tests.process.stored_tables import StoredTables, until
from tests.running_kafka import TestKafka

LONG_S = 60.0
SMALL_BYTES = 100_000
CPU_SHARE_MAX = 0.3
"""Of one core, for all processes of the consumer: a loop without a wait takes a whole one."""


class Letters:
    """The dead-letter topic of a test, which is made late and changed."""

    def __init__(self, topics: LogTopics) -> None:
        self.name = topics.topic + SUFFIX
        self._admin = AdminClient({"bootstrap.servers": topics.addr})
        topic = (ResourceType.TOPIC, self.name, ResourcePatternType.LITERAL, "User:ANONYMOUS", "*")
        self._read = AclBinding(*topic, AclOperation.READ, AclPermissionType.ALLOW)
        self._all = AclBindingFilter(*topic, AclOperation.ANY, AclPermissionType.ANY)

    def make(self, replicas: int = 1) -> None:
        topic = NewTopic(self.name, 1, replicas)
        self._admin.create_topics([topic], operation_timeout=ANSWER_S)[self.name].result(ANSWER_S)

    def delete(self) -> None:
        self._admin.delete_topics([self.name], operation_timeout=ANSWER_S)[self.name].result()
        until(
            lambda: self.name not in self._admin.list_topics(timeout=ANSWER_S).topics,
            "the topic is deleted",
        )

    def allow_only_to_read(self) -> None:
        """Give a right: all others are gone with that."""
        for done in self._admin.create_acls([self._read]).values():
            done.result(ANSWER_S)

    def allow_everything(self) -> None:
        for done in self._admin.delete_acls([self._all]).values():
            assert len(done.result(ANSWER_S)) == 1

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


def cpu_share(consumer: RunningService) -> float:
    """Return the share of a core that the consumer takes, over one second."""
    before_s, began_s = cpu_s(consumer), time.monotonic()
    threading.Event().wait(1)
    return (cpu_s(consumer) - before_s) / (time.monotonic() - began_s)


def cpu_s(consumer: RunningService) -> float:
    stats = [Path(f"/proc/{pid}/stat").read_text() for pid in family_of(consumer)]
    ticks = (stat.rpartition(")")[2].split()[11:13] for stat in stats)
    return sum(int(user) + int(system) for user, system in ticks) / os.sysconf("SC_CLK_TCK")


def log_of(consumer: RunningService) -> dict[str, object]:
    status = msgspec.json.decode(consumer.ask_operations("/status.json").body)
    found: dict[str, object] = status["streams"]["meter_usage"]["log"]
    return found


def assert_waits_until(
    consumer: RunningService, topics: LogTopics, tables: StoredTables, reason: str, words: str
) -> tuple[int, bytes]:
    """Put a record that is refused: it waits, is told, and is not passed over."""
    offset, bad = topics.end(0), b"no json but " + uuid.uuid4().hex.encode()
    behind = f"behind-{topics.topic}-{offset}"
    topics.put(bad, partition=0)
    until(lambda: waiting(consumer) == {reason: 1}, f"a letter waits: {reason}", timeout_s=LONG_S)
    until(lambda: words in consumer.unreadiness(), "it is told", timeout_s=LONG_S)
    assert "1 refused records of meter_usage wait" in consumer.unreadiness()
    assert log_of(consumer)["letters_waiting"] == {reason: 1}
    topics.put(reading(behind), partition=0)
    until(lambda: tables.count_meter(behind) == 1, "the next record is stored", timeout_s=LONG_S)
    until(lambda: cpu_share(consumer) < CPU_SHARE_MAX, "waiting takes no CPU", timeout_s=LONG_S)
    assert topics.committed()[0] <= offset
    return offset, bad


def assert_goes_on(consumer: RunningService, topics: LogTopics, offset: int, bad: bytes) -> None:
    """The record is kept, and what is behind it is committed."""
    until(lambda: topics.committed()[0] == offset + 2, "all is committed", timeout_s=LONG_S)
    until(lambda: not consumer.unreadiness(), "it is ready", timeout_s=LONG_S)
    assert waiting(consumer) == {}
    end = topics.end(0, topics.topic + SUFFIX)
    assert bad in {letter.value for letter in topics.dead_letters(end)}


def test_topic_that_is_missing_holds_the_partition_until_it_is_made(
    consumer: RunningService, topics: LogTopics, letters: Letters, tables: StoredTables
) -> None:
    warned = f"Kafka has no topic {letters.name}"
    until(lambda: warned in consumer.ask_operations("/readyz").body.decode(), "it is warned of")
    assert consumer.unreadiness() == ""
    told = f"the dead-letter topic {letters.name} does not exist"
    refused = assert_waits_until(consumer, topics, tables, "missing", told)
    letters.make()
    assert_goes_on(consumer, topics, *refused)


def test_topic_without_the_right_to_write_holds_the_partition_until_it_is_given(
    consumer: RunningService, topics: LogTopics, letters: Letters, tables: StoredTables
) -> None:
    letters.allow_only_to_read()
    told = f"this user may not write to the dead-letter topic {letters.name}"
    refused = assert_waits_until(consumer, topics, tables, "not-allowed", told)
    letters.allow_everything()
    assert_goes_on(consumer, topics, *refused)


def test_topic_that_takes_not_even_a_cut_letter_holds_the_partition_until_it_is_mended(
    consumer: RunningService, topics: LogTopics, letters: Letters, tables: StoredTables
) -> None:
    letters.set("max.message.bytes", "90")
    refused = assert_waits_until(consumer, topics, tables, "too-large", "raise max.message.bytes")
    letters.set("max.message.bytes", str(SMALL_BYTES))
    assert_goes_on(consumer, topics, *refused)


def test_record_that_is_too_large_for_the_topic_is_cut(
    consumer: RunningService, topics: LogTopics, letters: Letters
) -> None:
    letters.set("max.message.bytes", str(SMALL_BYTES))
    before, offset = topics.end(0, letters.name), topics.end(0)
    large = secrets.token_hex(SMALL_BYTES).encode()
    topics.put(large, partition=0)
    until(lambda: topics.committed()[0] == offset + 1, "it is committed", timeout_s=LONG_S)
    letter = topics.dead_letters(before + 1)[before]
    assert letter.value == large[: len(letter.value)]
    assert len(letter.value) >= SMALL_BYTES / 2
    assert letter.headers["dead-letter-size"] == b"%d" % len(large)
    assert letter.headers["dead-letter-offset"] == b"%d" % offset
    assert "dead letters were cut" in consumer.output()


def test_letters_that_are_too_large_only_together_are_kept_whole(
    consumer: RunningService, topics: LogTopics, letters: Letters
) -> None:
    letters.set("max.message.bytes", str(SMALL_BYTES))
    before, offset = topics.end(0, letters.name), topics.end(0)
    lines = [secrets.token_hex(10_000).encode() for _ in range(20)]
    topics.put(b"\n".join(lines), partition=0)
    until(lambda: topics.committed()[0] == offset + 1, "all is committed", timeout_s=LONG_S)
    kept = {letter.value for letter in topics.dead_letters(before + len(lines))[before:]}
    assert kept == set(lines)


def test_topic_with_too_few_replicas_holds_the_partition_until_there_are_enough(
    consumer: RunningService,
    kafka: TestKafka,
    topics: LogTopics,
    letters: Letters,
    tables: StoredTables,
    tmp_path: Path,
) -> None:
    letters.delete()
    with kafka.second_broker(tmp_path / "broker"):
        letters.make(replicas=2)
        letters.set("min.insync.replicas", "2")
    told = f"too few brokers have all of the dead-letter topic {letters.name}"
    refused = assert_waits_until(consumer, topics, tables, "too-few-replicas", told)
    letters.set("min.insync.replicas", "1")
    assert_goes_on(consumer, topics, *refused)
