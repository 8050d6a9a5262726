"""What the log deleted before it was read is counted; a topic that is made anew is read as such."""

import json
import signal
import uuid
from pathlib import Path

import msgspec
import pytest
from tests.process.log_topics import LogTopics, reading
from tests.process.running_consumer import family_of, run_consumer, signal_all
from tests.process.running_service import MakeId, QuestDBPorts, RunningService
from tests.process.stored_tables import StoredTables, until

LONG_S = 60.0


@pytest.fixture
def topics(kafka_addr: str) -> LogTopics:
    return LogTopics(kafka_addr, uuid.uuid4().hex[:8], partitions=1)


def lost(consumer: RunningService) -> int:
    """Return the messages that were lost, as the metrics have them."""
    name = 'ingestion_log_messages_lost_total{partition="0",stream="meter_usage"} '
    text = consumer.ask_operations("/metrics").body.decode()
    return int(float(text.partition(name)[2].partition("\n")[0] or -1))


def losses(consumer: RunningService) -> list[tuple[int, int, int, int]]:
    """Return partition, first and end offset, and messages of each loss, as the log has them."""
    lines = [line for line in consumer.output().splitlines() if "deleted before they were" in line]
    names = ("partition", "first_offset", "end_offset", "messages")
    return [tuple(json.loads(line)[name] for name in names) for line in lines]


def until_all_is_stored(topics: LogTopics, offset: int) -> None:
    until(lambda: topics.committed()[0] == offset, "all is committed", timeout_s=LONG_S)


def test_deleted_messages_are_counted_behind_a_stop_and_behind_a_slow_consumer(
    questdb: QuestDBPorts, topics: LogTopics, tables: StoredTables, make_id: MakeId, tmp_path: Path
) -> None:
    meter = make_id("log")
    topics.put(*(reading(meter, minute) for minute in range(5)))
    topics.commit(0, 1)
    topics.delete_before(0, 3)
    with run_consumer(tmp_path, questdb, topics) as consumer:
        until_all_is_stored(topics, 5)
        assert tables.count_meter(meter) == 2
        assert losses(consumer) == [(0, 1, 3, 2)]
        until(lambda: lost(consumer) == 2, "it is counted")
        status = msgspec.json.decode(consumer.ask_operations("/status.json").body)
        assert status["ready"]
        [warning] = [line for line in status["warnings"] if "has deleted" in line]
        assert "has deleted 2 messages of meter_usage, partition 0" in warning
        assert status["streams"]["meter_usage"]["log"]["lost_messages"] == 2

        family = family_of(consumer)
        signal_all(family, signal.SIGSTOP)
        try:
            for minute in range(5, 20):  # the client may have asked for the first of them
                topics.put(reading(meter, minute))
            topics.delete_before(0, 15)
        finally:
            signal_all(family, signal.SIGCONT)
        until_all_is_stored(topics, 20)
        until(lambda: lost(consumer) > 2, "it is counted")
        assert lost(consumer) - 2 + tables.count_meter(meter) - 2 == 15
        assert losses(consumer)[1][2] == 15


def test_topic_that_is_made_anew_is_read_from_its_beginning(
    questdb: QuestDBPorts, topics: LogTopics, tables: StoredTables, make_id: MakeId, tmp_path: Path
) -> None:
    """Its offsets have reached those that were stored, so that no broker refuses them."""
    first, second, third = (make_id("log") for _ in range(3))
    topics.put(*(reading(first, minute) for minute in range(5)))
    with run_consumer(tmp_path, questdb, topics) as consumer:
        until_all_is_stored(topics, 5)
        topics.make_anew()
        topics.put(*(reading(second, minute) for minute in range(10)))
        until(lambda: tables.count_meter(second) == 10, "all of it is stored", timeout_s=LONG_S)
        until_all_is_stored(topics, 10)
        assert "all of a partition is read again" in consumer.output()
        assert losses(consumer) == []
    stale = topics.progress()
    topics.make_anew()
    topics.put(*(reading(third, minute) for minute in range(15)))
    topics.commit(0, 10, stale)  # as a consumer does that has not seen it yet
    with run_consumer(tmp_path, questdb, topics) as consumer:
        until_all_is_stored(topics, 15)
        assert tables.count_meter(third) == 15
        assert losses(consumer) == []
